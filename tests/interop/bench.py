"""The bench that most suites work at: the server in one namespace, a client in another, a cable between.

Its addresses are not loopback, and the certificates' names lead to the server in every namespace (namespaces.prepare).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from namespaces import Namespace, connect

SERVER_V4, CLIENT_V4 = "10.77.0.1", "10.77.0.2"
SERVER_V6, CLIENT_V6 = "fd77::1", "fd77::2"


@contextmanager
def server_and_client() -> Iterator[tuple[Namespace, Namespace]]:
    server, client = Namespace("server"), Namespace("client")
    try:
        connect(server, "to-client", client, "to-server")
        for namespace, device, v4, v6 in ((server, "to-client", SERVER_V4, SERVER_V6),
                                          (client, "to-server", CLIENT_V4, CLIENT_V6)):
            namespace.add_address(device, f"{v4}/24")
            namespace.add_address(device, f"{v6}/64")
        # Browsers take the address that leads to the default route.
        client.add_default_route(SERVER_V4)
        client.add_default_route(SERVER_V6)
        yield server, client
    finally:
        client.close()
        server.close()
