"""The client's and the peer's side of TCP relaying (RFC 6062)."""

from __future__ import annotations

import contextlib
import socket
import time

from stun_message import TCP, Attribute, Endpoint, Message, Method
from turn_client import ANSWER_SECONDS, TurnClient, endpoint_of, socket_family


def allocate(client: TurnClient, **options) -> Message:
    return client.allocate(protocol=TCP, **options)


def try_connect(client: TurnClient, peer: Endpoint) -> Message:
    return client.request(Method.CONNECT, lambda m: m.add_peer(peer))


def begin_connect(client: TurnClient, peer: Endpoint) -> bytes:
    """Sends a Connect and does not wait; returns its transaction ID."""
    octets = client.signed(Method.CONNECT, lambda m: m.add_peer(peer)).build()
    client.send_raw(octets)
    return octets[8:20]


def connect(client: TurnClient, peer: Endpoint) -> int:
    response = try_connect(client, peer)
    assert response.is_success, f"Connect to {peer} got {response}"
    identifier = response.u32(Attribute.CONNECTION_ID)
    assert identifier is not None, f"no CONNECTION-ID in {response}"
    return identifier


def connection_attempt(client: TurnClient, seconds: float = ANSWER_SECONDS) -> tuple[int, Endpoint]:
    """The next ConnectionAttempt indication: its connection and its peer."""
    message = client.receive(seconds)
    assert isinstance(message, Message) and message.method == Method.CONNECTION_ATTEMPT, f"there came {message}"
    assert message.type == 0x001C
    identifier = message.u32(Attribute.CONNECTION_ID)
    assert identifier is not None and message.peer is not None
    return identifier, message.peer


def bind_request(identifier: int):
    return lambda builder: builder.add_u32(Attribute.CONNECTION_ID, identifier)


class DataConnection:
    """What a client's connection is once it is bound: octets, in the order in which they are sent."""

    def __init__(self, client: TurnClient):
        self.client = client
        self.transport = client.transport

    def send(self, octets: bytes) -> None:
        self.transport.send(octets)

    def receive(self, count: int, seconds: float = ANSWER_SECONDS) -> bytes:
        """Exactly so many octets, or what came before the end or the time."""
        deadline = time.monotonic() + seconds
        received = bytearray(self.transport.buffer)
        self.transport.buffer.clear()
        while len(received) < count and (remaining := deadline - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                chunk = self.transport.receive_some(remaining)
                if not chunk:
                    break
                received += chunk
        self.transport.buffer += received[count:]
        return bytes(received[:count])

    def read_to_end(self, seconds: float = ANSWER_SECONDS) -> bytes:
        return self.transport.read_to_end(seconds)

    def close(self) -> None:
        self.client.close()


def bind(client: TurnClient, identifier: int) -> DataConnection:
    response = client.request(Method.CONNECTION_BIND, bind_request(identifier))
    assert response.is_success, f"ConnectionBind got {response}"
    return DataConnection(client)


def pipelined_bind(client: TurnClient, identifier: int, payload: bytes) -> DataConnection:
    """The request and the first octets of data in one segment."""
    client.challenge()
    octets = client.signed(Method.CONNECTION_BIND, bind_request(identifier)).build()
    client.send_raw(octets + payload)
    response = client.wait_for_response(octets[8:20])
    assert response.is_success, f"ConnectionBind got {response}"
    return DataConnection(client)


class TcpPeer:
    """A peer that listens, and connects."""

    def __init__(self, address: str, *, backlog: int = 16):
        self.listener = socket.socket(socket_family(address), socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(backlog)
        self.connections: list[socket.socket] = []

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self.listener.getsockname())

    def _keep(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(ANSWER_SECONDS)
        self.connections.append(connection)
        return connection

    def accept(self, seconds: float = ANSWER_SECONDS) -> tuple[socket.socket, Endpoint]:
        self.listener.settimeout(seconds)
        connection, source = self.listener.accept()
        return self._keep(connection), endpoint_of(source)

    def connect(self, relayed: Endpoint) -> socket.socket:
        connection = self._keep(socket.socket(socket_family(relayed[0]), socket.SOCK_STREAM))
        connection.bind((self.endpoint[0], 0))
        connection.connect(relayed)
        return connection

    def close(self) -> None:
        for each in [self.listener, *self.connections]:
            each.close()


def receive_exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            break
        received += chunk
    return bytes(received)


def is_closed(connection: socket.socket, seconds: float = ANSWER_SECONDS) -> bool:
    """Whether the other side ends the connection, in whatever way; what it still sends is thrown away."""
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        connection.settimeout(remaining)
        try:
            if not connection.recv(1 << 16):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False
