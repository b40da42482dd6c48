"""Permissions and CreatePermission (RFC 8656 sections 9 and 10), black-box. Expiry is in test_expiry.py."""

import pytest

from server_fixture import PEER
from stun_message import Attribute, Method
from turn_client import Peer, TurnClient


def assert_reaches(peer: Peer, client: TurnClient, payload: bytes = b"hello") -> None:
    peer.send(payload, client.relayed)
    found = client.receive_data()
    assert (found.peer, found.data) == (peer.endpoint, payload)


def assert_blocked(peer: Peer, client: TurnClient) -> None:
    """Neither direction passes."""
    peer.send(b"inward", client.relayed)
    client.send_indication(peer.endpoint, b"outward")
    client.assert_silence()
    peer.assert_silence(0.05)


def test_PERM_01_no_peer_address_is_400(allocated):
    assert allocated.request(Method.CREATE_PERMISSION).error == 400


def test_PERM_02_one_malformed_address_spoils_the_whole_request(allocated, peer):
    response = allocated.request(
        Method.CREATE_PERMISSION,
        lambda m: m.add_peer(peer.endpoint).add(Attribute.XOR_PEER_ADDRESS, bytes.fromhex("0001211221")),
    )
    assert response.error == 400
    assert_blocked(peer, allocated)
    response = allocated.request(
        Method.CREATE_PERMISSION,
        lambda m: m.add(Attribute.XOR_PEER_ADDRESS, bytes.fromhex("0003211221125e12")).add_peer(peer.endpoint),
    )
    assert response.error == 400
    assert_blocked(peer, allocated)


def test_PERM_03_several_addresses_are_all_installed(allocated, make_peer):
    peers = [make_peer(f"127.0.3.{number}") for number in range(1, 6)]
    allocated.create_permission(*(peer.endpoint for peer in peers))
    for peer in peers:
        assert_reaches(peer, allocated)


@pytest.mark.parametrize("port", [0, 1, 65535])
def test_PERM_06_port_of_a_permission_means_nothing(allocated, make_peer, port):
    allocated.create_permission((PEER, port))
    for peer in (make_peer(), make_peer()):
        assert_reaches(peer, allocated)
        allocated.send_indication(peer.endpoint, b"back")
        assert peer.receive() == b"back"


def test_PERM_07_stranger_is_silently_dropped(allocated, peer, make_peer):
    stranger = make_peer("127.0.0.4")
    allocated.create_permission(peer.endpoint)
    stranger.socket.connect(allocated.relayed)  # a connected socket hears of ICMP errors
    for _ in range(3):
        stranger.socket.send(b"uninvited")
    allocated.assert_silence()
    stranger.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        stranger.socket.recv(100)


def test_PERM_08_permissions_of_allocations_are_unrelated(connect, transport, peer):
    one, other = connect(transport), connect(transport)
    one.allocate()
    other.allocate()
    one.create_permission(peer.endpoint)
    assert_reaches(peer, one)
    assert_blocked(peer, other)


def test_PERM_11_restricted_address_refuses_the_whole_request(launch, connect, transport, peer):
    at = launch(peers={"deny": ["127.0.0.66/32"]})
    client = connect(transport, at=at)
    client.allocate()
    assert client.try_create_permission(peer.endpoint, ("127.0.0.66", 9)).error == 403
    assert_blocked(peer, client)
    assert client.try_create_permission(("127.0.0.66", 9), peer.endpoint).error == 403
    assert_blocked(peer, client)


def test_PERM_12_capacity_is_508_and_what_there_is_stays(launch, connect, transport, make_peer):
    at = launch(limits={"permissions_per_allocation": 3})
    client = connect(transport, at=at)
    client.allocate()
    peers = [make_peer(f"127.0.3.{number}") for number in range(1, 6)]
    client.create_permission(*(peer.endpoint for peer in peers[:2]))
    assert client.try_create_permission(*(peer.endpoint for peer in peers[2:4])).error == 508
    assert_reaches(peers[0], client)
    assert_reaches(peers[1], client)
    assert_blocked(peers[2], client)
    client.create_permission(peers[4].endpoint)
    assert client.try_create_permission(peers[3].endpoint).error == 508
    assert client.try_channel_bind(0x4000, peers[3].endpoint).error == 508
    assert client.create_permission(*(peer.endpoint for peer in peers[:2])).is_success, "a refresh needs no room"
    assert_reaches(peers[4], client)


def test_PERM_13_success_needs_no_attributes(allocated, peer):
    response = allocated.create_permission(peer.endpoint)
    assert response.type == 0x0108
    assert response.names() <= {Attribute.MESSAGE_INTEGRITY, Attribute.SOFTWARE, Attribute.FINGERPRINT}


def test_PERM_14_permissions_end_with_the_allocation(allocated, peer):
    allocated.create_permission(peer.endpoint)
    assert_reaches(peer, allocated)
    allocated.refresh(0)
    allocated.allocate()
    assert_blocked(peer, allocated)


def test_PERM_12_one_address_counts_once(launch, connect, transport):
    client = connect(transport, at=launch(limits={"permissions_per_allocation": 1}))
    client.allocate()
    assert client.create_permission((PEER, 1), (PEER, 2), (PEER, 1)).is_success
    assert client.try_create_permission((PEER, 1), ("127.0.0.4", 1)).error == 508
    assert client.create_permission((PEER, 3)).is_success
