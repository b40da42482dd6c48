"""A STUN/TURN client for tests, written from the RFC texts alone; it shares no code with the server.

It retransmits nothing and hides nothing: on loopback a missing answer is a finding. Whatever the server sends is parsed
strictly, and every answer to an authenticated request is checked for the integrity that RFC 8489 section 9.2.4 demands.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from stun_message import (
    HEADER_OCTETS,
    MD5,
    SHA256,
    UDP,
    Attribute,
    Builder,
    ChannelData,
    Class,
    Endpoint,
    MalformedMessage,
    Message,
    Method,
    channel_data,
    long_term_key,
    padded,
    stream_channel_data,
    userhash_of,
)

ANSWER_SECONDS = 8.0  # generous: a loaded machine, a sanitizer
QUIET_SECONDS = 0.15

# Linux; the socket module does not know them.
IP_FREEBIND = 15
IPV6_FREEBIND = 78

Fill = Callable[[Builder], object]


class NoAnswer(AssertionError):
    """Nothing came within the time that an answer may take."""


class ConnectionEnded(Exception):
    """The server closed or reset the stream."""


def socket_family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint_of(address: tuple) -> Endpoint:
    return address[0], address[1]


def bind_local(client: socket.socket, local: Endpoint) -> None:
    """A port that a test names may be used again at once. Among ports that the system chooses, sharing would let two
    clients have one 5-tuple."""
    if local[1] != 0:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(local)


class UdpTransport:
    is_stream = False

    def __init__(self, server: Endpoint, local: Endpoint | None = None):
        self.server = server
        self.socket = socket.socket(socket_family(server[0]), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        if local is not None:
            bind_local(self.socket, local)
        self.socket.connect(server)

    @property
    def local(self) -> Endpoint:
        return endpoint_of(self.socket.getsockname())

    def send(self, octets: bytes) -> None:
        self.socket.send(octets)

    def receive(self, seconds: float) -> bytes | None:
        self.socket.settimeout(max(seconds, 0.0001))
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.socket.recv(65536)
            except TimeoutError:
                return None
            except ConnectionRefusedError:
                # An ICMP error for something sent earlier; the next datagram may still come.
                if time.monotonic() > deadline:
                    return None

    def close(self) -> None:
        self.socket.close()


class TcpTransport:
    """`prologue` goes ahead of everything else, as a proxy's header does; a small `receive_buffer` makes a slow reader."""

    is_stream = True
    send_seconds = ANSWER_SECONDS * 4  # how long the server may leave off reading

    def __init__(
        self,
        server: Endpoint,
        local: Endpoint | None = None,
        *,
        prologue: bytes = b"",
        receive_buffer: int | None = None,
    ):
        self.server = server
        self.socket = socket.socket(socket_family(server[0]), socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if local is not None:
            bind_local(self.socket, local)
        self.socket.settimeout(ANSWER_SECONDS)
        self.socket.connect(server)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        if prologue:
            self.socket.sendall(prologue)

    @property
    def local(self) -> Endpoint:
        return endpoint_of(self.socket.getsockname())

    def send(self, octets: bytes) -> None:
        self.socket.settimeout(self.send_seconds)
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ConnectionEnded from error

    def receive_some(self, seconds: float) -> bytes:
        """Whatever the stream has; b"" at its end. Raises TimeoutError."""
        self.socket.settimeout(seconds)
        return self.socket.recv(1 << 18)

    def receive(self, seconds: float) -> bytes | None:
        """One STUN message or one ChannelData message with its padding (RFC 8656 section 12.5)."""
        deadline = time.monotonic() + seconds
        while (size := self._next_size()) is None or len(self.buffer) < size:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            try:
                chunk = self.receive_some(remaining)
            except TimeoutError:
                return None
            except ConnectionResetError as error:
                raise ConnectionEnded from error
            if not chunk:
                raise ConnectionEnded
            self.buffer += chunk
        unit = bytes(self.buffer[:size])
        del self.buffer[:size]
        return unit

    def _next_size(self) -> int | None:
        if len(self.buffer) < 4:
            return None
        first, length = struct.unpack(">HH", self.buffer[:4])
        if first < 0x4000:
            return HEADER_OCTETS + length
        if first < 0x8000:
            return 4 + padded(length)
        raise MalformedMessage(f"the stream is out of step: {self.buffer[:20].hex()}")

    def read_to_end(self, seconds: float) -> bytes:
        """Everything until the server ends the stream, in whatever way. Raises TimeoutError if it does not."""
        deadline = time.monotonic() + seconds
        received = bytes(self.buffer)
        self.buffer.clear()
        try:
            while (remaining := deadline - time.monotonic()) > 0:
                chunk = self.receive_some(remaining)
                if not chunk:
                    return received
                received += chunk
            raise TimeoutError
        except TimeoutError:
            raise TimeoutError(f"the connection is still open; so far it said {received[:100]!r}") from None
        except OSError:
            pass
        return received

    def is_closed_within(self, seconds: float) -> bool:
        """Reads until the server ends the stream; what it still sends is thrown away."""
        try:
            self.read_to_end(seconds)
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.socket.close()


@dataclass(frozen=True)
class Credentials:
    username: str
    password: str = ""
    # How the key is made. MD5 alone is what RFC 5389 clients do: no PASSWORD-ALGORITHM(S), HMAC-SHA1.
    algorithm: int = MD5
    # RFC 8489 clients send PASSWORD-ALGORITHM(S) and MESSAGE-INTEGRITY-SHA256.
    is_modern: bool = False
    hides_username: bool = False

    @classmethod
    def modern(cls, username: str, password: str, algorithm: int = SHA256, hides_username: bool = False):
        return cls(username, password, algorithm, True, hides_username)


def timed_credentials(secret: str, *, seconds: int = 600, name: str = "rest-user", **how) -> Credentials:
    """The TURN REST form: the user name begins with the time of expiry, the password is an HMAC over the name."""
    expiry = int(time.time()) + seconds
    username = f"{expiry}:{name}" if name else str(expiry)
    password = base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()
    return Credentials.modern(username, password, **how) if how else Credentials(username, password)


def encode_algorithm(number: int, parameters: bytes = b"") -> bytes:
    return struct.pack(">HH", number, len(parameters)) + parameters + bytes(-len(parameters) % 4)


class TurnClient:
    """One 5-tuple. `request` signs, retries once after a 438, and verifies what comes back."""

    def __init__(self, transport: UdpTransport | TcpTransport, credentials: Credentials | None = None):
        self.transport = transport
        self.credentials = credentials
        self.realm: str | None = None
        self.nonce: str | None = None
        self.algorithms: bytes | None = None
        self.relayed: Endpoint | None = None
        self.allocation: Message | None = None
        self.stale_answers = 0
        self._unclaimed: deque[Message | ChannelData] = deque()

    # -- octets in and out ----------------------------------------------------------------------------------------

    @property
    def local(self) -> Endpoint:
        return self.transport.local

    @property
    def is_stream(self) -> bool:
        return self.transport.is_stream

    def send_raw(self, octets: bytes) -> None:
        self.transport.send(octets)

    def _receive_new(self, seconds: float) -> Message | ChannelData | None:
        octets = self.transport.receive(seconds)
        if octets is None:
            return None
        if octets[:1] and 0x40 <= octets[0] < 0x80:
            unit = ChannelData.parse(octets)
            if self.is_stream and (len(unit.padding) >= 4 or unit.padding.strip(b"\0")):
                raise MalformedMessage(f"ChannelData is padded with {unit.padding.hex()}")
            if not self.is_stream and unit.padding:
                raise MalformedMessage("ChannelData over UDP came with surplus octets")
            return unit
        return Message.parse(octets)

    def receive(self, seconds: float = ANSWER_SECONDS) -> Message | ChannelData | None:
        """The oldest thing that no transaction claimed."""
        if self._unclaimed:
            return self._unclaimed.popleft()
        return self._receive_new(seconds)

    def transact(self, octets: bytes, seconds: float = ANSWER_SECONDS) -> Message:
        """Sends one request and waits for the response that bears its transaction ID."""
        self.send_raw(octets)
        return self.wait_for_response(octets[8:20], seconds)

    def wait_for_response(self, transaction_id: bytes, seconds: float = ANSWER_SECONDS) -> Message:
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            unit = self._receive_new(remaining)
            if unit is None:
                break
            if isinstance(unit, Message) and unit.message_class >= Class.SUCCESS:
                if unit.transaction_id == transaction_id:
                    return unit
            self._unclaimed.append(unit)
        raise NoAnswer(f"no response to transaction {transaction_id.hex()}")

    def drain(self, seconds: float = QUIET_SECONDS) -> list[Message | ChannelData]:
        """Everything that arrives until it is quiet for `seconds`."""
        found = []
        while (unit := self.receive(seconds)) is not None:
            found.append(unit)
        return found

    def close(self) -> None:
        self.transport.close()

    # -- authentication -------------------------------------------------------------------------------------------

    @property
    def key(self) -> bytes:
        assert self.credentials is not None and self.realm is not None
        who = self.credentials
        return long_term_key(who.username, self.realm, who.password, who.algorithm)

    def learn(self, response: Message) -> None:
        """Keeps REALM, NONCE and PASSWORD-ALGORITHMS of a 401 or 438."""
        self.realm = response.text(Attribute.REALM)
        self.nonce = response.text(Attribute.NONCE)
        self.algorithms = response.find(Attribute.PASSWORD_ALGORITHMS)

    def challenge(self) -> Message:
        """An Allocate without credentials, as every first attempt is; returns the 401."""
        builder = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
        response = self.transact(builder.build())
        assert response.error == 401, f"an unauthenticated Allocate got {response}"
        self.learn(response)
        return response

    def add_credentials(
        self, builder: Builder, *, omit: frozenset[int] | set[int] = frozenset(), pad: int = 0
    ) -> Builder:
        """USERNAME or USERHASH, REALM, NONCE and, for modern credentials, the password algorithms."""
        assert self.credentials is not None
        if self.nonce is None:
            self.challenge()
        who = self.credentials
        if who.hides_username:
            identity = (Attribute.USERHASH, userhash_of(who.username, self.realm or ""))
        else:
            identity = (Attribute.USERNAME, who.username.encode())
        parts = [identity, (Attribute.REALM, (self.realm or "").encode())]
        parts.append((Attribute.NONCE, (self.nonce or "").encode()))
        if who.is_modern:
            parts.append((Attribute.PASSWORD_ALGORITHMS, self.algorithms or b""))
            parts.append((Attribute.PASSWORD_ALGORITHM, encode_algorithm(who.algorithm)))
        for attribute, value in parts:
            if attribute not in omit:
                builder.add(attribute, value, pad=pad)
        return builder

    def add_integrity(self, builder: Builder, **how) -> Builder:
        assert self.credentials is not None
        if self.credentials.is_modern:
            return builder.integrity_sha256(self.key, **how)
        return builder.integrity(self.key, **how)

    def sign(self, builder: Builder) -> Builder:
        return self.add_integrity(self.add_credentials(builder))

    def signed(self, method: int, fill: Fill | None = None, *, transaction_id: bytes | None = None) -> Builder:
        builder = Builder(method, transaction_id=transaction_id)
        if fill is not None:
            fill(builder)
        return self.sign(builder)

    def request(self, method: int, fill: Fill | None = None, *, retry: bool = True) -> Message:
        response = self.transact(self.signed(method, fill).build())
        if response.error == 438:
            self.stale_answers += 1
            self.learn(response)
            if retry:
                response = self.transact(self.signed(method, fill).build())
        self.check_integrity(response)
        assert response.method == method
        return response

    def check_integrity(self, response: Message) -> None:
        """RFC 8489 section 9.2.4: everything after authentication is signed, by one of the two attributes."""
        assert self.credentials is not None
        if response.error in (401, 438):
            return
        wanted, other = Attribute.MESSAGE_INTEGRITY, Attribute.MESSAGE_INTEGRITY_SHA256
        if self.credentials.is_modern:
            wanted, other = other, wanted
        if response.error == 400 and wanted not in response:
            return  # the request was too broken to be authenticated; tests that care look for themselves
        assert wanted in response, f"{wanted.name} is missing in {response}"
        assert other not in response, f"{other.name} is in {response}"
        assert response.has_valid_integrity(self.key), f"the integrity of {response} is wrong"

    # -- flows ----------------------------------------------------------------------------------------------------

    def binding(self, fill: Fill | None = None, seconds: float = ANSWER_SECONDS) -> Message:
        builder = Builder(Method.BINDING)
        if fill is not None:
            fill(builder)
        return self.transact(builder.build(), seconds)

    def try_allocate(
        self,
        *,
        protocol: int = UDP,
        lifetime: int | None = None,
        even_port: int | None = None,
        family: int | None = None,
        additional_family: int | None = None,
        token: bytes | None = None,
        dont_fragment: bool = False,
        fill: Fill | None = None,
    ) -> Message:
        def attributes(builder: Builder) -> None:
            builder.add(Attribute.REQUESTED_TRANSPORT, bytes([protocol, 0, 0, 0]))
            if lifetime is not None:
                builder.add_u32(Attribute.LIFETIME, lifetime)
            if even_port is not None:
                builder.add(Attribute.EVEN_PORT, bytes([even_port]))
            if family is not None:
                builder.add(Attribute.REQUESTED_ADDRESS_FAMILY, bytes([family, 0, 0, 0]))
            if additional_family is not None:
                builder.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, bytes([additional_family, 0, 0, 0]))
            if token is not None:
                builder.add(Attribute.RESERVATION_TOKEN, token)
            if dont_fragment:
                builder.add(Attribute.DONT_FRAGMENT)
            if fill is not None:
                fill(builder)

        response = self.request(Method.ALLOCATE, attributes)
        if response.is_success:
            self.allocation = response
            self.relayed = response.relayed
        return response

    def allocate(self, **options) -> Message:
        response = self.try_allocate(**options)
        assert response.is_success, f"Allocate got {response.error}"
        return response

    def try_refresh(self, lifetime: int | None = None, *, family: int | None = None) -> Message:
        def attributes(builder: Builder) -> None:
            if lifetime is not None:
                builder.add_u32(Attribute.LIFETIME, lifetime)
            if family is not None:
                builder.add(Attribute.REQUESTED_ADDRESS_FAMILY, bytes([family, 0, 0, 0]))

        return self.request(Method.REFRESH, attributes)

    def refresh(self, lifetime: int | None = None, *, family: int | None = None) -> Message:
        response = self.try_refresh(lifetime, family=family)
        assert response.is_success, f"Refresh got {response.error}"
        return response

    def try_create_permission(self, *peers: Endpoint) -> Message:
        return self.request(Method.CREATE_PERMISSION, lambda m: [m.add_peer(peer) for peer in peers])

    def create_permission(self, *peers: Endpoint) -> Message:
        response = self.try_create_permission(*peers)
        assert response.is_success, f"CreatePermission got {response.error}"
        return response

    def try_channel_bind(self, channel: int, peer: Endpoint) -> Message:
        def attributes(builder: Builder) -> None:
            builder.add(Attribute.CHANNEL_NUMBER, struct.pack(">HH", channel, 0)).add_peer(peer)

        return self.request(Method.CHANNEL_BIND, attributes)

    def channel_bind(self, channel: int, peer: Endpoint) -> Message:
        response = self.try_channel_bind(channel, peer)
        assert response.is_success, f"ChannelBind got {response.error}"
        return response

    def send_indication(self, peer: Endpoint, payload: bytes, fill: Fill | None = None) -> None:
        builder = Builder(Method.SEND, Class.INDICATION).add_peer(peer).add(Attribute.DATA, payload)
        if fill is not None:
            fill(builder)
        self.send_raw(builder.build())

    def send_channel(self, channel: int, payload: bytes) -> None:
        encode = stream_channel_data if self.is_stream else channel_data
        self.send_raw(encode(channel, payload))

    def receive_data(self, seconds: float = ANSWER_SECONDS) -> Message:
        """The next thing must be a Data indication with XOR-PEER-ADDRESS and DATA."""
        unit = self.receive(seconds)
        if unit is None:
            raise NoAnswer("no Data indication came")
        assert isinstance(unit, Message), f"{unit} came instead of a Data indication"
        assert (unit.method, unit.message_class) == (Method.DATA, Class.INDICATION), f"{unit} came"
        assert unit.peer is not None and unit.data is not None, f"{unit} lacks its attributes"
        return unit

    def receive_channel_data(self, seconds: float = ANSWER_SECONDS) -> ChannelData:
        unit = self.receive(seconds)
        if unit is None:
            raise NoAnswer("no ChannelData came")
        assert isinstance(unit, ChannelData), f"{unit} came instead of ChannelData"
        return unit

    # -- silence --------------------------------------------------------------------------------------------------

    def assert_silence(self, seconds: float = QUIET_SECONDS) -> None:
        """Nothing but the answer to a Binding comes: that proves the server alive, and that it got this far."""
        assert self.binding().is_success
        assert not self._unclaimed, f"not silence, but {list(self._unclaimed)}"
        unit = self._receive_new(seconds)
        assert unit is None, f"not silence, but {unit}"

    def assert_ignores(self, octets: bytes) -> None:
        self.send_raw(octets)
        self.assert_silence()


class Peer:
    """A UDP socket that the relay may reach."""

    def __init__(self, address: str = "127.0.0.3", port: int = 0):
        self.socket = socket.socket(socket_family(address), socket.SOCK_DGRAM)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE, 1 << 26)
        except (AttributeError, PermissionError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        # An address may be led here by a route without belonging to an interface.
        if ":" in address:
            self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        else:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self.socket.bind((address, port))

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self.socket.getsockname())

    def send(self, payload: bytes, to: Endpoint) -> None:
        self.socket.sendto(payload, to)

    def receive_from(self, seconds: float = ANSWER_SECONDS) -> tuple[bytes, Endpoint] | None:
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            self.socket.settimeout(remaining)
            try:
                payload, source = self.socket.recvfrom(65536)
                return payload, endpoint_of(source)
            except TimeoutError:
                return None
            except ConnectionRefusedError:
                continue
        return None

    def receive(self, seconds: float = ANSWER_SECONDS) -> bytes:
        found = self.receive_from(seconds)
        if found is None:
            raise NoAnswer(f"nothing reached the peer {self.endpoint}")
        return found[0]

    def assert_silence(self, seconds: float = QUIET_SECONDS) -> None:
        found = self.receive_from(seconds)
        assert found is None, f"the peer {self.endpoint} got {found}"

    def close(self) -> None:
        self.socket.close()
