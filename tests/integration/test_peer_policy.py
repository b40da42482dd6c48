"""Which peers may be reached: the order of own addresses, deny and allow, and that nothing arrives where it may not.
test_peer_matrix has every special address in every spelling over every way in.

The servers here run with the default peer policy, except where a test is about `allow` or `deny`. Addresses of the
open Internet are stood in for by some that the private network namespace leads to itself; nothing leaves it.
"""

import socket

import pytest

from peer_addresses import spellings_of
from server_fixture import (
    ALICE,
    BOB,
    HAS_IPV6,
    LISTENER,
    LISTENER_V6,
    RELAY,
    RELAY_V6,
    has_address,
    listeners,
    needs_ipv6,
)
from stun_message import IPV6, Builder, Method
from turn_client import TurnClient

ORDINARY = "45.0.0.1"
ORDINARY_V6 = "2a00:1::1"
OWN = "45.1.0.1"
OWN_V6 = "2a00:2::1"
needs_ordinary = pytest.mark.skipif(
    not has_address(ORDINARY), reason=f"{ORDINARY} is not an address here: use tests/integration/run"
)

SETTINGS = {"peers": None}

@pytest.fixture
def dual(connect, transport) -> TurnClient:
    """An allocation of both families, so that the family never decides."""
    client = connect(transport)
    client.allocate(**({"additional_family": IPV6} if HAS_IPV6 else {}))
    return client


def assert_forbidden(client: TurnClient, address: str, port: int = 3478) -> None:
    assert client.try_create_permission((address, port)).error == 403, f"CreatePermission for {address}"
    assert client.try_channel_bind(0x4000, (address, port)).error == 403, f"ChannelBind for {address}"
    client.send_indication((address, port), b"Send")
    client.send_channel(0x4000, b"ChannelData")


@needs_ipv6
def test_A1_A3_victims_on_loopback_hear_nothing(dual, make_peer):
    victim, victim_v6 = make_peer("127.0.0.1"), make_peer("::1")
    port, port_v6 = victim.endpoint[1], victim_v6.endpoint[1]
    spellings = [*spellings_of("127.0.0.1").values(), *spellings_of("0.0.0.0").values()]
    for address in ("127.0.0.1", "0.0.0.0", "0.0.0.1", *spellings):
        assert_forbidden(dual, address, port)
    for address in ("::1", "::", "::ffff:0:1", "64:ff9b::1"):
        assert_forbidden(dual, address, port_v6)
    dual.assert_silence()
    victim.assert_silence()
    victim_v6.assert_silence(0.05)


@needs_ordinary
def test_A8_ordinary_addresses_are_allowed(dual, make_peer):
    peer, peer_v6 = make_peer(ORDINARY), make_peer(ORDINARY_V6)
    dual.create_permission(peer.endpoint, peer_v6.endpoint)
    for channel, one in ((0x4000, peer), (0x4001, peer_v6)):
        dual.send_indication(one.endpoint, b"out")
        payload, source = one.receive_from()
        one.send(b"in", source)
        assert (payload, dual.receive_data().data) == (b"out", b"in")
        dual.channel_bind(channel, one.endpoint)
        dual.send_channel(channel, b"again")
        assert one.receive() == b"again"


# -- own addresses, in the order of precedence ------------------------------------------------------------------------


def assert_unreachable_by_channel(client: TurnClient, endpoint: tuple[str, int]) -> None:
    assert client.try_channel_bind(0x4100, endpoint).error == 403
    client.send_channel(0x4100, Builder(Method.BINDING).build())
    client.send_indication(endpoint, Builder(Method.BINDING).build())
    client.assert_silence()


@pytest.mark.parametrize("which", ["udp", "tcp", "metrics"])
def test_A8_MISC_05_own_listeners_are_403_whatever_is_allowed(launch, connect, transport, which):
    at = launch(peers={"allow": ["0.0.0.0/0", "::/0"]})
    client = connect(transport, at=at)
    client.allocate()
    metrics = (at.settings["metrics"]["address"], at.settings["metrics"]["port"])
    target = metrics if which == "metrics" else at.endpoint(which)
    client.try_create_permission(target)  # permissions know no ports
    assert_unreachable_by_channel(client, target)


def test_A8_own_wildcard_listener_is_403_on_every_own_address(launch, connect, transport):
    at = launch(peers={"allow": ["0.0.0.0/0", "::/0"]}, listeners=listeners("0.0.0.0"))
    port = at.settings["listeners"][0]["port"]
    client = connect(transport, at=at, address=LISTENER)
    client.allocate()
    addresses = [LISTENER, RELAY] + ([OWN] if has_address(OWN) else [])
    for address in addresses:
        client.try_create_permission((address, port))
        assert_unreachable_by_channel(client, (address, port))


@needs_ipv6
def test_A8_own_ipv6_listener_is_403_in_every_spelling(launch, connect, transport):
    at = launch(peers={"allow": ["0.0.0.0/0", "::/0"]})
    client = connect(transport, at=at)
    client.allocate(additional_family=IPV6)
    port = at.udp[1]
    for address in (LISTENER_V6, *spellings_of(LISTENER).values()):
        endpoint = (address, at.endpoint("udp", LISTENER_V6)[1] if address == LISTENER_V6 else port)
        client.try_create_permission(endpoint)
        client.send_indication(endpoint, Builder(Method.BINDING).build())
        if address == LISTENER_V6 or "ffff" in address:
            assert client.try_channel_bind(0x4100, endpoint).error == 403
    client.assert_silence()


def test_A8_own_relay_address_permits_but_binds_only_live_ports(dual):
    assert dual.create_permission((RELAY, 9)).is_success
    for port in (1, 80, 3478, 49151, 49152, 65535):
        if (RELAY, port) != dual.relayed:
            assert dual.try_channel_bind(0x4000, (RELAY, port)).error in (403, 400)
    assert dual.try_channel_bind(0x4000, (RELAY, 50000)).error == 403


def test_A8_MISC_05_own_relayed_address_is_403(dual):
    assert dual.try_channel_bind(0x4000, dual.relayed).error == 403


def test_A8_socket_of_somebody_else_on_the_relay_address_hears_nothing(dual, make_peer):
    """A port of the relay address that no allocation holds, such as another daemon's, is out of reach."""
    for port in (0, 60999):
        try:
            daemon = make_peer(RELAY, port)
        except OSError:
            continue
        dual.create_permission(daemon.endpoint)
        assert dual.try_channel_bind(0x4000, daemon.endpoint).error == 403
        dual.send_indication(daemon.endpoint, b"x")
        dual.assert_silence()
        daemon.assert_silence(0.1)


def exchange(one: TurnClient, other: TurnClient, first: tuple[str, int], second: tuple[str, int]) -> None:
    """Data between two allocations whose relayed addresses are `first` and `second`, by indications, then channels."""
    one.create_permission(second)
    one.send_indication(second, b"not yet permitted")
    other.assert_silence()
    other.create_permission(first)
    one.send_indication(second, b"there")
    found = other.receive_data()
    assert (found.peer, found.data) == (first, b"there")
    other.send_indication(first, b"back")
    found = one.receive_data()
    assert (found.peer, found.data) == (second, b"back")
    one.channel_bind(0x4000, second)
    other.channel_bind(0x4001, first)
    for number in range(20):
        one.send_channel(0x4000, bytes([number]))
        received = other.receive_channel_data()
        assert (received.channel, received.payload) == (0x4001, bytes([number]))
        other.send_channel(0x4001, bytes([number, number]))
        received = one.receive_channel_data()
        assert (received.channel, received.payload) == (0x4000, bytes([number, number]))


@pytest.mark.parametrize("other_transport", ["udp", "tcp"])
def test_A8_two_allocations_of_this_server_reach_each_other(connect, transport, other_transport):
    for _ in range(6):  # source ports choose the shards: several pairs meet on one shard and across two
        one, other = connect(transport, ALICE), connect(other_transport, BOB)
        one.allocate()
        other.allocate()
        exchange(one, other, one.relayed, other.relayed)
        one.refresh(0)
        other.refresh(0)


@needs_ipv6
def test_A8_two_ipv6_allocations_of_this_server_reach_each_other(connect, transport):
    one, other = connect(transport), connect(transport, address=LISTENER_V6)
    one.allocate(family=IPV6)
    other.allocate(family=IPV6)
    assert one.relayed[0] == RELAY_V6
    exchange(one, other, one.relayed, other.relayed)


def test_A8_live_port_that_dies_takes_no_more_data(connect, transport):
    one, other = connect(transport), connect(transport)
    one.allocate()
    other.allocate()
    target = other.relayed
    one.channel_bind(0x4000, target)
    other.create_permission(one.relayed)
    one.send_channel(0x4000, b"alive")
    assert other.receive_data().data == b"alive"
    other.refresh(0)
    one.send_channel(0x4000, b"dead")
    one.assert_silence()
    other.assert_silence()
    assert one.try_channel_bind(0x4001, (target[0], target[1])).error in (400, 403)


EXTERNAL = "203.0.113.7"


def test_A8_relay_to_relay_through_the_external_address(launch, connect, transport):
    at = launch(relay={"addresses": [RELAY], "external_addresses": {RELAY: EXTERNAL}}, peers=None)
    for _ in range(4):
        one, other = connect(transport, ALICE, at=at), connect(transport, BOB, at=at)
        assert one.allocate().relayed[0] == EXTERNAL
        assert other.allocate().relayed[0] == EXTERNAL
        exchange(one, other, one.relayed, other.relayed)
        one.refresh(0)
        other.refresh(0)


def test_A8_external_address_binds_only_live_ports(launch, connect, transport):
    at = launch(relay={"addresses": [RELAY], "external_addresses": {RELAY: EXTERNAL}}, peers=None)
    client = connect(transport, at=at)
    client.allocate()
    assert client.create_permission((EXTERNAL, 9)).is_success
    for port in (22, 3478, 50000, 65535):
        if port != client.relayed[1]:
            assert client.try_channel_bind(0x4000, (EXTERNAL, port)).error == 403
    assert client.try_channel_bind(0x4000, client.relayed).error == 403
    assert client.try_create_permission(("203.0.113.8", 9)).error == 403, "its neighbour is an ordinary denial"


def test_A8_peers_reach_an_allocation_behind_an_external_address(launch, connect, transport, peer):
    at = launch(relay={"addresses": [RELAY], "external_addresses": {RELAY: EXTERNAL}})
    client = connect(transport, at=at)
    client.allocate()
    client.create_permission(peer.endpoint)
    peer.send(b"hello", (RELAY, client.relayed[1]))
    assert client.receive_data().data == b"hello"
    client.send_indication(peer.endpoint, b"back")
    assert peer.receive_from() == (b"back", (RELAY, client.relayed[1]))


def test_A8_deny_comes_before_allow(launch, connect, transport, peer):
    at = launch(peers={"allow": ["127.0.0.0/8"], "deny": ["127.0.0.66/32", "127.1.0.0/16"]})
    client = connect(transport, at=at)
    client.allocate()
    for address in ("127.0.0.66", "127.1.2.3"):
        assert_forbidden(client, address)
    assert client.create_permission(peer.endpoint).is_success


@needs_ordinary
def test_A8_addresses_of_the_host_itself_are_403_unless_allowed(launch, dual, connect, transport):
    for address in (OWN, OWN_V6):
        assert_forbidden(dual, address)
    client = connect(transport, at=launch(peers={"allow": [f"{OWN}/32", f"{OWN_V6}/128"]}))
    client.allocate(additional_family=IPV6)
    assert client.create_permission((OWN, 9), (OWN_V6, 9)).is_success


@needs_ordinary
def test_A8_deny_adds_to_the_built_in_ranges(launch, connect, transport):
    client = connect(transport, at=launch(peers={"deny": [f"{ORDINARY}/32"]}))
    client.allocate()
    assert_forbidden(client, ORDINARY)
    assert client.create_permission(("45.0.0.2", 9)).is_success


@needs_ipv6
def test_A3_A13_deny_of_an_ipv4_range_holds_in_every_spelling(launch, connect, transport):
    at = launch(peers={"allow": ["::/0", "127.0.0.0/8"], "deny": ["127.0.0.66/32", "2a00:1:0:1::/64"]})
    client = connect(transport, at=at)
    client.allocate(additional_family=IPV6)
    assert_forbidden(client, "127.0.0.66")
    assert_forbidden(client, "::ffff:127.0.0.66")
    for address in ("2a00:1:0:1::", "2a00:1:0:1::1", "2a00:1:0:1:ffff:ffff:ffff:ffff"):
        assert_forbidden(client, address)
    for address in ("2a00:1:0:0:ffff:ffff:ffff:ffff", "2a00:1:0:2::"):
        assert client.create_permission((address, 9)).is_success


def test_clients_that_are_denied_get_no_answer(launch, connect):
    at = launch(clients={"deny": ["127.0.0.88/32"]})
    denied = connect("udp", at=at, local=("127.0.0.88", 0))
    denied.send_raw(Builder(Method.BINDING).build())
    assert denied.receive(0.3) is None
    assert connect("udp", at=at).binding().is_success
    with socket.socket() as stream:
        stream.bind(("127.0.0.88", 0))
        stream.settimeout(2)
        try:
            stream.connect(at.tcp)
            stream.sendall(Builder(Method.BINDING).build())
            assert stream.recv(100) == b""
        except (TimeoutError, ConnectionError):
            pass
