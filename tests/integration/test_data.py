"""Send and Data indications (RFC 8656 section 11), black-box."""

import os

import pytest

from server_fixture import PEER, free_port
from stun_message import Attribute, Builder, Class, Message, Method
from turn_client import TurnClient

SETTINGS = {"limits": {"permissions_per_allocation": 0}}


@pytest.fixture
def relaying(allocated, peer) -> TurnClient:
    allocated.create_permission(peer.endpoint)
    return allocated


def send(*attributes) -> bytes:
    builder = Builder(Method.SEND, Class.INDICATION)
    for attribute, value in attributes:
        if attribute == Attribute.XOR_PEER_ADDRESS:
            builder.add_peer(value)
        else:
            builder.add(attribute, value)
    return builder.build()


def test_DATA_01_send_needs_address_and_data(relaying, peer):
    relaying.send_raw(send((Attribute.DATA, b"nowhere")))
    relaying.send_raw(send((Attribute.XOR_PEER_ADDRESS, peer.endpoint)))
    relaying.send_raw(send())
    relaying.send_indication(peer.endpoint, b"first")
    assert peer.receive() == b"first"
    relaying.assert_silence()


def test_DATA_02_empty_data_is_an_empty_datagram(relaying, peer):
    relaying.send_indication(peer.endpoint, b"")
    assert peer.receive_from() == (b"", relaying.relayed)


def test_DATA_03_send_without_permission_is_dropped(relaying, peer, make_peer):
    stranger = make_peer("127.0.0.4")
    relaying.send_indication(stranger.endpoint, b"x")
    relaying.send_indication(peer.endpoint, b"y")
    assert peer.receive() == b"y"
    stranger.assert_silence()


@pytest.mark.parametrize("octets", [1, 2, 3, 4, 5])
def test_DATA_04_datagram_is_the_data_alone_from_the_relayed_address(relaying, peer, octets):
    payload = os.urandom(octets)
    relaying.send_indication(peer.endpoint, payload)
    assert peer.receive_from() == (payload, relaying.relayed)


def test_DATA_05_denied_address_is_dropped_silently(launch, connect, transport, peer, make_peer):
    at = launch(peers={"deny": ["127.0.0.66/32"]})
    denied = make_peer("127.0.0.66")
    client = connect(transport, at=at)
    client.allocate()
    assert client.try_create_permission(denied.endpoint).error == 403
    client.create_permission(peer.endpoint)
    client.send_indication(denied.endpoint, b"x")
    client.send_indication(peer.endpoint, b"y")
    assert peer.receive() == b"y"
    denied.assert_silence()
    client.assert_silence()


def test_DATA_06_dont_fragment_in_send_is_as_in_allocate(connect, transport, peer):
    supported = connect(transport).try_allocate(dont_fragment=True).is_success
    client = connect(transport)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"unfragmented", lambda m: m.add(Attribute.DONT_FRAGMENT))
    client.send_indication(peer.endpoint, b"plain")
    assert peer.receive() == (b"unfragmented" if supported else b"plain")
    client.assert_silence()


def test_DATA_07_peer_datagram_becomes_a_data_indication(relaying, peer):
    peer.send(b"hello", relaying.relayed)
    found = relaying.receive()
    assert isinstance(found, Message)
    assert found.type == 0x0017
    assert (found.peer, found.data) == (peer.endpoint, b"hello")
    assert found.names() == {Attribute.XOR_PEER_ADDRESS, Attribute.DATA}


def test_DATA_08_empty_peer_datagram_is_relayed(relaying, peer):
    peer.send(b"", relaying.relayed)
    assert relaying.receive_data().data == b""


def test_DATA_09_data_goes_to_the_own_five_tuple_only(connect, transport, peer):
    owner, neighbour = connect(transport), connect(transport)
    owner.allocate()
    neighbour.allocate()
    owner.create_permission(peer.endpoint)
    neighbour.create_permission(peer.endpoint)
    peer.send(b"for the owner", owner.relayed)
    assert owner.receive_data().data == b"for the owner"
    neighbour.assert_silence()


# A Data indication adds 36 octets; a UDP datagram carries 65,507, and a DTLS record no more than 16,384.
@pytest.mark.parametrize("octets", [1, 1200, 1472, 9000, 32768, 65000])
def test_DATA_10_payloads_pass_whole_both_ways(relaying, peer, transport, octets):
    payload = os.urandom(min(octets, 16_384 - 36) if transport == "dtls" else octets)
    relaying.send_indication(peer.endpoint, payload)
    assert peer.receive() == payload
    peer.send(payload, relaying.relayed)
    assert relaying.receive_data().data == payload


@pytest.mark.parametrize("octets", [16_384, 65_472, 65_500, 65_507])
def test_DATA_10_what_does_not_fit_is_dropped_never_cut(relaying, peer, octets):
    payload = os.urandom(octets)
    peer.send(payload, relaying.relayed)
    peer.send(b"next", relaying.relayed)
    found = relaying.receive_data().data
    if found != b"next":
        assert found == payload
        assert relaying.receive_data().data == b"next"


def test_DATA_11_bound_channel_carries_what_the_peer_sends(relaying, peer):
    relaying.channel_bind(0x4000, peer.endpoint)
    relaying.send_indication(peer.endpoint, b"by Send")
    assert peer.receive() == b"by Send"
    peer.send(b"by channel", relaying.relayed)
    found = relaying.receive_channel_data()
    assert (found.channel, found.payload) == (0x4000, b"by channel")


def test_DATA_12_data_indication_from_a_client_is_ignored(relaying, peer):
    builder = Builder(Method.DATA, Class.INDICATION).add_peer(peer.endpoint).add(Attribute.DATA, b"x")
    relaying.assert_ignores(builder.build())
    peer.assert_silence(0.05)


def test_ICMP_07_error_of_one_peer_harms_no_other(relaying, peer):
    target = (PEER, free_port(PEER))
    relaying.channel_bind(0x4001, peer.endpoint)
    for number in range(20):
        relaying.send_indication(target, b"anybody?")
        relaying.send_channel(0x4001, bytes([number]))
        relaying.send_indication(peer.endpoint, bytes([number]))
    assert sorted(peer.receive() for _ in range(40)) == sorted([bytes([n]) for n in range(20)] * 2)
    peer.send(b"still here", relaying.relayed)
    while not hasattr(found := relaying.receive(), "channel"):
        assert found is not None
    assert found.payload == b"still here"
    assert relaying.refresh().is_success
