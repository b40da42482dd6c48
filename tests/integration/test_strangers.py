"""Strangers wait until what calls have sent has left (docs/adr/0020); nothing else about them changes."""

from __future__ import annotations

import socket
import struct

import pytest

from server_fixture import ALICE
from stun_message import UDP, Attribute, Builder, Message, Method
from turn_client import ANSWER_SECONDS, TurnClient, UdpTransport

# Of a burst in one socket; with more shards it would be spread.
SHARDS = (1,)
CHANNEL = 0x4000
SO_TIMESTAMPNS = 35
STRANGERS = 120


@pytest.fixture
def stranger(server):
    transport = UdpTransport(server.udp)
    yield transport
    transport.close()


def arrived_at(receiver: socket.socket) -> tuple[bytes, float]:
    """A datagram, and when the system took it in."""
    receiver.settimeout(ANSWER_SECONDS)
    octets, control, _, _ = receiver.recvmsg(4096, 256)
    (stamp,) = [data for level, kind, data in control if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
    seconds, nanoseconds = struct.unpack("qq", stamp)
    return octets, seconds * 10**9 + nanoseconds


def test_A1_what_calls_send_overtakes_the_strangers_before_it(server, connect, make_peer, stranger):
    client, peer = connect("udp"), make_peer()
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    for receiver in (stranger.socket, peer.socket):
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
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


def test_A1_more_strangers_than_may_wait_are_all_answered(server, stranger):
    requests = [Builder(Method.BINDING).build() for _ in range(1000)]
    with server.held():
        for request in requests:
            stranger.send(request)
    answered = [stranger.receive(ANSWER_SECONDS) for _ in requests]
    assert [Message.parse(octets).transaction_id for octets in answered] == [request[8:20] for request in requests]


def test_A1_a_long_request_comes_after_the_short_ones_before_it(server, stranger):
    """It is too long to wait, and waits for those all the same."""
    short = [Builder(Method.BINDING).build() for _ in range(30)]
    long = Builder(Method.BINDING).add(Attribute.SOFTWARE, b"x" * 700).add(0xC123, bytes(700)).build()
    with server.held():
        for request in (*short, long):
            stranger.send(request)
    answered = [stranger.receive(ANSWER_SECONDS) for _ in range(31)]
    assert [Message.parse(octets).transaction_id for octets in answered] == [each[8:20] for each in (*short, long)]


def test_A1_who_becomes_a_client_and_a_stranger_again_is_served_in_order(server):
    """Allocations that come and go without a wait for answers: more requests than a round reads, or answers."""
    client = TurnClient(UdpTransport(server.udp), ALICE)
    client.challenge()

    def requests():
        yield client.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])))
        yield client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0))
        yield Builder(Method.BINDING)

    sent = [request for _ in range(200) for request in requests()]
    with server.held():
        for request in sent:
            client.send_raw(request.build())
    for number, request in enumerate(sent):
        answer = client.receive()
        assert answer.transaction_id == request.transaction_id, number
        assert answer.is_success, (number, answer.error)
    client.close()


def test_CHAN_22_a_stranger_that_waits_for_no_answer_keeps_its_order(server, make_peer, stranger):
    """Its requests wait, and the ChannelData after them, which does not, must not come before them."""
    peer, client = make_peer(), TurnClient(UdpTransport(server.udp), ALICE)
    client.challenge()
    allocate = client.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])))
    bind = client.signed(
        Method.CHANNEL_BIND,
        lambda m: m.add(Attribute.CHANNEL_NUMBER, struct.pack(">HH", CHANNEL, 0)).add_peer(peer.endpoint),
    )
    with server.held():
        for _ in range(50):
            stranger.send(Builder(Method.BINDING).build())
        client.send_raw(allocate.build())
        client.send_raw(bind.build())
        client.send_channel(CHANNEL, b"early")
    assert peer.receive() == b"early"
    assert client.wait_for_response(allocate.transaction_id).is_success
    assert client.wait_for_response(bind.transaction_id).is_success
    client.refresh(0)
    client.close()
