"""Allocations and Refresh (RFC 8656 sections 5 to 8), black-box. What needs waiting is in test_expiry.py."""

import os
import socket
import statistics
import time

import pytest

from server_fixture import ALICE, BOB, LISTENER, PEER, POOL, RELAY, free_port, listeners, run_command
from stun_message import UDP, Attribute, Builder, Class, Method, channel_data
from transports import ALL, open_transport
from turn_client import Credentials, TurnClient
from waiting import eventually

MODERN = Credentials.modern(ALICE.username, ALICE.password)

SETTINGS = {"limits": {"allocations_per_user": 0}}

# Only IPv4 relays: a few tests count ports of one pool.
SMALL_POOL = {"addresses": [POOL]}


def port_of(response) -> int:
    return response.relayed[1]


def test_TURN_01_clients_of_every_transport_get_allocations(client, peer):
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"ping")
    payload, source = peer.receive_from()
    assert (payload, source) == (b"ping", client.relayed)
    peer.send(b"pong", source)
    answer = client.receive_data()
    assert (answer.peer, answer.data) == (peer.endpoint, b"pong")


@pytest.mark.parametrize("method", [Method.REFRESH, Method.CREATE_PERMISSION, Method.CHANNEL_BIND])
def test_TURN_02_request_without_an_allocation_is_437(client, peer, method):
    assert client.transact(Builder(method).build()).error == 401, "unauthenticated: 401 comes first"
    response = client.request(
        method, lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")).add_peer(peer.endpoint)
    )
    assert response.error == 437


def test_TURN_03_data_without_an_allocation_is_ignored(client, peer):
    client.send_indication(peer.endpoint, b"x")
    client.assert_silence()
    client.send_channel(0x4000, b"x")
    client.assert_silence()
    peer.assert_silence(0.05)


def test_TURN_04_another_user_is_441(connect, transport, peer):
    client = connect(transport, ALICE)
    client.allocate()
    client.credentials = BOB
    assert client.try_refresh(0).error == 441
    assert client.try_create_permission(peer.endpoint).error == 441
    assert client.try_channel_bind(0x4000, peer.endpoint).error == 441
    client.credentials = ALICE
    assert client.refresh().lifetime == 600
    peer.send(b"not permitted", client.relayed)
    client.assert_silence()


def test_TURN_05_the_whole_five_tuple_names_an_allocation(launch, connect):
    at = launch(listeners=listeners(LISTENER, "127.0.0.9") + listeners(LISTENER))
    ports = sorted({listener["port"] for listener in at.settings["listeners"]})
    local = (LISTENER, free_port(LISTENER))
    seen = set()
    for listener in at.settings["listeners"]:
        endpoint = listener["address"], listener["port"]
        client = TurnClient(open_transport(listener["transport"], endpoint, local), ALICE)
        seen.add(client.allocate().relayed)
        assert client.local == local
    assert len(seen) == 15 and len(ports) == 9


def test_TURN_06_TURN_28_TURN_30_relayed_addresses_are_unique_random_and_dynamic(connect, transport):
    ports = [port_of(connect(transport).allocate()) for _ in range(400)]
    assert len(set(ports)) == len(ports)
    assert all(49152 <= port <= 65535 for port in ports)
    steps = [b - a for a, b in zip(ports, ports[1:])]
    assert sum(step in (1, 2, -1, -2) for step in steps) < 20, "neighbours follow each other"
    assert 0.35 < sum(step > 0 for step in steps) / len(steps) < 0.65, "the ports run in one direction"
    # 16 classes of 25 expected each; chi-square with 15 degrees of freedom stays below 50 but once in 10^5 runs.
    counts = [sum((port - 49152) * 16 // 16384 == number for port in ports) for number in range(16)]
    assert sum((count - 25) ** 2 / 25 for count in counts) < 50, counts
    assert statistics.pstdev(ports) > 3000


def test_TURN_07_allocate_demands_authentication(client):
    response = client.transact(
        Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).build()
    )
    assert response.error == 401
    assert Attribute.XOR_RELAYED_ADDRESS not in response


def test_TURN_07_no_credentials_configured_is_no_open_relay(launch, connect, transport):
    at = launch(auth={"users": [], "shared_secrets": []})
    client = connect(transport, at=at)
    assert client.try_allocate().error == 401
    for username, password in (("", ""), ("1:x", "")):
        client.credentials = Credentials(username, password)
        assert client.try_allocate().error in (400, 401)


def test_TURN_08_second_allocate_on_a_five_tuple_is_437(allocated, peer):
    relayed = allocated.relayed
    assert allocated.try_allocate().error == 437
    allocated.create_permission(peer.endpoint)
    peer.send(b"intact", relayed)
    assert allocated.receive_data().data == b"intact"


def test_TURN_09_missing_requested_transport_is_400(client):
    assert client.request(Method.ALLOCATE).error == 400


@pytest.mark.parametrize("octets", [0, 1, 3, 5, 8])
def test_TURN_10_malformed_requested_transport_is_400(client, octets):
    value = (bytes([UDP]) + bytes(7))[:octets]
    assert client.request(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, value)).error == 400


def test_TURN_11_TCP_01_unsupported_protocol_is_442(client):
    for protocol in (0, 1, 132, 255):
        assert client.try_allocate(protocol=protocol).error == 442


def test_TURN_11_reserved_octets_of_requested_transport_are_ignored(client):
    response = client.request(
        Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0xFF, 0xFF, 0xFF]))
    )
    assert response.is_success
    client.refresh(0)


def test_TURN_12_dont_fragment_is_supported_or_unknown(client, peer):
    response = client.try_allocate(dont_fragment=True)
    if response.is_success:
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"whole", lambda m: m.add(Attribute.DONT_FRAGMENT))
        assert peer.receive() == b"whole"
    else:
        assert response.error == 420
        assert response.unknown_attributes == [Attribute.DONT_FRAGMENT]


@pytest.mark.parametrize(
    "options",
    [{"even_port": 0}, {"even_port": 0x80}, {"family": 1}, {"family": 2}, {"additional_family": 2}],
)
def test_TURN_14_reservation_token_excludes_other_wishes(connect, transport, options):
    giver = connect(transport)
    token = giver.allocate(even_port=0x80).find(Attribute.RESERVATION_TOKEN)
    for candidate in (token, os.urandom(8)):
        assert connect(transport).try_allocate(token=candidate, **options).error == 400
    taker = connect(transport)
    assert taker.allocate(token=token).is_success, "the refused requests used the token up"


def test_TURN_15_unknown_or_used_token_is_508(connect, transport):
    giver, taker, late = connect(transport), connect(transport), connect(transport)
    token = giver.allocate(even_port=0x80).find(Attribute.RESERVATION_TOKEN)
    assert late.try_allocate(token=os.urandom(8)).error == 508
    assert taker.allocate(token=token).is_success
    assert late.try_allocate(token=token).error == 508
    assert late.allocate().is_success


@pytest.mark.parametrize("octets", [0, 4, 7, 9, 16])
def test_TURN_15_token_of_another_length_is_400(client, octets):
    assert client.try_allocate(token=bytes(octets)).error == 400


@pytest.mark.parametrize("giving, taking", [("udp", "tcp"), ("tcp", "udp"), ("udp", "udp"), ("tcp", "tls"), ("wss", "tcp")])
def test_TURN_16_token_yields_the_reserved_address_to_any_five_tuple(connect, peer, giving, taking):
    giver, taker = connect(giving), connect(taking, local=("127.0.0.77", 0))
    given = giver.allocate(even_port=0x80)
    taken = taker.allocate(token=given.find(Attribute.RESERVATION_TOKEN))
    assert taken.relayed == (given.relayed[0], given.relayed[1] + 1)
    assert Attribute.RESERVATION_TOKEN not in taken
    taker.create_permission(peer.endpoint)
    peer.send(b"through the reserved port", taken.relayed)
    assert taker.receive_data().data == b"through the reserved port"


@pytest.mark.parametrize("ending", ["deleted", "closed"])
def test_TURN_16_TURN_19_reservation_outlives_the_allocation_that_made_it(connect, transport, ending):
    giver, taker = connect(transport), connect(transport)
    given = giver.allocate(even_port=0x80)
    if ending == "deleted":
        giver.refresh(0)
    else:
        giver.relayed = None
        giver.close()
        time.sleep(0.1)
    taken = taker.allocate(token=given.find(Attribute.RESERVATION_TOKEN))
    assert taken.relayed == (given.relayed[0], given.relayed[1] + 1)


def test_TURN_15_token_in_the_hands_of_another_user(connect, transport):
    """Whether somebody else may redeem it is the server's choice; if not, his attempt must not use it up."""
    giver, thief, taker = connect(transport), connect(transport, BOB), connect(transport)
    token = giver.allocate(even_port=0x80).find(Attribute.RESERVATION_TOKEN)
    response = thief.try_allocate(token=token)
    if response.is_success:
        assert taker.try_allocate(token=token).error == 508
    else:
        assert response.error == 508
        assert taker.allocate(token=token).is_success


def test_TURN_17_even_port_without_reservation(launch, connect, transport):
    at = launch(relay={**SMALL_POOL, "ports": {"min": 50000, "max": 50007}})
    for _ in range(30):
        client = connect(transport, at=at)
        response = client.allocate(even_port=0)
        assert port_of(response) % 2 == 0
        assert Attribute.RESERVATION_TOKEN not in response
        client.refresh(0)
    clients = [connect(transport, at=at) for _ in range(9)]
    evens = [port_of(client.allocate(even_port=0)) for client in clients[:4]]
    odds = [port_of(client.allocate()) for client in clients[4:8]]
    assert sorted(evens + odds) == list(range(50000, 50008)), "the odd siblings are still there"
    assert clients[8].try_allocate().error == 508


def test_TURN_18_even_port_with_reservation(launch, connect, transport):
    at = launch(relay={**SMALL_POOL, "ports": {"min": 51000, "max": 51003}})
    giver = connect(transport, at=at)
    given = giver.allocate(even_port=0x80)
    token = given.find(Attribute.RESERVATION_TOKEN)
    assert port_of(given) % 2 == 0 and len(token) == 8
    others = [connect(transport, at=at) for _ in range(3)]
    taken = [port_of(other.allocate()) for other in others[:2]]
    assert port_of(given) + 1 not in taken, "the reserved port was handed out"
    assert others[2].try_allocate().error == 508
    redeemed = others[2].allocate(token=token)
    assert port_of(redeemed) == port_of(given) + 1


def test_TURN_18_reserved_bits_of_even_port_are_ignored(client):
    response = client.allocate(even_port=0xFF)
    assert port_of(response) % 2 == 0 and Attribute.RESERVATION_TOKEN in response


def test_TURN_20_even_port_that_cannot_be_met_is_508(launch, connect, transport):
    at = launch(relay={**SMALL_POOL, "ports": {"min": 50001, "max": 50001}})
    client = connect(transport, at=at)
    assert client.try_allocate(even_port=0).error == 508
    assert client.try_allocate(even_port=0x80).error == 508
    assert port_of(client.allocate()) == 50001
    lone = launch(relay={**SMALL_POOL, "ports": {"min": 50002, "max": 50002}})
    client = connect(transport, at=lone)
    assert client.try_allocate(even_port=0x80).error == 508
    assert port_of(client.allocate(even_port=0)) == 50002


@pytest.mark.parametrize("octets", [0, 2, 4])
def test_TURN_20_even_port_of_another_length_is_400(client, octets):
    response = client.try_allocate(fill=lambda m: m.add(Attribute.EVEN_PORT, bytes(octets)))
    assert response.error == 400


@pytest.mark.parametrize("credentials, first_port", [(ALICE, 52000), (MODERN, 52100)])
def test_TURN_21_retransmitted_allocate_gets_the_same_success(
    launch, connect, datagram_transport, credentials, first_port
):
    first_port += 4 * ALL.index(datagram_transport)  # a reservation is left in the pool
    at = launch(relay={**SMALL_POOL, "ports": {"min": first_port, "max": first_port + 3}})
    client = connect(datagram_transport, credentials, at=at)
    client.challenge()
    octets = client.signed(
        Method.ALLOCATE,
        lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(Attribute.EVEN_PORT, b"\x80"),
    ).build()
    first = client.transact(octets)
    for _ in range(20):
        again = client.transact(octets)
        assert again.relayed == first.relayed
        assert again.find(Attribute.RESERVATION_TOKEN) == first.find(Attribute.RESERVATION_TOKEN)
        assert first.lifetime - 5 <= again.lifetime <= first.lifetime
        assert again.has_valid_integrity(client.key)
    client.relayed = first.relayed
    others = [connect(datagram_transport, credentials, at=at) for _ in range(3)]
    assert all(other.allocate().is_success for other in others[:2]), "the retransmissions took ports"
    assert others[2].try_allocate().error == 508


def test_TURN_22_retransmitted_refresh_succeeds_again(connect, datagram_transport):
    client = connect(datagram_transport)
    client.allocate()
    octets = client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 700)).build()
    assert [client.transact(octets).lifetime for _ in range(2)] == [700, 700]
    octets = client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0)).build()
    assert client.transact(octets).lifetime == 0
    again = client.transact(octets)
    assert again.is_success or again.error == 437


def test_TURN_23_retransmitted_create_permission_succeeds_again(connect, datagram_transport, peer):
    client = connect(datagram_transport)
    client.allocate()
    octets = client.signed(Method.CREATE_PERMISSION, lambda m: m.add_peer(peer.endpoint)).build()
    assert all(client.transact(octets).type == 0x0108 for _ in range(3))


def test_TURN_24_retransmitted_channel_bind_succeeds_again(connect, datagram_transport, peer):
    client = connect(datagram_transport)
    client.allocate()
    octets = client.signed(
        Method.CHANNEL_BIND,
        lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")).add_peer(peer.endpoint),
    ).build()
    assert all(client.transact(octets).type == 0x0109 for _ in range(3))
    client.send_channel(0x4000, b"x")
    assert peer.receive() == b"x"


def test_TURN_25_quota_is_counted_by_user_not_by_address(launch, connect, transport):
    at = launch(limits={"allocations_per_user": 2})
    first = connect(transport, ALICE, at=at, local=("127.0.0.21", 0))
    second = connect(transport, ALICE, at=at, local=("127.0.0.22", 0))
    third = connect(transport, ALICE, at=at, local=("127.0.0.23", 0))
    other_user = connect(transport, BOB, at=at, local=("127.0.0.21", 0))
    first.allocate()
    second.allocate()
    assert third.try_allocate().error == 486
    assert other_user.allocate().is_success
    first.refresh(0)
    assert third.allocate().is_success


def test_TURN_26_excess_datagrams_are_dropped_and_control_goes_on(launch, connect, transport, peer):
    at = launch(limits={"packets_per_allocation": 50})
    client = connect(transport, at=at)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(400):
        client.send_channel(0x4000, number.to_bytes(4))
    assert client.refresh().is_success
    assert not [unit for unit in client.drain(0.05)], "dropping is silent"
    arrived = 0
    while peer.receive_from(0.2) is not None:
        arrived += 1
    assert 1 <= arrived < 300, f"{arrived} of 400 passed a limit of 50 a second"

    def passes() -> bool:
        client.send_channel(0x4000, b"later")
        return peer.receive_from(0.2) is not None

    assert eventually(passes), "the allocation does not recover from its limit"


def test_TURN_26_bandwidth_of_an_allocation_is_limited_both_ways(launch, connect, transport, peer):
    at = launch(limits={"bandwidth_per_allocation": "800kbit"})
    client = connect(transport, at=at)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    started = time.monotonic()
    for _ in range(1000):
        peer.send(bytes(1000), client.relayed)
    arrived = len(client.drain(0.3))
    # 100 kB a second, and a burst of a second or so.
    allowed = 100 * (time.monotonic() - started + 3)
    assert 1 <= arrived <= allowed, f"{arrived} kB passed 100 kB a second"
    assert client.refresh().is_success


def test_TURN_27_no_port_left_is_508_until_one_is_freed(launch, connect, transport):
    at = launch(relay={**SMALL_POOL, "ports": {"min": 53000, "max": 53003}})
    clients = [connect(transport, at=at) for _ in range(5)]
    for client in clients[:4]:
        client.allocate()
    assert clients[4].try_allocate().error == 508
    clients[1].refresh(0)
    assert port_of(clients[4].allocate()) in range(53000, 53004)


def test_TURN_29_well_known_relay_ports_are_refused_or_warned_of(tmp_path, launch):
    configuration = tmp_path / "low.yaml"
    configuration.write_text("realm: x\nrelay: {ports: {min: 80, max: 1000}}\n")
    done = run_command("check", str(configuration))
    said = (done.stdout + done.stderr).lower()
    assert done.returncode != 0 or "warning" in said
    assert "port" in said


@pytest.mark.parametrize("asked, granted", [(None, 600), (100, 600), (777, 777), (86400, 3600)])
def test_TURN_31_lifetime_is_between_default_and_maximum(client, asked, granted):
    assert client.allocate(lifetime=asked).lifetime == granted


def test_TURN_31_maximum_can_be_configured(launch, connect, transport):
    at = launch(lifetimes={"default": "300s", "max": "700s"})
    for asked, granted in ((None, 300), (10, 300), (500, 500), (3600, 700)):
        client = connect(transport, at=at)
        assert client.allocate(lifetime=asked).lifetime == granted
        assert client.refresh(asked).lifetime == granted


def test_TURN_32_longest_lifetime_is_an_hour(client):
    assert client.allocate(lifetime=0xFFFFFFFF).lifetime == 3600
    assert client.refresh(0xFFFFFFFF).lifetime == 3600


@pytest.mark.parametrize("asked", [0, 1])
def test_TURN_33_allocate_with_a_tiny_lifetime_gets_the_default(client, asked):
    assert client.allocate(lifetime=asked).lifetime == 600
    assert client.refresh().is_success


@pytest.mark.parametrize("octets", [0, 2, 3, 5, 8])
def test_TURN_33_malformed_lifetime_is_400(client, octets):
    response = client.try_allocate(fill=lambda m: m.add(Attribute.LIFETIME, bytes(octets)))
    assert response.error == 400


def test_TURN_34_allocate_success_has_all_attributes(client):
    response = client.allocate()
    assert len(response.xor_addresses(Attribute.XOR_RELAYED_ADDRESS)) == 1
    assert response.relayed[0] == RELAY
    assert response.lifetime == 600
    assert response.mapped == client.local
    assert Attribute.RESERVATION_TOKEN not in response


def test_TURN_35_allocate_and_refresh_answers_name_the_software(client):
    assert Attribute.SOFTWARE in client.allocate()
    assert Attribute.SOFTWARE in client.refresh()
    assert Attribute.SOFTWARE in client.try_allocate()


def test_TURN_38_refresh_with_lifetime_zero_deletes_at_once(client, peer):
    client.allocate()
    relayed = client.relayed
    client.channel_bind(0x4000, peer.endpoint)
    response = client.refresh(0)
    assert response.lifetime == 0
    client.send_indication(peer.endpoint, b"x")
    client.send_channel(0x4000, b"x")
    peer.send(b"x", relayed)
    client.assert_silence()
    peer.assert_silence(0.05)
    assert client.try_refresh().error == 437
    assert client.allocate().is_success


@pytest.mark.parametrize("asked, granted", [(None, 600), (1, 600), (599, 600), (601, 601), (3601, 3600)])
def test_TURN_39_TURN_40_refresh_answers_with_the_lifetime_in_force(allocated, asked, granted):
    assert allocated.refresh(asked).lifetime == granted


@pytest.mark.parametrize("octets", [0, 2, 8])
def test_TURN_39_malformed_lifetime_in_refresh_is_400(allocated, octets):
    response = allocated.request(Method.REFRESH, lambda m: m.add(Attribute.LIFETIME, bytes(octets)))
    assert response.error == 400
    assert allocated.refresh().is_success


def test_TURN_41_refresh_of_a_family_that_is_not_there_is_443(allocated):
    assert allocated.try_refresh(0, family=2).error == 443
    assert allocated.refresh(family=1).lifetime == 600


def test_TURN_44_long_run_of_invalid_messages_closes_the_connection(server, connect, stream_transport):
    before = server.resident_kib()
    for _ in range(3):
        client = connect(stream_transport)
        try:
            client.send_raw(b"\xff" * 65536)
        except Exception:
            pass
        assert client.transport.is_closed_within(10)
    server.assert_grew_at_most(2048, since=before)
    assert connect(stream_transport).binding().is_success


def test_TURN_44_long_run_of_well_framed_nonsense_closes_the_connection(connect, stream_transport):
    client = connect(stream_transport)
    nonsense = Builder(0x00F).build()
    try:
        for _ in range(200):
            client.send_raw(nonsense * 50)
    except Exception:
        pass
    assert client.transport.is_closed_within(10)


def test_TURN_45_closing_the_connection_ends_the_allocation(launch, connect, stream_transport, peer):
    at = launch(limits={"allocations_per_user": 1})
    first = connect(stream_transport, at=at)
    first.allocate()
    first.create_permission(peer.endpoint)
    relayed, first.relayed = first.relayed, None
    first.close()
    second = connect(stream_transport, at=at)
    assert eventually(lambda: second.try_allocate().is_success), "the quota is still charged"
    assert relayed != second.relayed


def test_TURN_45_reset_connection_ends_the_allocation(launch, connect, stream_transport):
    at = launch(limits={"allocations_per_user": 1})
    first = connect(stream_transport, BOB, at=at)
    first.allocate()
    first.relayed = None
    first.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    first.close()
    second = connect(stream_transport, BOB, at=at)
    assert eventually(lambda: second.try_allocate().is_success)


def test_TURN_46_fresh_allocation_permits_and_binds_nothing(allocated, peer):
    peer.send(b"uninvited", allocated.relayed)
    allocated.send_channel(0x4000, b"unbound")
    allocated.assert_silence()
    peer.assert_silence(0.05)


def test_TURN_47_every_message_may_carry_a_fingerprint(client, peer):
    client.challenge()

    def sealed(method, fill=None):
        return client.transact(client.signed(method, fill).fingerprint().build())

    response = sealed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])))
    assert response.is_success
    client.relayed = response.relayed
    assert sealed(Method.REFRESH).is_success
    assert sealed(Method.CREATE_PERMISSION, lambda m: m.add_peer(peer.endpoint)).is_success
    assert sealed(
        Method.CHANNEL_BIND,
        lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40010000")).add_peer((PEER, 9)),
    ).is_success
    client.send_indication(peer.endpoint, b"sealed", lambda m: m.fingerprint())
    assert peer.receive() == b"sealed"


@pytest.mark.parametrize("address", ["127.0.0.66", "127.0.0.67"])
def test_TURN_48_forbidden_peer_is_403(launch, connect, transport, address):
    at = launch(peers={"allow": ["127.0.0.0/8"], "deny": ["127.0.0.66/31"]})
    client = connect(transport, at=at)
    client.allocate()
    assert client.try_create_permission((address, 9)).error == 403
    assert client.try_channel_bind(0x4000, (address, 9)).error == 403
    assert client.create_permission((PEER, 9)).is_success


def test_MISC_06_relay_port_never_answers_stun(allocated, peer):
    peer.send(Builder(Method.BINDING).build(), allocated.relayed)
    allocated.assert_silence()
    peer.assert_silence()
    allocated.create_permission(peer.endpoint)
    octets = Builder(Method.BINDING).build()
    peer.send(octets, allocated.relayed)
    assert allocated.receive_data().data == octets
    peer.assert_silence()


@pytest.mark.parametrize("first", [0x04, 0x0F, 0x10, 0x13, 0x14, 0x50, 0x7F, 0x80, 0xBF, 0xC0, 0xFF])
def test_MUX_01_first_octets_outside_the_protocol_are_dropped(connect, datagram_transport, first):
    connect(datagram_transport).assert_ignores(bytes([first]) + bytes(31))


def test_MUX_02_methods_of_the_upper_half_are_stun_and_unknown(client):
    # Methods 0x080 to 0x0FF have 2 or 3 as their first octet.
    for message_class in (Class.REQUEST, Class.INDICATION):
        client.assert_ignores(Builder(0x080, message_class).build())
        client.assert_ignores(Builder(0x0FF, message_class).build())


def test_MUX_03_channel_data_from_a_stranger_is_ignored(connect, datagram_transport):
    connect(datagram_transport).assert_ignores(channel_data(0x4000, b"hello"))


def test_OAUTH_02_access_token_when_not_offered_is_420(client):
    response = client.try_allocate(fill=lambda m: m.add(Attribute.ACCESS_TOKEN, bytes(32)))
    assert response.error == 420
    assert response.unknown_attributes == [Attribute.ACCESS_TOKEN]
