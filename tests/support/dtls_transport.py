"""DTLS 1.2 over UDP for the client of the tests: OpenSSL between two memory BIOs, a UDP socket beside them.

One call of `receive` gives the contents of one record, as a UDP socket gives one datagram. What the handshake needs is
sent again when OpenSSL's own timer says so; application data never is.
"""

from __future__ import annotations

import struct
import time
from collections import deque

from OpenSSL import SSL

from certificates import SERVER_NAME, test_authority
from stun_message import Endpoint
from turn_client import ANSWER_SECONDS, ConnectionEnded, UdpTransport

RECORD_HEADER_OCTETS = 13
DATAGRAM_OCTETS = 1400  # below any MTU in use, above any ClientHello


def client_context(*, verify: bool = True, alpn: tuple[str, ...] = (), ciphers: str | None = None) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    if verify:
        context.load_verify_locations(str(test_authority().certificate))
        context.set_verify(SSL.VERIFY_PEER)
    if alpn:
        context.set_alpn_protos([name.encode() for name in alpn])
    if ciphers is not None:
        context.set_cipher_list(ciphers.encode())
    return context


def split_records(octets: bytes) -> list[bytes]:
    """Each DTLS record says how long it is (RFC 6347 section 4.1)."""
    records = []
    while octets:
        size = RECORD_HEADER_OCTETS + struct.unpack(">H", octets[11:13])[0]
        records.append(octets[:size])
        octets = octets[size:]
    return records


class DtlsEndpoint:
    """The client's end of an association without a socket: datagrams in, datagrams out."""

    def __init__(self, name: str | None = SERVER_NAME, context: SSL.Context | None = None):
        self.connection = SSL.Connection(context or client_context(verify=name is not None), None)
        self.connection.set_connect_state()
        self.connection.set_ciphertext_mtu(DATAGRAM_OCTETS)
        if name is not None:
            self.connection.set_tlsext_host_name(name.encode())

    def take_outgoing(self) -> list[bytes]:
        """One record a datagram: simple, and allowed."""
        outgoing = b""
        while True:
            try:
                outgoing += self.connection.bio_read(1 << 16)
            except SSL.WantReadError:
                return split_records(outgoing)

    def advance_handshake(self) -> bool:
        """Whether it is complete. Sends again what is due."""
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            return False
        return True

    def client_hello(self) -> bytes:
        """The first datagram of a handshake."""
        self.advance_handshake()
        (hello,) = self.take_outgoing()
        return hello


class DtlsTransport(UdpTransport):
    is_stream = False

    def __init__(
        self,
        server: Endpoint,
        local: Endpoint | None = None,
        *,
        name: str | None = SERVER_NAME,
        context: SSL.Context | None = None,
        seconds: float = ANSWER_SECONDS,
    ):
        super().__init__(server, local)
        self.end = DtlsEndpoint(name, context)
        self.octets_sent = self.octets_received = 0
        self._messages: deque[bytes] = deque()
        self._ended = False
        self._handshake(seconds)

    def _handshake(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.end.advance_handshake():
            self._flush()
            datagram = super().receive(0.3)
            if datagram is not None:
                self.octets_received += len(datagram)
                self.end.connection.bio_write(datagram)
            elif time.monotonic() > deadline:
                self.socket.close()
                raise TimeoutError("the DTLS handshake did not come to its end")
        self._flush()
        self._read_records()  # the last flight may have brought data along

    @property
    def certificate(self) -> bytes:
        from OpenSSL import crypto

        return crypto.dump_certificate(crypto.FILETYPE_ASN1, self.end.connection.get_peer_certificate())

    def _flush(self) -> None:
        for datagram in self.end.take_outgoing():
            self.send_datagram(datagram)

    def send_datagram(self, octets: bytes) -> None:
        """As it is, beside the association."""
        self.octets_sent += len(octets)
        super().send(octets)

    def send(self, octets: bytes) -> None:
        if self._ended:
            raise ConnectionEnded
        if octets:  # OpenSSL writes no empty records
            try:
                self.end.connection.send(octets)
            except SSL.Error as error:
                raise ConnectionEnded from error
        self._flush()

    def receive(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while not self._messages:
            if self._ended:
                raise ConnectionEnded
            remaining = deadline - time.monotonic()
            datagram = super().receive(remaining) if remaining > 0 else None
            if datagram is None:
                return None
            self.octets_received += len(datagram)
            self.end.connection.bio_write(datagram)
            self._read_records()
        return self._messages.popleft()

    def _read_records(self) -> None:
        while True:
            try:
                self._messages.append(self.end.connection.recv(1 << 16))
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self._ended = True
                break
            except SSL.Error as error:
                raise ConnectionEnded from error
        self._flush()

    def is_closed_within(self, seconds: float) -> bool:
        """Whether close_notify or another alert comes; what else comes is thrown away."""
        deadline = time.monotonic() + seconds
        try:
            while (remaining := deadline - time.monotonic()) > 0:
                self.receive(remaining)
        except ConnectionEnded:
            return True
        return False

    def close_with_notice(self) -> None:
        try:
            self.end.connection.shutdown()
        except SSL.Error:
            pass
        self._flush()
        self.close()
