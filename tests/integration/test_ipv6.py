"""IPv6, dual allocations and translation between the families (RFC 8656 sections 7.2, 13; RFC 6156), black-box."""

import os
import socket

import pytest

from server_fixture import (
    ALICE,
    LISTENER,
    LISTENER_V6,
    OTHER_PEER,
    PEER,
    PEER_V6,
    POOL,
    POOL_V6,
    RELAY,
    RELAY_V6,
    needs_ipv6,
)
from stun_message import IPV4, IPV6, UDP, Attribute, Method, encode_xor_address

pytestmark = needs_ipv6

ONLY_V4 = {"addresses": [RELAY]}
ONLY_V6 = {"addresses": [RELAY_V6]}


@pytest.fixture(params=[LISTENER, LISTENER_V6], ids=["ipv4-client", "ipv6-client"])
def listener(request) -> str:
    return request.param


@pytest.fixture
def dual(connect, transport, listener):
    client = connect(transport, address=listener)
    client.allocate(additional_family=IPV6)
    return client


def relayed_by_family(response) -> dict[int, tuple[str, int]]:
    found = response.xor_addresses(Attribute.XOR_RELAYED_ADDRESS)
    families = {IPV6 if ":" in host else IPV4: (host, port) for host, port in found}
    assert len(families) == len(found), "two relayed addresses of one family"
    return families


def test_V6_01_no_wish_means_ipv4(connect, transport, listener):
    client = connect(transport, address=listener)
    response = client.allocate()
    assert set(relayed_by_family(response)) == {IPV4}
    assert response.relayed[0] == RELAY
    assert response.mapped == client.local


def test_V6_02_no_wish_and_no_ipv4_is_440(launch, connect, transport, listener):
    at = launch(relay=ONLY_V6)
    client = connect(transport, at=at, address=listener)
    assert client.try_allocate().error == 440
    assert client.allocate(family=IPV6).relayed[0] == RELAY_V6


def test_V6_03_unsupported_family_is_440(launch, connect, transport):
    client = connect(transport, at=launch(relay=ONLY_V4))
    assert client.try_allocate(family=IPV6).error == 440
    for family in (0, 3, 0xFF):
        response = client.try_allocate(family=family)
        assert response.error in (400, 440), family
    assert client.allocate().relayed[0] == RELAY


def test_V6_04_wished_family_is_given(connect, transport, listener):
    for family, address in ((IPV4, RELAY), (IPV6, RELAY_V6)):
        client = connect(transport, address=listener)
        response = client.allocate(family=family)
        assert set(relayed_by_family(response)) == {family}
        assert response.relayed[0] == address
        value = response.find(Attribute.XOR_RELAYED_ADDRESS)
        assert value == encode_xor_address(response.relayed, response.transaction_id)


def test_V6_05_reserved_octets_of_the_wish_are_ignored(connect, transport):
    client = connect(transport)
    response = client.try_allocate(
        fill=lambda m: m.add(Attribute.REQUESTED_ADDRESS_FAMILY, bytes([IPV6, 0xFF, 0xFF, 0xFF]))
    )
    assert response.is_success and response.relayed[0] == RELAY_V6


@pytest.mark.parametrize("octets", [0, 1, 5, 8])
def test_V6_05_wish_of_another_length_is_400(client, octets):
    value = (bytes([IPV4]) + bytes(7))[:octets]
    assert client.try_allocate(fill=lambda m: m.add(Attribute.REQUESTED_ADDRESS_FAMILY, value)).error == 400


@pytest.mark.parametrize("family", [IPV4, IPV6])
def test_V6_06_both_wishes_are_400(client, family):
    assert client.try_allocate(family=family, additional_family=IPV6).error == 400


def test_V6_07_reserved_pair_excludes_a_dual_allocation(client):
    assert client.try_allocate(even_port=0x80, additional_family=IPV6).error == 400
    response = client.allocate(even_port=0, additional_family=IPV6)
    relayed = relayed_by_family(response)
    assert set(relayed) == {IPV4, IPV6}
    assert all(port % 2 == 0 for _, port in relayed.values())


def test_V6_08_additional_ipv4_is_400(client):
    assert client.try_allocate(additional_family=IPV4).error == 400
    for family in (0, 3):
        assert client.try_allocate(additional_family=family).error in (400, 440)


def test_V6_09_dual_allocation_has_both_families(dual):
    assert {host for host, _ in relayed_by_family(dual.allocation).values()} == {RELAY, RELAY_V6}
    assert Attribute.ADDRESS_ERROR_CODE not in dual.allocation


def assert_missing_family(response, family: int, codes: set[int]) -> None:
    value = response.find(Attribute.ADDRESS_ERROR_CODE)
    assert value is not None and len(value) >= 4
    missing, reserved, hundreds, number = value[0], value[1], value[2], value[3]
    assert missing == family
    assert reserved == 0 and not hundreds & 0xF8
    assert hundreds * 100 + number in codes


def test_V6_10_dual_allocation_with_one_family_names_the_other(launch, connect, transport):
    client = connect(transport, at=launch(relay=ONLY_V4))
    response = client.allocate(additional_family=IPV6)
    assert set(relayed_by_family(response)) == {IPV4}
    assert_missing_family(response, IPV6, {440})
    client = connect(transport, at=launch(relay=ONLY_V6))
    response = client.allocate(additional_family=IPV6)
    assert set(relayed_by_family(response)) == {IPV6}
    assert_missing_family(response, IPV4, {440})


def test_V6_10_V6_11_dual_allocation_and_exhausted_ports(launch, connect, transport):
    at = launch(relay={"addresses": [POOL, POOL_V6], "ports": {"min": 54000, "max": 54001}})
    clients = [connect(transport, at=at) for _ in range(5)]
    clients[0].allocate(family=IPV6)
    clients[1].allocate(family=IPV6)
    response = clients[2].allocate(additional_family=IPV6)
    assert set(relayed_by_family(response)) == {IPV4}
    assert_missing_family(response, IPV6, {508})
    clients[3].allocate(family=IPV4)
    assert clients[4].try_allocate(additional_family=IPV6).error == 508
    assert clients[4].try_allocate().error == 508
    clients[0].refresh(0)
    assert set(relayed_by_family(clients[4].allocate(additional_family=IPV6))) == {IPV6}


def test_V6_12_additional_family_is_no_unknown_attribute(client):
    assert client.try_allocate(additional_family=IPV6).error != 420
    assert client.binding(lambda m: m.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, bytes([IPV6, 0, 0, 0]))).is_success


@pytest.mark.parametrize("family, peer", [(IPV4, PEER_V6), (IPV6, PEER)])
def test_V6_13_V6_14_peer_of_a_family_that_is_not_there_is_443(connect, transport, make_peer, family, peer):
    client = connect(transport)
    client.allocate(family=family)
    assert client.try_create_permission((peer, 9)).error == 443
    assert client.try_channel_bind(0x4000, (peer, 9)).error == 443
    own_family = make_peer(PEER if family == IPV4 else PEER_V6)
    assert client.try_create_permission(own_family.endpoint, (peer, 9)).error == 443
    own_family.send(b"not permitted", client.relayed)
    client.assert_silence()
    assert client.channel_bind(0x4000, own_family.endpoint).is_success


def test_V6_15_dual_allocation_reaches_peers_of_both_families(dual, peer, peer_v6):
    relayed = relayed_by_family(dual.allocation)
    dual.create_permission(peer.endpoint, peer_v6.endpoint)
    for one, family in ((peer, IPV4), (peer_v6, IPV6)):
        dual.send_indication(one.endpoint, b"out")
        assert one.receive_from() == (b"out", relayed[family])
        one.send(b"in", relayed[family])
        found = dual.receive_data()
        assert (found.peer, found.data) == (one.endpoint, b"in")
    for channel, one, family in ((0x4000, peer, IPV4), (0x4001, peer_v6, IPV6)):
        dual.channel_bind(channel, one.endpoint)
        dual.send_channel(channel, b"out")
        assert one.receive_from() == (b"out", relayed[family])
        one.send(b"in", relayed[family])
        assert dual.receive_channel_data().channel == channel


def test_V6_15_peers_reach_the_relayed_address_of_their_family_only(dual, peer, peer_v6):
    relayed = relayed_by_family(dual.allocation)
    dual.create_permission(peer.endpoint)
    peer_v6.send(b"uninvited", relayed[IPV6])
    dual.assert_silence()


def test_V6_16_send_to_a_family_that_is_not_there_is_dropped(connect, transport, peer_v6, peer):
    client = connect(transport)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer_v6.endpoint, b"x")
    client.send_indication(peer.endpoint, b"y")
    assert peer.receive() == b"y"
    client.assert_silence()
    peer_v6.assert_silence(0.05)


@pytest.mark.parametrize(
    "address", ["2002:7f00:1::", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001::1"]
)
def test_V6_17_tunnel_addresses_are_refused(dual, address):
    assert dual.try_create_permission((address, 9)).error == 403
    assert dual.try_channel_bind(0x4000, (address, 9)).error == 403


def test_V6_18_V6_19_header_fields_are_the_servers_or_copied(connect, datagram_transport, make_peer):
    client = connect(datagram_transport, address=LISTENER_V6)
    client.transport.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 0xB8)
    client.transport.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 99)
    client.allocate(family=IPV6)
    peer = make_peer(PEER_V6)
    peer.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    peer.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"x")
    peer.socket.settimeout(5)
    payload, ancillary, _, source = peer.socket.recvmsg(100, 200)
    assert payload == b"x"
    found = {kind: int.from_bytes(value[:4], "little") for _, kind, value in ancillary}
    default = int(open("/proc/sys/net/ipv6/conf/lo/hop_limit").read())
    assert found[socket.IPV6_HOPLIMIT] in (default, 64, 98)
    assert found[socket.IPV6_TCLASS] in (0, 0xB8)
    assert source[2] == 0, "a flow label was copied"


def test_V6_20_dont_fragment_is_ignored_where_ipv6_takes_part(connect, transport, listener, peer_v6):
    client = connect(transport, address=listener)
    client.allocate(family=IPV6)
    client.create_permission(peer_v6.endpoint)
    client.send_indication(peer_v6.endpoint, b"in spite of it", lambda m: m.add(Attribute.DONT_FRAGMENT))
    assert peer_v6.receive() == b"in spite of it"


def test_V6_20_TURN_13_dont_fragment_in_allocate_for_ipv6_is_420_or_granted(connect, transport):
    # TURN-13 asks for the refusal only where the translation cannot see the DF bit of what it relays.
    response = connect(transport).try_allocate(family=IPV6, dont_fragment=True)
    if not response.is_success:
        assert response.error == 420
        assert response.unknown_attributes == [Attribute.DONT_FRAGMENT]


def test_V6_21_fragments_are_put_together_before_relaying(dual, peer_v6):
    relayed = relayed_by_family(dual.allocation)[IPV6]
    ipv6_mtu = 24
    peer_v6.socket.setsockopt(socket.IPPROTO_IPV6, ipv6_mtu, 1280)
    dual.create_permission(peer_v6.endpoint)
    payload = os.urandom(4000)
    peer_v6.send(payload, relayed)
    assert dual.receive_data().data == payload


@pytest.mark.parametrize("family", [IPV4, IPV6])
def test_V6_22_reservation_token_with_a_family_is_400(connect, transport, family):
    token = connect(transport).allocate(even_port=0x80).find(Attribute.RESERVATION_TOKEN)
    assert connect(transport).try_allocate(token=token, family=family).error == 400


def test_V6_04_reserved_pair_of_ipv6(connect, transport):
    giver, taker = connect(transport), connect(transport)
    given = giver.allocate(family=IPV6, even_port=0x80)
    taken = taker.allocate(token=given.find(Attribute.RESERVATION_TOKEN))
    assert taken.relayed == (RELAY_V6, given.relayed[1] + 1)


def test_TURN_41_refresh_of_the_other_family_is_443(connect, transport):
    client = connect(transport)
    client.allocate(family=IPV6)
    assert client.try_refresh(0, family=IPV4).error == 443
    assert client.refresh(family=IPV6).lifetime == 600


def test_TURN_42_refresh_ends_one_family_of_a_dual_allocation(dual, peer, peer_v6):
    relayed = relayed_by_family(dual.allocation)
    dual.create_permission(peer_v6.endpoint)
    dual.channel_bind(0x4000, peer.endpoint)
    assert dual.refresh(0, family=IPV6).lifetime == 0
    peer_v6.send(b"gone", relayed[IPV6])
    dual.send_indication(peer_v6.endpoint, b"gone")
    dual.assert_silence()
    peer_v6.assert_silence(0.05)
    dual.send_channel(0x4000, b"there")
    assert peer.receive_from() == (b"there", relayed[IPV4])
    peer.send(b"back", relayed[IPV4])
    assert dual.receive_channel_data().payload == b"back"
    assert dual.try_refresh(600, family=IPV6).error == 443
    assert dual.try_create_permission(peer_v6.endpoint).error == 443
    assert dual.refresh(700).lifetime == 700
    assert dual.refresh(0).lifetime == 0
    assert dual.try_refresh().error == 437


def test_TURN_42_refresh_without_a_family_acts_on_both(dual, peer, peer_v6):
    relayed = relayed_by_family(dual.allocation)
    dual.create_permission(peer.endpoint, peer_v6.endpoint)
    assert dual.refresh(0).lifetime == 0
    for one, family in ((peer, IPV4), (peer_v6, IPV6)):
        one.send(b"gone", relayed[family])
    dual.assert_silence()
    assert dual.try_refresh().error == 437


def test_TURN_42_both_families_can_end_one_after_the_other(dual):
    assert dual.refresh(0, family=IPV4).lifetime == 0
    assert dual.refresh(family=IPV6).lifetime == 600
    assert dual.refresh(0, family=IPV6).lifetime == 0
    assert dual.try_refresh().error == 437


def test_TURN_21_retransmitted_dual_allocate_gets_the_same_success(connect, datagram_transport):
    client = connect(datagram_transport, ALICE)
    octets = client.signed(
        Method.ALLOCATE,
        lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(
            Attribute.ADDITIONAL_ADDRESS_FAMILY, bytes([IPV6, 0, 0, 0])
        ),
    ).build()
    first, second = client.transact(octets), client.transact(octets)
    client.relayed = first.relayed
    assert first.is_success
    assert first.xor_addresses(Attribute.XOR_RELAYED_ADDRESS) == second.xor_addresses(Attribute.XOR_RELAYED_ADDRESS)


def test_PERM_06_permission_of_ipv6_is_for_every_port(dual, make_peer):
    relayed = relayed_by_family(dual.allocation)[IPV6]
    dual.create_permission((PEER_V6, 0))
    for _ in range(2):
        one = make_peer(PEER_V6)
        one.send(b"x", relayed)
        assert dual.receive_data().peer == one.endpoint


def test_V6_13_mapped_spelling_is_no_way_round_the_family(connect, transport):
    client = connect(transport)
    client.allocate(family=IPV6)
    for spelling in (f"::ffff:{PEER}", f"::ffff:{OTHER_PEER}"):
        assert client.try_create_permission((spelling, 9)).error in (403, 443)
