"""Whether a server serves."""

from __future__ import annotations

from server_fixture import ALICE, Server
from transports import HAS_DTLS, listener_of, open_transport
from turn_client import TurnClient


def assert_served(at: Server, *transports: str) -> None:
    """New clients of these transports, with handshakes where they have any."""
    for transport in transports:
        if transport == "dtls" and not HAS_DTLS:
            continue
        local = ("127.0.0.97", 0)
        client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport)), local), ALICE)
        client.allocate()
        assert client.refresh(0).is_success
        if transport == "dtls":
            client.transport.close_with_notice()
        client.close()
