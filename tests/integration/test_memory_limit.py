"""A server in a container with little memory, beside what costs memory: it lives, and serves (B97)."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator

import pytest

import client_hello
from crowd import Crowd, connect_many
from memory_group import MemoryGroup, Unavailable
from served import assert_served
from server_fixture import ALICE, Server, is_sanitized
from stun_message import Attribute, Builder, Method
from tls_transport import client_context
from transports import listener_of, needs_dtls, open_transport
from turn_client import Peer, TurnClient, UdpTransport
from waiting import eventually

SHARDS = (1,)
LIMIT = 64 * 1024 * 1024
NUMBERS = itertools.count()  # each test has a server of its own: its realm tells it from the others

pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer's own memory is more than the limit")


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    try:
        made = MemoryGroup(LIMIT)
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield made
    made.close()


def connected(at: Server, transport: str, peer: Peer, **options) -> TurnClient:
    client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport)), **options), ALICE)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    return client


@pytest.fixture
def at(launch, group) -> Server:
    # A process that begins in the group has all of its memory counted there.
    group.add(os.getpid())
    try:
        return launch(limits={"connections_per_source": 0, "allocations_per_user": 0}, realm=f"server-{next(NUMBERS)}.example.test")
    finally:
        group.remove(os.getpid())


def test_D20_B97_in_64_MiB_the_server_outlives_crowds(at, group, make_peer):
    living = TurnClient(UdpTransport(at.udp), ALICE)
    living.allocate()
    peer = make_peer()
    living.create_permission(peer.endpoint)
    begun = group.used_octets()
    hello = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,))
    request = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([17, 0, 0, 0])).build()
    strangers = Crowd(at.udp)
    opened: list[socket.socket] = []
    for part in range(4):
        opened += connect_many(at.tls, 250, hello, every=1)
        opened += connect_many(at.tcp, 500, b"\0", every=1)
        for number in range(5000):
            strangers.say(5000 * part + number, request)
        living.send_indication(peer.endpoint, b"beside")
        assert peer.receive() == b"beside"
        assert_served(at, "udp", "tcp", "tls", "wss")
    print(f"{begun // 1024} KiB before, {group.used_octets() // 1024} KiB beside {len(opened)} connections")
    assert group.kills() == 0
    for one in opened:
        one.close()
    assert eventually(lambda: at.metric("senso_turn_connections", transport="tcp") == 0, 30)
    assert_served(at, "udp", "tcp", "tls", "wss")
    assert living.refresh(0).is_success


def test_D20_in_64_MiB_the_server_outlives_clients_that_do_not_read(at, group, make_peer):
    peer, beside = make_peer(), make_peer()
    stalled = [connected(at, ("tcp", "tls")[number % 2], peer, receive_buffer=1 << 14) for number in range(100)]
    reader = connected(at, "tls", beside)
    begun = group.used_octets()
    for number in range(300):
        for client in stalled:
            peer.send(bytes(8000), client.relayed)
        if number % 20 == 19:
            beside.send(b"%d" % number, reader.relayed)
            assert reader.receive_channel_data().payload == b"%d" % number, "who reads loses nothing"
    most = group.most_octets()
    print(f"{begun // 1024} KiB before, at most {most // 1024} KiB with {len(stalled)} clients that do not read")
    assert at.metric("senso_turn_dropped_packets_total", reason="queue_full") > 0
    assert group.kills() == 0
    assert_served(at, "udp", "tcp", "tls", "wss")
    for client in stalled:
        client.close()
    assert eventually(lambda: at.metric("senso_turn_allocations") == 1)
    assert reader.refresh(0).is_success


# -- strangers who have the server keep things for them ---------------------------------------------------------------


UNFINISHED = Builder(Method.BINDING).build()[:2] + (60000).to_bytes(2, "big") + Builder(Method.BINDING).build()[4:] + bytes(59000)
POST = b"POST /api/v1/credentials HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n\r\n" + bytes(64000)


LONG = Builder(Method.BINDING).add(0xC0FF, bytes(59000)).build()


def under_tls(connections: list[socket.socket], say: bytes) -> list[socket.socket]:
    context = client_context(verify=False)
    wrapped = [context.wrap_socket(one) for one in connections]
    for one in wrapped:
        one.settimeout(20)
        if say:
            with contextlib.suppress(OSError):
                one.sendall(say)
    return wrapped


def unfinished_over_tcp(at: Server, count: int) -> list[socket.socket]:
    return connect_many(at.tcp, count, UNFINISHED, every=1)


def unfinished_over_tls(at: Server, count: int) -> list[socket.socket]:
    return under_tls(connect_many(at.tls, count, b"", every=count), UNFINISHED)


def silent_after_a_handshake(at: Server, count: int) -> list[socket.socket]:
    return under_tls(connect_many(at.tls, count, b"", every=count), b"")


def unread_answers(at: Server, count: int) -> list[socket.socket]:
    return connect_many(at.tcp, count, Builder(Method.BINDING).build() * 6000, every=1, receive_buffer=1 << 12)


def bodies_of_http(at: Server, count: int) -> list[socket.socket]:
    return under_tls(connect_many(at.endpoint("edge"), count, b"", every=count), POST)


def associations(at: Server, count: int) -> list:
    return [open_transport("dtls", at.dtls, (f"127.0.3.{number % 20 + 1}", 0)) for number in range(count)]


@pytest.mark.parametrize(
    "hoard, rounds",
    [
        (unfinished_over_tcp, 8),
        (unfinished_over_tls, 6),
        (silent_after_a_handshake, 15),
        (unread_answers, 5),
        (bodies_of_http, 6),
        pytest.param(associations, 5, marks=needs_dtls),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_D7_D20_B19_in_64_MiB_the_server_outlives_strangers_who_hoard(at, group, make_peer, hoard, rounds):
    living = connected(at, "tcp", make_peer())
    begun, opened = group.used_octets(), []
    for _ in range(rounds):
        opened += hoard(at, 200)
        assert living.binding().is_success
        assert_served(at, "udp", "tcp", "tls", "wss", "dtls")
    gone = at.metric("senso_turn_connections_refused_total", reason="memory")
    print(f"{begun // 1024} KiB before, at most {group.most_octets() // 1024} KiB, {gone:.0f} of {len(opened)} gave way")
    assert group.kills() == 0
    assert gone > 0, "they kept less than was meant"
    for one in opened:
        one.close()
    assert eventually(lambda: at.metric("senso_turn_connections", transport="tls") == 0, 30)
    assert_served(at, "tcp", "tls", "wss")
    assert living.refresh(0).is_success


def test_D20_B19_a_long_message_leaves_no_room_behind_a_short_one(at, group):
    begun, opened = group.used_octets(), []
    for _ in range(1000):
        opened += connect_many(at.tcp, 1, LONG[:-100], every=1)
        opened[-1].sendall(LONG[-100:] + b"\0")
        assert opened[-1].recv(2) == b"\x01\x01"
    print(f"{begun // 1024} KiB before, at most {group.most_octets() // 1024} KiB with {len(opened)} connections")
    assert group.kills() == 0
    assert_served(at, "udp", "tcp", "tls")
    for one in opened:
        one.close()
