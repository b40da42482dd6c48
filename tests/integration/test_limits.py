"""Quotas, exhaustion and floods (RFC 8656 sections 5 and 7.2; security rows D1, D2, D10 to D13), black-box."""

import socket
import time

import pytest

from crowd import Crowd
from repetition import full_count
from server_fixture import (
    ALICE,
    BOB,
    LISTENER,
    PEER,
    POOL,
    RELAY,
    SHARED_SECRET,
    Server,
    is_sanitized,
    needs_ipv6,
)
from stun_message import UDP, Attribute, Builder, Method, channel_data
from turn_client import ConnectionEnded, Credentials, TcpTransport, TurnClient, UdpTransport, timed_credentials
from waiting import eventually

# What an operator gets who says nothing about limits.
DEFAULT_LIMITS = {"limits": None}


def allocate_builder() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))


def test_TURN_25_default_quota_of_a_user_is_300(launch, connect):
    at = launch(**DEFAULT_LIMITS)
    clients = [connect("udp", at=at) for _ in range(301)]
    for client in clients[:300]:
        client.allocate()
    assert clients[300].try_allocate().error == 486
    assert connect("udp", BOB, at=at).allocate().is_success, "the quota is of the user, not of the address"
    clients[0].refresh(0)
    assert clients[300].allocate().is_success


def test_TURN_25_three_hundred_clients_of_one_source_allocate_under_default_limits(launch, connect):
    """A school sits behind one address. Every client has credentials and a subject of its own."""
    at = launch(limits=None, realm="school.example.test")
    for number in range(300):
        transport = "tcp" if number % 3 == 0 else "udp"
        client = connect(transport, timed_credentials(SHARED_SECRET, name=f"pupil{number}"), at=at)
        assert client.allocate().is_success, number


def test_TURN_25_total_quota(launch, connect, transport):
    at = launch(limits={"allocations": 2})
    clients = [connect(transport, who, at=at) for who in (ALICE, BOB, ALICE)]
    clients[0].allocate()
    clients[1].allocate()
    assert clients[2].try_allocate().error in (486, 508)
    clients[0].refresh(0)
    assert clients[2].allocate().is_success


def test_TURN_25_source_quota_when_configured(launch, connect, transport):
    at = launch(limits={"allocations_per_source": 1})
    first = connect(transport, ALICE, at=at, local=("127.0.0.31", 0))
    second = connect(transport, BOB, at=at, local=("127.0.0.31", 0))
    elsewhere = connect(transport, BOB, at=at, local=("127.0.0.32", 0))
    first.allocate()
    assert second.try_allocate().error == 486
    assert elsewhere.allocate().is_success


def test_TURN_25_tenant_quota_when_configured(launch, connect, transport):
    """The second part of the name of a service's credentials begins with key and tenant."""
    at = launch(limits={"allocations_per_tenant": 1})
    names = ("k1.acme.aaaa:1", "k1.acme.bbbb:2", "k1.other.cccc:3")
    clients = [connect(transport, timed_credentials(SHARED_SECRET, name=name), at=at) for name in names]
    assert clients[0].allocate().is_success
    assert clients[1].try_allocate().error == 486
    assert clients[2].allocate().is_success


def test_TURN_25_reservations_are_charged(launch, connect, transport):
    at = launch(limits={"allocations_per_user": 2})
    giver = connect(transport, at=at)
    token = giver.allocate(even_port=0x80).find(Attribute.RESERVATION_TOKEN)
    assert connect(transport, at=at).try_allocate().error == 486
    assert connect(transport, at=at).allocate(token=token).is_success, "a redeemed token costs nothing more"
    assert connect(transport, at=at).try_allocate().error == 486


def test_TURN_25_refused_allocations_cost_nothing(launch, connect, transport):
    at = launch(limits={"allocations_per_user": 1}, relay={"addresses": [RELAY]})
    client = connect(transport, at=at)
    for _ in range(5):
        assert client.try_allocate(protocol=132).error == 442
        assert client.try_allocate(family=2).error == 440
        assert client.try_allocate(token=bytes(8)).error == 508
    assert client.allocate().is_success


def test_TURN_27_exhaustion_recovers_again_and_again(launch, connect, transport):
    at = launch(relay={"addresses": [POOL], "ports": {"min": 55000, "max": 55007}})
    for _ in range(3):
        clients = [connect(transport, at=at) for _ in range(9)]
        ports = sorted(client.allocate().relayed[1] for client in clients[:8])
        assert ports == list(range(55000, 55008))
        assert clients[8].try_allocate().error == 508
        assert clients[8].try_allocate(even_port=0).error == 508
        for client in clients[:8]:
            client.refresh(0)


def test_TURN_27_port_held_by_another_program_is_passed_over(launch, connect):
    at = launch(relay={"addresses": [POOL], "ports": {"min": 56000, "max": 56003}})
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind((POOL, 56001))
    clients = [connect("udp", at=at) for _ in range(4)]
    ports = sorted(client.allocate().relayed[1] for client in clients[:3])
    assert ports == [56000, 56002, 56003]
    assert clients[3].try_allocate().error == 508
    held.close()


def test_TURN_06_thousand_allocations_share_no_address(launch, connect):
    at = launch(limits={"allocations_per_user": 0})
    relayed = [connect("udp", at=at).allocate().relayed for _ in range(1000)]
    assert len(set(relayed)) == 1000
    assert at.metric("senso_turn_allocations") >= 1000


def test_D10_opening_and_closing_streams_leaks_no_quota(launch, connect):
    at = launch(limits={"allocations_per_user": 3})
    for _ in range(60):
        client = TurnClient(TcpTransport(at.tcp), ALICE)
        deadline = time.monotonic() + 10
        while not client.try_allocate().is_success:
            assert time.monotonic() < deadline, "the quota of closed connections is never given back"
            time.sleep(0.02)
        client.close()


def test_D11_even_ports_leak_nothing(launch, connect):
    at = launch(relay={"addresses": [POOL], "ports": {"min": 57000, "max": 57003}})
    client = connect("udp", at=at)
    for number in range(500):
        client.allocate(even_port=0)
        client.refresh(0)
    assert at.metric("senso_turn_relay_ports_in_use") == 0
    clients = [connect("udp", at=at) for _ in range(4)]
    assert len({one.allocate().relayed for one in clients}) == 4


def test_D12_permissions_and_channels_are_bounded_by_default(launch, connect, transport):
    client = connect(transport, at=launch(**DEFAULT_LIMITS))
    client.allocate()
    for number in range(64):
        client.create_permission((f"127.0.7.{number + 1}", 9))
    assert client.try_create_permission(("127.0.8.1", 9)).error == 508
    for number in range(64):
        client.channel_bind(0x4000 + number, ("127.0.7.1", 1000 + number))
    assert client.try_channel_bind(0x4400, ("127.0.7.1", 9)).error == 508


def test_D1_answers_to_strangers_are_small(launch, connect):
    at = launch(**DEFAULT_LIMITS)
    client = connect("udp", at=at)
    bare = Builder(Method.BINDING).build()
    assert len(client.transact(bare).raw) <= 3 * len(bare)
    minimal = allocate_builder().build()
    assert len(client.transact(minimal).raw) <= 5 * len(minimal)
    junk = client.transact(client.sign(allocate_builder()).build()[:-1] + b"\0")
    assert junk.error in (None, 401)


def test_D1_answers_to_one_stranger_are_limited(launch):
    at = launch(limits={"challenges_per_source": {"rate": 10, "burst": 20}})
    stranger = UdpTransport(at.udp, ("127.0.0.91", 0))
    for _ in range(200):
        stranger.send(allocate_builder().build())
    answers = 0
    while stranger.receive(0.3) is not None:
        answers += 1
    assert 10 <= answers <= 60
    other = TurnClient(UdpTransport(at.udp, ("127.0.0.92", 0)), ALICE)
    assert other.allocate().is_success, "another source is served"
    time.sleep(0.5)
    again = TurnClient(UdpTransport(at.udp, ("127.0.0.91", 0)), ALICE)
    assert again.allocate().is_success, "and this one as well, a little later"


def test_D1_limit_for_strangers_spares_the_authenticated(launch, connect):
    at = launch(limits={"challenges_per_source": {"rate": 10, "burst": 20}})
    client = connect("udp", at=at, local=("127.0.0.93", 0))
    client.allocate()
    for _ in range(200):
        assert client.refresh().is_success


def test_D7_connections_of_one_source_are_limited(launch):
    at = launch(limits={"connections_per_source": 5})
    held = [TurnClient(TcpTransport(at.tcp, ("127.0.0.94", 0))) for _ in range(5)]
    for client in held:
        assert client.binding().is_success
    try:
        sixth = TcpTransport(at.tcp, ("127.0.0.94", 0))
        sixth.send(Builder(Method.BINDING).build())
        assert sixth.is_closed_within(5)
    except (ConnectionEnded, OSError):
        pass
    assert TurnClient(TcpTransport(at.tcp, ("127.0.0.95", 0))).binding().is_success
    held[0].close()
    deadline = time.monotonic() + 5
    while True:
        try:
            assert TurnClient(TcpTransport(at.tcp, ("127.0.0.94", 0))).binding(seconds=1).is_success
            break
        except (ConnectionEnded, OSError, AssertionError):
            assert time.monotonic() < deadline, "a closed connection still counts"
            time.sleep(0.05)


# A million where everything is repeated often.
STRANGERS = max(100_000, 10 * full_count())


@pytest.mark.skipif(is_sanitized(), reason="sanitizers keep freed memory: the size says nothing")
def test_D2_D3_B92_hundreds_of_thousands_of_strangers_leave_memory_as_it_was(launch, connect):
    at = launch(limits=None, realm="strangers.example.test")
    crowd = Crowd(at.udp)
    probe = connect("udp", at=at, local=("127.0.0.96", 0))
    probe.allocate()
    client = TurnClient(UdpTransport(at.udp), Credentials("nobody", "x"))
    client.challenge()
    junk = client.sign(allocate_builder()).build()
    messages = [
        Builder(Method.BINDING).build(),
        allocate_builder().build(),
        junk,
        Builder(Method.REFRESH).build(),
        Builder(Method.CONNECTION_BIND).add_u32(0x002A, 1).build(),
        channel_data(0x4000, b"hello"),
    ]

    def flood(numbers: range) -> None:
        for number in numbers:
            crowd.say(number, messages[number % len(messages)])
            if number % 100 == 99:
                assert probe.refresh().is_success  # a real client is served, and the queue drains

    flood(range(3000))
    before = at.resident_kib()
    flood(range(3000, 3000 + STRANGERS))
    grown = at.resident_kib() - before
    assert grown <= 1024, f"{grown} KiB were left behind by strangers"
    assert at.metric("senso_turn_allocations") == 1


def passed_of_two(
    connect, make_peer, at: Server, transport: str, users: tuple[Credentials, Credentials], octets: int
) -> tuple[int, float]:
    """How many of twice 500 packets come to their peers at once, and in how many seconds."""
    time.sleep(1)  # what a test before this one has sent there has leaked away
    sessions = []
    for credentials in users:
        client, peer = connect(transport, credentials, at=at), make_peer()
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
        sessions.append((client, peer))
    started = time.monotonic()
    for _ in range(500):
        for client, _ in sessions:
            client.send_channel(0x4000, bytes(octets))
    passed = 0
    for client, peer in sessions:
        assert client.refresh().is_success
        while peer.receive_from(0.1) is not None:
            passed += 1
    return passed, time.monotonic() - started


@pytest.mark.parametrize("scope", ["bandwidth_per_user", "bandwidth_total"])
def test_TURN_26_bandwidth_of_a_user_and_of_all_is_shared(launch, connect, make_peer, scope):
    at = launch(limits={scope: "800kbit"})
    users = (ALICE, ALICE if scope == "bandwidth_per_user" else BOB)
    passed, seconds = passed_of_two(connect, make_peer, at, "udp", users, 1000)
    # 100 kB a second for both together, and a burst of a second or so.
    assert 1 <= passed <= 100 * (seconds + 3), f"{passed} kB passed 100 kB a second"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("scope", ["packets_per_user", "packets_total"])
def test_TURN_26_packets_of_a_user_and_of_all_are_shared(launch, connect, make_peer, scope, transport):
    at = launch(limits={scope: 100})
    users = (ALICE, ALICE if scope == "packets_per_user" else BOB)
    dropped = at.metric("senso_turn_dropped_packets_total", reason="over_limit")
    passed, seconds = passed_of_two(connect, make_peer, at, transport, users, 1)
    # 100 a second for both together, and a burst of a second.
    assert 100 <= passed <= 100 * (seconds + 2), f"{passed} packets"
    assert 0 < at.metric("senso_turn_dropped_packets_total", reason="over_limit") - dropped <= 1000 - passed


def test_TURN_26_packets_of_one_user_are_not_those_of_another(launch, connect, make_peer):
    at = launch(limits={"packets_per_user": 20})
    hog, modest = connect("udp", ALICE, at=at), connect("udp", BOB, at=at)
    peer = make_peer()
    for client in (hog, modest):
        client.allocate()
        client.create_permission(peer.endpoint)
    for _ in range(200):
        hog.send_indication(("127.0.0.3", 9), b"x")
    assert hog.refresh().is_success
    assert at.metric("senso_turn_dropped_packets_total", reason="over_limit") > 0
    for number in range(20):
        modest.send_indication(peer.endpoint, number.to_bytes(1))
    assert [peer.receive() for _ in range(20)] == [number.to_bytes(1) for number in range(20)]


def test_TURN_26_bandwidth_of_one_user_is_not_that_of_another(launch, connect, make_peer):
    at = launch(limits={"bandwidth_per_user": "800kbit"})
    hog, modest = connect("udp", ALICE, at=at), connect("udp", BOB, at=at)
    peer = make_peer()
    for client in (hog, modest):
        client.allocate()
        client.create_permission(peer.endpoint)
    for _ in range(1000):
        hog.send_indication(("127.0.0.3", 9), bytes(1000))
    modest.send_indication(peer.endpoint, b"modest")
    assert peer.receive() == b"modest"


@pytest.mark.parametrize("is_bound", [True, False], ids=["channel", "permission"])
def test_TURN_26_strangers_use_up_nothing(launch, connect, transport, make_peer, is_bound):
    """Whoever knows the address of a relay can send to it; without a permission it costs its owner nothing."""
    at = launch(limits={"packets_per_allocation": 20})
    client, peer, stranger = connect(transport, at=at), make_peer(), make_peer("127.0.0.9")
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint) if is_bound else client.create_permission(peer.endpoint)

    def dropped(reason: str) -> float:
        return at.metric("senso_turn_dropped_packets_total", reason=reason)

    before = {reason: dropped(reason) for reason in ("no_permission", "over_limit")}
    for _ in range(200):
        stranger.send(b"junk", client.relayed)
    assert eventually(lambda: dropped("no_permission") == before["no_permission"] + 200)
    for number in range(10):
        peer.send(number.to_bytes(1), client.relayed)
        assert (client.receive_channel_data().payload if is_bound else client.receive_data().data) == number.to_bytes(1)
    assert dropped("over_limit") == before["over_limit"]


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_TURN_26_a_voice_loses_nothing_to_a_flood(launch, connect, make_peer, transport):
    """All bandwidth is asked for many times over: who asks for little has it whole."""
    at = launch(limits={"bandwidth_total": "2Mbit"})
    flood, voice = connect("udp", ALICE, at=at), connect(transport, BOB, at=at)
    peers = {client: make_peer() for client in (flood, voice)}
    for client, peer in peers.items():
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
    for number in range(150):  # at most 160 octets each 20 ms, as a telephone does
        for _ in range(20):
            flood.send_channel(0x4000, bytes(1200))
        assert flood.refresh().is_success  # the queues are empty: what is lost, the limit has taken
        voice.send_channel(0x4000, number.to_bytes(2) + bytes(158))
        assert peers[voice].receive()[:2] == number.to_bytes(2)
        time.sleep(0.02)
    assert at.metric("senso_turn_dropped_packets_total", reason="over_limit") > 0
    assert at.metric("senso_turn_dropped_packets_total", reason="buffer_full") == 0


def test_TURN_26_limits_default_to_plenty_for_a_call(launch, connect, peer):
    """50 Mbit/s and 10,000 packets a second: a video call of 300 packets passes whole."""
    client = connect("udp", at=launch(**DEFAULT_LIMITS))
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    assert peer.endpoint[0] == PEER and client.local[0] == LISTENER
    for number in range(300):
        client.send_channel(0x4000, bytes(1100) + number.to_bytes(2))
        assert peer.receive()[-2:] == number.to_bytes(2)


@needs_ipv6
def test_TURN_25_dual_allocation_keeps_to_the_quota(launch, connect, transport):
    at = launch(limits={"allocations_per_user": 1})
    client = connect(transport, at=at)
    response = client.try_allocate(additional_family=2)
    assert response.is_success or response.error in (486, 508)
    if response.is_success and Attribute.ADDRESS_ERROR_CODE in response:
        assert len(response.xor_addresses(Attribute.XOR_RELAYED_ADDRESS)) == 1
    if response.is_success:
        assert connect(transport, at=at).try_allocate().error == 486
        client.refresh(0)
    assert at.metric("senso_turn_relay_ports_in_use") == 0
    assert client.allocate().is_success, "nothing is left charged"
