"""TLS over TCP for the client of the tests, on Python's own ssl module."""

from __future__ import annotations

import ssl
import warnings

from certificates import SERVER_NAME, test_authority
from stun_message import Endpoint
from turn_client import ANSWER_SECONDS, ConnectionEnded, TcpTransport


def client_context(
    *,
    verify: bool = True,
    alpn: tuple[str, ...] = (),
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
    ciphers: str | None = None,
) -> ssl.SSLContext:
    """Trusts the authority of the tests. `ciphers` is for TLS 1.2 and below."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify:
        context.load_verify_locations(test_authority().certificate)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if versions is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # tests offer old versions on purpose
            context.minimum_version, context.maximum_version = versions
    return context


class TlsTransport(TcpTransport):
    """`name` goes into SNI and must be in the certificate; None sends none. `prologue` goes ahead of the handshake."""

    def __init__(
        self,
        server: Endpoint,
        local: Endpoint | None = None,
        *,
        name: str | None = SERVER_NAME,
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        prologue: bytes = b"",
        receive_buffer: int | None = None,
    ):
        super().__init__(server, local, prologue=prologue, receive_buffer=receive_buffer)
        context = context or client_context(verify=name is not None)
        self.socket.settimeout(ANSWER_SECONDS)
        plain = self.socket
        try:
            self.socket = context.wrap_socket(plain, server_hostname=name, session=session)
        except OSError:
            plain.close()
            raise

    @property
    def certificate(self) -> bytes:
        """The server's, as DER."""
        return self.socket.getpeercert(binary_form=True) or b""

    def send(self, octets: bytes) -> None:
        try:
            super().send(octets)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise ConnectionEnded from error

    def close_with_notice(self) -> None:
        """close_notify, then the end of the connection."""
        try:
            self.socket.settimeout(1.0)
            self.socket.unwrap()
        except OSError:
            pass
        self.close()
