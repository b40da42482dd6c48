"""Channels (RFC 8656 section 12), black-box. Expiry is in test_expiry.py."""

import os
import random
import struct
import threading

import pytest

from server_fixture import PEER
from stun_message import Attribute, Builder, Method, channel_data, stream_channel_data
from turn_client import TurnClient

SETTINGS = {"limits": {"channels_per_allocation": 0}}


@pytest.fixture
def bound(allocated, peer) -> TurnClient:
    """Channel 0x4000 leads to `peer`."""
    allocated.channel_bind(0x4000, peer.endpoint)
    return allocated


def test_CHAN_01_number_and_address_are_both_needed(allocated, peer):
    for fill in (
        lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")),
        lambda m: m.add_peer(peer.endpoint),
        None,
    ):
        assert allocated.request(Method.CHANNEL_BIND, fill).error == 400


@pytest.mark.parametrize("number", [0x0000, 0x3FFF, 0x5000, 0x6000, 0x7FFE, 0x7FFF, 0x8000, 0xFFFF])
def test_CHAN_02_numbers_outside_the_range_are_400(allocated, peer, number):
    assert allocated.try_channel_bind(number, peer.endpoint).error == 400


@pytest.mark.parametrize("number", [0x4000, 0x4001, 0x4FFF])
def test_CHAN_02_numbers_of_the_range_are_bound(allocated, peer, number):
    assert allocated.channel_bind(number, peer.endpoint).type == 0x0109
    allocated.send_channel(number, b"x")
    assert peer.receive() == b"x"
    peer.send(b"y", allocated.relayed)
    assert allocated.receive_channel_data().channel == number


def test_CHAN_02_MUX_04_old_range_can_be_switched_on(launch, connect, transport, peer):
    client = connect(transport, at=launch(protocol={"channel_numbers": "rfc5766"}))
    client.allocate()
    assert client.channel_bind(0x7FFE, peer.endpoint).is_success
    client.send_channel(0x7FFE, b"old")
    assert peer.receive() == b"old"
    peer.send(b"new", client.relayed)
    assert client.receive_channel_data().channel == 0x7FFE
    for number in (0x3FFF, 0x7FFF, 0x8000):
        assert client.try_channel_bind(number, (PEER, 9)).error == 400


def test_CHAN_03_B71_channel_of_another_peer_is_400(bound, peer, make_peer):
    other = make_peer("127.0.0.4")
    assert bound.try_channel_bind(0x4000, other.endpoint).error == 400
    bound.send_channel(0x4000, b"still his")
    assert peer.receive() == b"still his"
    other.assert_silence(0.05)
    other.send(b"no permission", bound.relayed)
    bound.assert_silence()


def test_CHAN_04_B71_peer_of_another_channel_is_400(bound, peer):
    assert bound.try_channel_bind(0x4001, peer.endpoint).error == 400
    peer.send(b"x", bound.relayed)
    assert bound.receive_channel_data().channel == 0x4000
    bound.send_channel(0x4001, b"unbound")
    bound.send_channel(0x4000, b"bound")
    assert peer.receive() == b"bound"


def test_CHAN_05_same_channel_and_peer_succeed_again(bound, peer):
    assert bound.channel_bind(0x4000, peer.endpoint).type == 0x0109


def test_CHAN_06_ports_make_different_peers(allocated, make_peer):
    one, two = make_peer(), make_peer()
    allocated.channel_bind(0x4000, one.endpoint)
    allocated.channel_bind(0x4001, two.endpoint)
    allocated.send_channel(0x4000, b"one")
    allocated.send_channel(0x4001, b"two")
    assert (one.receive(), two.receive()) == (b"one", b"two")
    one.send(b"from one", allocated.relayed)
    found = allocated.receive_channel_data()
    assert (found.channel, found.payload) == (0x4000, b"from one")
    two.send(b"from two", allocated.relayed)
    found = allocated.receive_channel_data()
    assert (found.channel, found.payload) == (0x4001, b"from two")


def test_CHAN_08_binding_installs_the_permission_for_the_address(bound, peer, make_peer):
    peer.send(b"on the channel", bound.relayed)
    assert bound.receive_channel_data().payload == b"on the channel"
    sibling = make_peer()
    sibling.send(b"another port", bound.relayed)
    found = bound.receive_data()
    assert (found.peer, found.data) == (sibling.endpoint, b"another port")
    bound.send_indication(sibling.endpoint, b"back")
    assert sibling.receive() == b"back"


def test_CHAN_12_channels_belong_to_one_allocation(connect, transport, make_peer):
    clients = [connect(transport), connect(transport)]
    peers = [make_peer(), make_peer()]
    for client, peer in zip(clients, peers):
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
    for number, (client, peer) in enumerate(zip(clients, peers)):
        client.send_channel(0x4000, bytes([number]))
        assert peer.receive_from() == (bytes([number]), client.relayed)


def test_CHAN_13_forbidden_peer_is_403(launch, connect, transport):
    client = connect(transport, at=launch(peers={"deny": ["127.0.0.66/32"]}))
    client.allocate()
    assert client.try_channel_bind(0x4000, ("127.0.0.66", 9)).error == 403
    assert client.channel_bind(0x4000, (PEER, 9)).is_success, "the refused request bound the number"


def test_CHAN_14_capacity_is_508_and_what_there_is_stays(launch, connect, transport, make_peer):
    client = connect(transport, at=launch(limits={"channels_per_allocation": 2}))
    client.allocate()
    peers = [make_peer() for _ in range(3)]
    client.channel_bind(0x4000, peers[0].endpoint)
    client.channel_bind(0x4001, peers[1].endpoint)
    assert client.try_channel_bind(0x4002, peers[2].endpoint).error == 508
    assert client.channel_bind(0x4000, peers[0].endpoint).is_success
    client.send_channel(0x4001, b"x")
    assert peers[1].receive() == b"x"


def test_CHAN_15_reserved_octets_are_ignored(allocated, peer):
    response = allocated.request(
        Method.CHANNEL_BIND,
        lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("4000ffff")).add_peer(peer.endpoint),
    )
    assert response.is_success
    allocated.send_channel(0x4000, b"x")
    assert peer.receive() == b"x"


@pytest.mark.parametrize("octets", [0, 2, 3, 8])
def test_CHAN_15_number_of_another_length_is_400(allocated, peer, octets):
    value = (b"\x40" + bytes(7))[:octets]
    response = allocated.request(
        Method.CHANNEL_BIND, lambda m: m.add(Attribute.CHANNEL_NUMBER, value).add_peer(peer.endpoint)
    )
    assert response.error == 400


@pytest.mark.parametrize("number", [0x5000, 0x7FFF])
def test_CHAN_16_numbers_beyond_the_range_are_discarded(connect, datagram_transport, peer, number):
    client = connect(datagram_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.assert_ignores(channel_data(number, b"discarded"))
    client.send_channel(0x4000, b"first")
    assert peer.receive() == b"first"


@pytest.mark.parametrize("carried", [0, 1, 4, 15])
def test_CHAN_17_length_beyond_the_datagram_is_discarded(connect, datagram_transport, peer, carried):
    client = connect(datagram_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.assert_ignores(channel_data(0x4000, bytes(carried), length=16))
    client.send_channel(0x4000, b"first")
    assert peer.receive() == b"first"


@pytest.mark.parametrize(
    "payload, pad", [(b"12345", bytes(3)), (b"1", b"\xff\xff\xff"), (b"", bytes(4)), (b"1234", b"x")]
)
def test_CHAN_18_padding_over_udp_is_not_relayed(connect, datagram_transport, peer, payload, pad):
    client = connect(datagram_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.send_raw(channel_data(0x4000, payload, pad=pad))
    assert peer.receive() == payload


def test_CHAN_19_channel_data_is_padded_on_streams(connect, stream_transport, peer):
    client = connect(stream_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    payloads = [os.urandom(octets) for octets in (1, 2, 3, 5, 4, 0, 7)]
    request = Builder(Method.BINDING).build()
    client.send_raw(b"".join(stream_channel_data(0x4000, payload) for payload in payloads) + request)
    assert client.wait_for_response(request[8:20]).is_success
    assert [peer.receive() for _ in payloads] == payloads
    for payload in payloads:
        peer.send(payload, client.relayed)
    # The transport loses its step if the server pads wrongly.
    assert [client.receive_channel_data().payload for _ in payloads] == payloads
    assert client.binding().is_success


def test_CHAN_20_unbound_number_is_discarded(bound, peer):
    bound.send_channel(0x4ABC, b"nowhere")
    bound.send_channel(0x4000, b"first")
    assert peer.receive() == b"first"
    bound.assert_silence()


def test_CHAN_21_empty_channel_data_is_an_empty_datagram(bound, peer):
    bound.send_channel(0x4000, b"")
    assert peer.receive() == b""
    peer.send(b"", bound.relayed)
    assert bound.receive_channel_data().payload == b""


def test_CHAN_22_datagram_goes_from_relayed_to_bound_address(bound, peer):
    bound.send_channel(0x4000, b"x")
    assert peer.receive_from() == (b"x", bound.relayed)


def test_CHAN_23_stun_and_channel_data_interleave_on_a_stream(connect, stream_transport, peer):
    client = connect(stream_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    rounds, total = 50 if stream_transport == "tcp" else 10, 1000
    arrived: list[bytes] = []
    rng = random.Random(23)
    for number in range(rounds):
        stream = bytearray()
        expected, transactions = [], set()
        for _ in range(total):
            if rng.random() < 0.05:
                request = Builder(Method.BINDING).build()
                transactions.add(request[8:20])
                stream += request
            else:
                payload = struct.pack(">II", number, len(expected)) + bytes(rng.randrange(20))
                expected.append(payload)
                stream += stream_channel_data(0x4000, payload)
        arrived.clear()
        reader = threading.Thread(target=lambda: arrived.extend(peer.receive(5) for _ in expected))
        reader.start()
        at = 0
        while at < len(stream):
            step = rng.choice((1, 3, 17, 1000, 5000))
            client.send_raw(bytes(stream[at : at + step]))
            at += step
        reader.join()
        assert arrived == expected
        while transactions:
            transactions.remove(client.receive().transaction_id)


def test_CHAN_24_longest_channel_data_keeps_the_stream_in_step(connect, stream_transport, peer):
    client = connect(stream_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for octets in (65535, 65534, 65533, 65532, 65507):
        client.send_channel(0x4000, bytes(octets))
        assert client.binding().is_success
    client.send_channel(0x4000, b"next")
    while (found := peer.receive()) != b"next":
        assert len(found) == 65507, "a datagram cannot carry more, and nothing may be cut"
