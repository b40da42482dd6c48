"""Strangers wait until what calls have sent has left (docs/adr/0020); nothing else about them changes."""

from __future__ import annotations

import socket
import struct
import time

import pytest

from server_fixture import ALICE
from stun_message import UDP, Attribute, Builder, Endpoint, Message, Method
from turn_client import ANSWER_SECONDS, Peer, TurnClient, UdpTransport
from waiting import eventually

# Of a burst in one socket; with more shards it would be spread.
SHARDS = (1,)
CHANNEL = 0x4000
SO_TIMESTAMPNS = 35
STRANGERS = 120


@pytest.fixture
def stranger(server):
    transport = UdpTransport(server.udp)
    transport.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    yield transport
    transport.close()


@pytest.fixture
def peer(make_peer):
    return make_peer()


@pytest.fixture
def hasty(server):
    """Will not wait for answers: it knows its nonce already."""
    client = TurnClient(UdpTransport(server.udp), ALICE)
    client.challenge()
    yield client
    client.close()


def signed_allocate(client: TurnClient) -> Builder:
    return client.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])))


def signed_channel_bind(client: TurnClient, peer: Endpoint) -> Builder:
    number = struct.pack(">HH", CHANNEL, 0)
    return client.signed(Method.CHANNEL_BIND, lambda m: m.add(Attribute.CHANNEL_NUMBER, number).add_peer(peer))


def ask_behind(others: int, stranger: UdpTransport, client: TurnClient, peer: Peer) -> list[Builder]:
    """After so many requests of a stranger, the client asks for a relay and a channel, without a wait."""
    for _ in range(others):
        stranger.send(Builder(Method.BINDING).build())
    requests = [signed_allocate(client), signed_channel_bind(client, peer.endpoint)]
    for request in requests:
        client.send_raw(request.build())
    return requests


def arrived_at(receiver: socket.socket) -> tuple[bytes, int]:
    """A datagram, and when the system took it in, in nanoseconds."""
    receiver.settimeout(ANSWER_SECONDS)
    octets, control, _, _ = receiver.recvmsg(4096, 256)
    (stamp,) = [data for level, kind, data in control if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
    seconds, nanoseconds = struct.unpack("qq", stamp)
    return octets, seconds * 10**9 + nanoseconds


def await_stamps(receiver: socket.socket) -> None:
    """The system begins to note when datagrams arrive some time after it was asked to; until then it says when they are
    read."""

    def is_stamped_early() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"?", receiver.getsockname())
        time.sleep(0.01)
        looked = time.time_ns()
        return arrived_at(receiver)[1] < looked - 5_000_000

    assert eventually(is_stamped_early)


def test_what_calls_send_overtakes_the_strangers_before_it(server, connect, peer, stranger):
    client = connect("udp")
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    peer.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    await_stamps(peer.socket)
    requests = [Builder(Method.BINDING).build() for _ in range(STRANGERS)]
    with server.held():
        for request in requests:
            stranger.send(request)
        client.send_channel(CHANNEL, b"a voice")
    relayed, when = arrived_at(peer.socket)
    answers = [arrived_at(stranger.socket) for _ in requests]
    assert relayed == b"a voice"
    # All are answered, in their order,
    assert [Message.parse(octets).transaction_id for octets, _ in answers] == [request[8:20] for request in requests]
    # and most of them later. A reader that has had single datagrams only begins with a few of those.
    before = sum(at < when for _, at in answers)
    assert before <= STRANGERS // 4, f"{before} strangers were answered before the call's packet was relayed"


def test_more_strangers_than_may_wait_are_all_answered(server, stranger):
    requests = [Builder(Method.BINDING).build() for _ in range(400)]
    with server.held():
        for request in requests:
            stranger.send(request)
    answered = [stranger.receive(ANSWER_SECONDS) for _ in requests]
    assert [Message.parse(octets).transaction_id for octets in answered] == [request[8:20] for request in requests]


def test_a_long_request_comes_after_the_short_ones_before_it(server, stranger):
    """It is too long to wait in the queue, and waits for its client's all the same."""
    short = [Builder(Method.BINDING).build() for _ in range(30)]
    long = Builder(Method.BINDING).add(Attribute.SOFTWARE, b"x" * 700).add(0xC123, bytes(800)).build()
    with server.held():
        for request in (*short, long):
            stranger.send(request)
    answered = [stranger.receive(ANSWER_SECONDS) for _ in range(31)]
    assert [Message.parse(octets).transaction_id for octets in answered] == [each[8:20] for each in (*short, long)]


def test_who_becomes_a_client_and_a_stranger_again_is_served_in_order(server, hasty):
    """Allocations that come and go without a wait for answers: more requests than a round reads, or answers."""

    def requests():
        yield signed_allocate(hasty)
        yield hasty.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0))
        yield Builder(Method.BINDING)

    sent = [request for _ in range(200) for request in requests()]
    with server.held():
        for request in sent:
            hasty.send_raw(request.build())
    for number, request in enumerate(sent):
        answer = hasty.receive()
        assert answer.transaction_id == request.transaction_id, number
        assert answer.is_success, (number, answer.error)


def test_DATA_11_who_has_become_a_client_keeps_its_order(server, peer, hasty, stranger):
    """What waited comes before what is relayed without a wait, by whatever way."""
    # Six before its own two: the round ends when the client has its channel, but not its turn for the rest.
    with server.held():
        ask_behind(6, stranger, hasty, peer)
        for number in range(100):
            hasty.send_indication(peer.endpoint, b"indication %d" % number)
        for number in range(300):
            hasty.send_channel(CHANNEL, b"channel %d" % number)
    received = [peer.receive() for _ in range(400)]
    assert received == [b"indication %d" % n for n in range(100)] + [b"channel %d" % n for n in range(300)]
    hasty.drain()
    hasty.refresh(0)


def test_CHAN_22_a_stranger_that_waits_for_no_answer_keeps_its_order(server, peer, hasty, stranger):
    """Its requests wait, and the ChannelData after them, which does not, must not come before them."""
    with server.held():
        requests = ask_behind(50, stranger, hasty, peer)
        hasty.send_channel(CHANNEL, b"early")
    assert peer.receive() == b"early"
    for request in requests:
        assert hasty.wait_for_response(request.transaction_id).is_success
    hasty.refresh(0)
