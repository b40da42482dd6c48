"""The ways in which a client reaches the server, by name."""

from __future__ import annotations

import importlib.util

import pytest

from stun_message import Endpoint
from tls_transport import TlsTransport
from turn_client import TcpTransport, UdpTransport
from websocket_transport import WebSocketTransport

HAS_DTLS = importlib.util.find_spec("OpenSSL") is not None
needs_dtls = pytest.mark.skipif(not HAS_DTLS, reason="DTLS needs the package python3-openssl")

STREAMS = ("tcp", "tls", "wss")
DATAGRAMS = ("udp", "dtls")
ENCRYPTED = ("tls", "dtls", "wss")
ALL = ("udp", "tcp", "tls", "dtls", "wss")

# The transport of the listener that a client's transport wants, where the names differ.
LISTENERS = {"wss": "edge"}


def listener_of(transport: str) -> str:
    return LISTENERS.get(transport, transport)


def parameters(names: tuple[str, ...]) -> list:
    """For pytest: what cannot be had here is skipped with its reason."""
    return [pytest.param(name, marks=needs_dtls) if name == "dtls" else name for name in names]


def open_transport(transport: str, server: Endpoint, local: Endpoint | None = None, **options):
    """`options` are those of the transport's class."""
    if transport == "dtls":
        from dtls_transport import DtlsTransport

        return DtlsTransport(server, local, **options)
    kinds = {"udp": UdpTransport, "tcp": TcpTransport, "tls": TlsTransport, "edge": TlsTransport}
    kinds["wss"] = WebSocketTransport
    return kinds[transport](server, local, **options)
