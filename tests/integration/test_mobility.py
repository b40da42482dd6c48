"""RFC 8016: an allocation that goes with its client, whatever the client leaves and wherever it arrives. Every pair of
transports, within a shard and between two."""

import os

import pytest

from server_fixture import ALICE, BOB, HAS_IPV6, LISTENER, LISTENER_V6, Server, needs_ipv6
from stun_message import UDP, Attribute, Builder, Message, Method
from transports import ALL, STREAMS, parameters
from turn_client import Credentials, TurnClient
from waiting import eventually

TRANSPORTS = ALL

# So many source ports hash to the same one of two shards once in 2^3 runs of a test; in all tests of a run, never.
SEVERAL = 4
TICKET_OCTETS = 32
STRANGE_TICKETS = [b"", b"\0", bytes(TICKET_OCTETS - 1), bytes(TICKET_OCTETS), bytes(TICKET_OCTETS + 1), bytes(600)]


@pytest.fixture
def mobile(launch) -> Server:
    return launch(protocol={"mobility": True})


@pytest.fixture
def immobile(launch) -> Server:
    return launch()


def ticket_of(response: Message) -> bytes | None:
    return response.find(Attribute.MOBILITY_TICKET)


def allocate_mobile(client: TurnClient, **options) -> bytes:
    response = client.allocate(fill=lambda m: m.add(Attribute.MOBILITY_TICKET), **options)
    ticket = ticket_of(response)
    assert ticket, f"{response} has no ticket"
    return ticket


def moving(client: TurnClient, ticket: bytes, lifetime: int | None = None) -> Builder:
    def fill(builder: Builder) -> None:
        builder.add(Attribute.MOBILITY_TICKET, ticket)
        if lifetime is not None:
            builder.add_u32(Attribute.LIFETIME, lifetime)

    return client.signed(Method.REFRESH, fill)


def try_move(client: TurnClient, ticket: bytes, lifetime: int | None = None) -> Message:
    response = client.transact(moving(client, ticket, lifetime).build())
    client.check_integrity(response)
    return response


def move(client: TurnClient, ticket: bytes, before: TurnClient) -> bytes:
    """The client takes the allocation over as soon as it speaks."""
    response = try_move(client, ticket)
    assert response.is_success, f"Refresh with a ticket got {response.error}"
    client.relayed, before.relayed = before.relayed, None
    renewed = ticket_of(response)
    assert renewed and renewed != ticket
    return renewed


def leave(client: TurnClient) -> None:
    """The end of a stream, without a word; of an association, with one, since nothing else tells."""
    client.relayed = None
    if client.is_stream:
        client.close()
    else:
        client.transport.close_with_notice()


def hears(client: TurnClient, peer, relayed, payload: bytes) -> bool:
    """Whether a datagram of the peer reaches the client now; for those who have to wait for something."""
    peer.send(payload, relayed)
    unit = client.receive(0.2)
    return unit is not None and getattr(unit, "payload", None) == payload


@pytest.fixture(params=parameters(ALL))
def next_transport(request) -> str:
    return request.param


@pytest.fixture(params=parameters(tuple(name for name in ALL if name != "udp")))
def connected_transport(request) -> str:
    return request.param


def test_MOB_01_ticket_comes_with_the_allocation(mobile, connect, transport):
    client = connect(transport, at=mobile)
    assert len(allocate_mobile(client)) == TICKET_OCTETS
    other = connect(transport, BOB, at=mobile)
    assert ticket_of(other.allocate()) is None


def test_MOB_01_retransmission_gets_an_equally_good_ticket(mobile, connect, transport):
    client = connect(transport, at=mobile)
    request = client.signed(
        Method.ALLOCATE,
        lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(Attribute.MOBILITY_TICKET),
    ).build()
    client.transact(request)
    again = client.transact(request)
    assert again.is_success
    client.relayed = again.relayed
    move(connect(transport, at=mobile), ticket_of(again), client)


def test_MOB_02_forbidden_mobility_is_405(immobile, connect, transport):
    client = connect(transport, at=immobile)
    response = client.try_allocate(fill=lambda m: m.add(Attribute.MOBILITY_TICKET))
    assert response.error == 405
    assert ticket_of(response) is None
    client.allocate()
    for ticket in STRANGE_TICKETS:
        assert try_move(client, ticket).error == 405
    assert client.refresh().is_success


def test_MOB_03_ticket_in_an_allocate_is_400(mobile, connect, transport):
    client = connect(transport, at=mobile)
    mine = allocate_mobile(connect(transport, at=mobile))
    for ticket in [*STRANGE_TICKETS[1:], mine]:
        response = client.try_allocate(fill=lambda m, ticket=ticket: m.add(Attribute.MOBILITY_TICKET, ticket))
        assert response.error == 400


def test_MOB_04_MOB_09_MOB_10_make_before_break(mobile, connect, transport, next_transport, make_peer):
    peer, other_peer = make_peer(), make_peer()
    for number in range(SEVERAL):
        old = connect(transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        old.create_permission(other_peer.endpoint)
        relayed = old.relayed
        new = connect(next_transport, at=mobile)
        move(new, ticket, old)

        # The old client has everything until the new one speaks.
        peer.send(b"still", relayed)
        assert old.receive_channel_data().payload == b"still"
        old.send_channel(0x4000, b"also")
        assert peer.receive_from() == (b"also", relayed)
        old.send_indication(other_peer.endpoint, b"too")
        assert other_peer.receive_from() == (b"too", relayed)
        new.assert_silence(0)

        # The first thing that it says goes its way.
        if number % 2:
            new.send_channel(0x4000, b"here I am")
            assert peer.receive_from() == (b"here I am", relayed)
        else:
            new.send_indication(other_peer.endpoint, b"here I am")
            assert other_peer.receive_from() == (b"here I am", relayed)

        # And then it has everything.
        for sequence in range(10):
            peer.send(bytes([sequence]), relayed)
            assert new.receive_channel_data().payload == bytes([sequence])
            new.send_channel(0x4000, bytes([sequence]))
            assert peer.receive_from() == (bytes([sequence]), relayed)
        other_peer.send(b"data", relayed)
        assert new.receive_data().data == b"data"
        old.send_channel(0x4000, b"nobody's")
        old.send_indication(other_peer.endpoint, b"nobody's")
        old.assert_silence(0)
        assert old.try_refresh().error == 437
        peer.assert_silence(0)
        other_peer.assert_silence(0)
        assert new.refresh(0).lifetime == 0


WORDS = {
    "Refresh": lambda client, peer: client.refresh(),
    "CreatePermission": lambda client, peer: client.create_permission(peer.endpoint),
    "ChannelBind": lambda client, peer: client.channel_bind(0x4000, peer.endpoint),
}


@pytest.mark.parametrize("word", WORDS)
def test_MOB_10_a_request_of_the_new_client_completes_the_move(mobile, connect, transport, peer, word):
    for _ in range(SEVERAL):
        old, new = connect("udp", at=mobile), connect(transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        move(new, ticket, old)
        WORDS[word](new, peer)
        peer.send(b"for you", new.relayed)
        assert new.receive_channel_data().payload == b"for you"
        assert old.try_refresh().error == 437
        old.assert_silence(0)
        new.refresh(0)


def test_MOB_10_requests_that_are_refused_complete_nothing(mobile, connect, transport, peer):
    for _ in range(SEVERAL):
        old, new = connect("udp", at=mobile), connect(transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        relayed = old.relayed
        renewed = move(new, ticket, old)
        assert new.transact(Builder(Method.CREATE_PERMISSION).add_peer(peer.endpoint).build()).error == 401
        new.credentials = Credentials(ALICE.username, "a wrong password")
        assert new.request(Method.REFRESH).error == 401
        new.credentials = BOB
        assert new.try_create_permission(peer.endpoint).error == 441
        assert new.try_allocate().error == 437
        new.credentials = ALICE
        assert new.try_allocate().error == 437
        peer.send(b"still yours", relayed)
        assert old.receive_channel_data().payload == b"still yours"
        # From elsewhere, the move that nobody came for is no obstacle.
        third = connect("udp", at=mobile)
        move(third, renewed, new)
        third.send_channel(0x4000, b"here I am")
        assert peer.receive() == b"here I am"
        third.refresh(0)


def test_MOB_10_messages_right_behind_each_other_are_all_served(mobile, connect, transport, peer):
    for _ in range(SEVERAL):
        old, new = connect("udp", at=mobile), connect(transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        move(new, ticket, old)
        for number in range(8):
            new.send_channel(0x4000, bytes([number]))
        request = new.signed(Method.REFRESH).build()
        new.send_raw(request)
        assert [peer.receive() for _ in range(8)] == [bytes([number]) for number in range(8)]
        assert new.wait_for_response(request[8:20]).is_success
        new.refresh(0)


def test_MOB_10_end_of_the_old_connection_completes_it(mobile, connect, connected_transport, next_transport, peer):
    for _ in range(SEVERAL):
        old, new = connect(connected_transport, at=mobile), connect(next_transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        move(new, ticket, old)
        leave(old)
        assert eventually(lambda: hears(new, peer, new.relayed, b"for you"))
        new.send_channel(0x4000, b"thank you")
        assert peer.receive() == b"thank you"
        new.refresh(0)


def test_MOB_10_end_of_the_new_connection_changes_nothing(mobile, connect, connected_transport, peer):
    for _ in range(SEVERAL):
        old, new = connect("udp", at=mobile), connect(connected_transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        relayed = old.relayed
        renewed = move(new, ticket, old)
        leave(new)
        peer.send(b"still yours", relayed)
        assert old.receive_channel_data().payload == b"still yours"
        old.relayed = relayed
        third = connect("udp", at=mobile)
        move(third, renewed, old)
        third.send_channel(0x4000, b"here I am")
        assert peer.receive() == b"here I am"
        third.refresh(0)


def test_MOB_10_MOB_14_break_before_make(mobile, connect, connected_transport, next_transport, peer):
    """The connection is lost before there is another one: the allocation waits for its ticket."""
    for _ in range(SEVERAL):
        old, new = connect(connected_transport, at=mobile), connect(next_transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        relayed = old.relayed
        dropped = mobile.metric("senso_turn_dropped_packets_total", reason="no_client")
        leave(old)
        peer.send(b"lost", relayed)

        def is_dropped(at_least=dropped + 1) -> bool:
            peer.send(b"lost", relayed)
            return mobile.metric("senso_turn_dropped_packets_total", reason="no_client") >= at_least

        assert eventually(is_dropped)
        old.relayed = relayed
        move(new, ticket, old)
        # Nobody else is served any more, so that there is nothing to wait for.
        assert eventually(lambda: hears(new, peer, relayed, b"for you"))
        new.send_channel(0x4000, b"thank you")
        assert peer.receive() == b"thank you"
        assert new.refresh(0).lifetime == 0


def test_MOB_10_without_a_ticket_the_end_of_the_connection_is_the_end(mobile, connect, connected_transport):
    client = connect(connected_transport, at=mobile)
    before = mobile.metric("senso_turn_relay_ports_in_use")
    client.allocate()
    leave(client)
    assert eventually(lambda: mobile.metric("senso_turn_relay_ports_in_use") == before)


@needs_ipv6
@pytest.mark.parametrize("way", [(LISTENER, LISTENER_V6), (LISTENER_V6, LISTENER)], ids=["4-to-6", "6-to-4"])
def test_MOB_10_between_address_families(mobile, connect, transport, peer, way):
    for _ in range(SEVERAL):
        old, new = connect("udp", at=mobile, address=way[0]), connect(transport, at=mobile, address=way[1])
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        move(new, ticket, old)
        new.send_channel(0x4000, b"here I am")
        assert peer.receive_from() == (b"here I am", new.relayed)
        peer.send(b"for you", new.relayed)
        assert new.receive_channel_data().payload == b"for you"
        new.refresh(0)


def test_MOB_10_gauges_follow_the_client(mobile, connect, transport, next_transport, peer):
    def allocations(kind: str) -> float:
        return mobile.metric("senso_turn_allocations", transport=kind)

    before = {kind: allocations(kind) for kind in ALL}
    others = {name: mobile.metric(name) for name in ("senso_turn_permissions", "senso_turn_channels")}
    old, new = connect(transport, at=mobile), connect(next_transport, at=mobile)
    ticket = allocate_mobile(old)
    old.channel_bind(0x4000, peer.endpoint)
    assert allocations(transport) == before[transport] + 1
    move(new, ticket, old)
    new.refresh()
    for kind in ALL:
        assert allocations(kind) == before[kind] + (kind == next_transport)
    for name, value in others.items():
        assert mobile.metric(name) == value + 1
    new.refresh(0)
    assert {kind: allocations(kind) for kind in ALL} == before
    assert {name: mobile.metric(name) for name in others} == others


def test_MOB_05_B86_ticket_of_a_dead_allocation_is_437(mobile, connect, transport):
    old = connect(transport, at=mobile)
    ticket = allocate_mobile(old)
    old.refresh(0)
    for _ in range(SEVERAL):
        assert try_move(connect(transport, at=mobile), ticket).error == 437
    assert try_move(old, ticket).error == 437


def test_MOB_06_B86_what_is_no_ticket_is_400(mobile, connect, transport):
    old, new = connect(transport, at=mobile), connect(transport, at=mobile)
    ticket = allocate_mobile(old)
    for strange in STRANGE_TICKETS:
        assert try_move(new, strange).error == 400
    for position in range(TICKET_OCTETS):
        flipped = bytearray(ticket)
        flipped[position] ^= 1 << position % 8
        assert try_move(new, bytes(flipped)).error == 400
    assert try_move(new, ticket + b"\0").error == 400
    move(new, ticket, old)


def test_MOB_06_ticket_of_another_process_is_400(launch, connect, transport):
    one, other = launch(protocol={"mobility": True}, shards=1), launch(protocol={"mobility": True}, shards=2)
    ticket = allocate_mobile(connect(transport, at=one))
    assert try_move(connect(transport, at=other), ticket).error == 400


def test_MOB_07_B86_from_the_same_port_it_is_400(mobile, connect, transport):
    client = connect(transport, at=mobile)
    ticket = allocate_mobile(client)
    assert try_move(client, ticket).error == 400
    for _ in range(SEVERAL):
        new = connect(transport, at=mobile)
        ticket = move(new, ticket, client)
        assert try_move(new, ticket).error == 400
        new.refresh()
        assert try_move(new, ticket).error == 400
        client = new


def test_MOB_08_B86_stolen_ticket_is_441_and_takes_nothing(mobile, connect, transport, peer):
    owner = connect(transport, at=mobile)
    ticket = allocate_mobile(owner)
    owner.channel_bind(0x4000, peer.endpoint)
    for _ in range(SEVERAL):
        thief = connect(transport, BOB, at=mobile)
        assert try_move(thief, ticket).error == 441
        assert try_move(thief, ticket, lifetime=0).error == 441
        thief.send_channel(0x4000, b"mine?")
        thief.send_indication(peer.endpoint, b"mine?")
        thief.assert_silence(0)
    peer.assert_silence(0)
    peer.send(b"yours", owner.relayed)
    assert owner.receive_channel_data().payload == b"yours"
    move(connect(transport, at=mobile), ticket, owner)


def test_MOB_11_retransmission_is_answered_the_same(mobile, connect, transport, peer):
    for _ in range(SEVERAL):
        old, new = connect(transport, at=mobile), connect(transport, at=mobile)
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        request = moving(new, ticket).build()
        first = new.transact(request)
        assert first.is_success
        assert new.transact(request).raw == first.raw
        new.send_channel(0x4000, b"here I am")
        assert peer.receive() == b"here I am"
        assert new.transact(request).raw == first.raw
        assert new.refresh(0).lifetime == 0
        old.relayed = None


def test_MOB_11_spent_ticket_moves_nothing(mobile, connect, transport, peer):
    old, new = connect(transport, at=mobile), connect(transport, at=mobile)
    spent = allocate_mobile(old)
    renewed = move(new, spent, old)
    for _ in range(SEVERAL):
        assert try_move(connect(transport, at=mobile), spent).error == 400
    assert try_move(old, spent).error == 400
    assert try_move(new, spent).error == 400
    new.create_permission(peer.endpoint)
    for _ in range(SEVERAL):
        assert try_move(connect(transport, at=mobile), spent).error == 400
    move(connect(transport, at=mobile), renewed, new)


def test_MOB_12_ticket_says_nothing(mobile, connect, transport):
    """Neither addresses nor names, and no two tickets have anything in common."""
    tickets = []
    for _ in range(SEVERAL):
        client = connect(transport, at=mobile)
        ticket = allocate_mobile(client)
        for address, _ in (client.local, client.relayed, client.transport.server):
            assert bytes(int(part) for part in address.split(".")) not in ticket
            assert address.encode() not in ticket
        assert client.credentials.username.encode() not in ticket
        tickets.append(ticket)
    for ticket in tickets:
        others = [other for other in tickets if other is not ticket]
        assert all(sum(a == b for a, b in zip(ticket, other)) < 12 for other in others)


def test_MOB_12_D2_stranger_with_a_ticket_is_401(mobile, connect, transport):
    owner = connect(transport, at=mobile)
    ticket = allocate_mobile(owner)
    for _ in range(SEVERAL):
        stranger = connect(transport, Credentials("alice", "a wrong password"), at=mobile)
        bare = Builder(Method.REFRESH).add(Attribute.MOBILITY_TICKET, ticket)
        assert stranger.transact(bare.build()).error == 401
        assert try_move(stranger, ticket).error == 401
        assert try_move(stranger, bytes(TICKET_OCTETS)).error == 401
    assert owner.refresh().is_success


def test_MOB_12_D2_strangers_with_tickets_leave_nothing_behind(mobile, connect):
    ticket = allocate_mobile(connect("udp", at=mobile))
    stranger = connect("udp", None, at=mobile)

    def flood(count: int) -> None:
        for _ in range(count):
            bare = Builder(Method.REFRESH).add(Attribute.MOBILITY_TICKET, ticket).build()
            assert stranger.transact(bare).error == 401

    flood(500)
    since = mobile.resident_kib()
    flood(5000)
    mobile.assert_grew_at_most(1024, since)


def test_MOB_13_answer_with_a_ticket_is_short(mobile, connect, transport):
    client = connect(transport, at=mobile)
    options = {"additional_family": 2} if HAS_IPV6 else {}
    allocate_mobile(client, **options)
    assert len(client.allocation.raw) <= 548  # RFC 8489 section 6.1, for an unknown path


def test_MOB_14_new_grant_ends_the_one_before(mobile, connect, transport, peer):
    for _ in range(SEVERAL):
        old, second, third = (connect(transport, at=mobile) for _ in range(3))
        ticket = allocate_mobile(old)
        old.channel_bind(0x4000, peer.endpoint)
        relayed = old.relayed
        renewed = move(second, ticket, old)
        move(third, renewed, second)
        second.send_channel(0x4000, b"not mine")
        assert second.try_create_permission(peer.endpoint).error == 437
        peer.send(b"still yours", relayed)
        assert old.receive_channel_data().payload == b"still yours"
        third.send_channel(0x4000, b"here I am")
        assert peer.receive() == b"here I am"
        third.refresh(0)


def test_MOB_14_D10_a_thousand_moves_cost_nothing(launch, connect, peer, shards):
    at = launch(shards=shards, protocol={"mobility": True}, limits={"allocations_per_user": 1})
    client = connect("udp", at=at)
    ticket = allocate_mobile(client)
    client.channel_bind(0x4000, peer.endpoint)

    def chain(moves: int) -> None:
        nonlocal client, ticket
        for number in range(moves):
            new = TurnClient(type(client.transport)(at.udp), ALICE)
            ticket = move(new, ticket, client)
            client.close()
            client = new
            client.send_channel(0x4000, b"here I am")
            assert peer.receive() == b"here I am"
            if number % 50 == 0:
                assert connect("udp", at=at).try_allocate().error == 486
                client.channel_bind(0x4000, peer.endpoint)

    def usage() -> tuple:
        gauges = ("relay_ports_in_use", "allocations", "permissions", "channels")
        return tuple(at.metric(f"senso_turn_{name}") for name in gauges)

    def descriptors() -> int:
        return len(os.listdir(f"/proc/{at.pid}/fd"))

    chain(100)
    before, open_before, since = usage(), descriptors(), at.resident_kib()
    chain(1000)
    assert usage() == before
    assert descriptors() <= open_before + 10  # a scrape of the metrics has some, too
    at.assert_grew_at_most(1024, since)
    client.refresh(0)
    assert at.metric("senso_turn_relay_ports_in_use") == 0
    other = connect("udp", at=at)
    other.allocate()
    other.refresh(0)
    client.close()


def test_MOB_14_D10_moves_between_connections_that_end(launch, connect, peer, shards):
    """Each connection is left before the next one comes: what nobody serves stays charged, and comes back."""
    at = launch(shards=shards, protocol={"mobility": True}, limits={"allocations_per_user": 1})
    client = connect("tcp", at=at)
    ticket = allocate_mobile(client)
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(60):
        relayed = client.relayed
        client.close()
        new = connect(STREAMS[number % len(STREAMS)], at=at)
        assert new.try_allocate().error == 486
        client.relayed = relayed
        ticket = move(new, ticket, client)
        client = new
        client.send_channel(0x4000, b"here I am")
        assert peer.receive() == b"here I am"
    assert at.metric("senso_turn_relay_ports_in_use") == 1
    client.refresh(0)
    assert at.metric("senso_turn_relay_ports_in_use") == 0


def test_deleting_with_a_ticket_from_elsewhere(mobile, connect, transport):
    for _ in range(SEVERAL):
        old, new = connect(transport, at=mobile), connect(transport, at=mobile)
        before = mobile.metric("senso_turn_relay_ports_in_use")
        ticket = allocate_mobile(old)
        response = try_move(new, ticket, lifetime=0)
        assert response.is_success and response.lifetime == 0 and ticket_of(response) is None
        assert mobile.metric("senso_turn_relay_ports_in_use") == before
        assert old.try_refresh().error == 437
        old.relayed = None


def test_D10_what_nobody_comes_back_for_expires(launch, connect, connected_transport):
    at = launch(shards=2, protocol={"mobility": True}, lifetimes={"default": "2s", "max": "2s"})
    for _ in range(SEVERAL):
        client = connect(connected_transport, at=at)
        allocate_mobile(client)
        leave(client)
    assert eventually(lambda: at.metric("senso_turn_relay_ports_in_use") == 0, 30)
    assert at.metric("senso_turn_allocations") == 0


def test_connection_that_never_speaks_again_frees_its_place(mobile, connect, connected_transport):
    """Grants for connections that end at once, over and over: the last one still works."""
    old = connect("udp", at=mobile)
    ticket = allocate_mobile(old)
    for _ in range(50):
        new = connect(connected_transport, at=mobile)
        response = try_move(new, ticket)
        assert response.is_success
        ticket = ticket_of(response)
        leave(new)
    assert old.refresh().is_success
    move(connect("udp", at=mobile), ticket, old)
