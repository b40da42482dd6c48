"""Allocations of even ports that come and go: afterwards pool, quota, descriptors and memory are as before (D11)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from server_fixture import ALICE, BOB, POOL, Server, is_sanitized
from stun_message import UDP, Attribute, Builder, Message, Method
from transports import ALL
from turn_client import TurnClient
from waiting import eventually

CYCLES = 1_000 if is_sanitized() else 20_000
CYCLES_OF_PAIRS = CYCLES // 10
AT_ONCE = 25  # pipelined cycles
ALLOWED_KIB = 512

# Six ports, of which one user may have four and two users all.
QUOTA, PORTS = 4, 6


def settings_for(transport: str, first_port: int) -> dict:
    """A server, and a part of the relay address, for each transport: reservations that lapse must not meet."""
    first = first_port + 10 * ALL.index(transport)
    return {
        "relay": {"addresses": [POOL], "ports": {"min": first, "max": first + PORTS - 1}},
        "limits": {"allocations_per_user": QUOTA},
    }


def allocate(client: TurnClient, even_port: int) -> bytes:
    def fill(builder: Builder) -> None:
        builder.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(Attribute.EVEN_PORT, bytes([even_port]))

    return client.signed(Method.ALLOCATE, fill).build()


def redeem(client: TurnClient, token: bytes) -> bytes:
    def fill(builder: Builder) -> None:
        builder.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(Attribute.RESERVATION_TOKEN, token)

    return client.signed(Method.ALLOCATE, fill).build()


def release(client: TurnClient) -> bytes:
    return client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0)).build()


def answers(client: TurnClient, requests: list[bytes]) -> Iterator[Message]:
    """To requests that are sent all at once; none may be missing, and none is out of order on one 5-tuple."""
    if client.is_stream:
        client.send_raw(b"".join(requests))
    else:
        for request in requests:
            client.send_raw(request)
    for request in requests:
        answer = client.receive()
        assert answer is not None and answer.transaction_id == request[8:20]
        yield answer


def cycle(client: TurnClient, count: int, even_port: int = 0) -> None:
    """Transactions come again, long after they were over."""
    requests = [request for _ in range(AT_ONCE) for request in (allocate(client, even_port), release(client))]
    for _ in range(count // AT_ONCE):
        for number, answer in enumerate(answers(client, requests)):
            assert answer.is_success, f"{answer} after {number} others"
            if number % 2 == 0:
                assert answer.relayed[1] % 2 == 0
                assert Attribute.RESERVATION_TOKEN not in answer


def cycle_pairs(client: TurnClient, taker: TurnClient, count: int) -> None:
    """The reserved port is redeemed by another 5-tuple; both allocations are released."""
    first, last, last_of_taker = allocate(client, 0x80), release(client), release(taker)
    for _ in range(count):
        given = client.transact(first)
        assert given.is_success, given
        taken = taker.transact(redeem(taker, given.find(Attribute.RESERVATION_TOKEN)))
        assert taken.relayed == (POOL, given.relayed[1] + 1)
        assert client.transact(last).is_success and taker.transact(last_of_taker).is_success


def descriptors(at: Server) -> int:
    return len(os.listdir(f"/proc/{at.pid}/fd"))


def assert_everything_is_back(connect, at: Server, transport: str) -> None:
    assert at.metric("senso_turn_relay_ports_in_use") == 0
    assert at.metric("senso_turn_allocations") == 0
    mine = [connect(transport, ALICE, at=at) for _ in range(QUOTA + 1)]
    assert [client.try_allocate().error for client in mine] == [None] * QUOTA + [486]
    others = [connect(transport, BOB, at=at) for _ in range(PORTS - QUOTA + 1)]
    assert [client.try_allocate().error for client in others] == [None] * (PORTS - QUOTA) + [508]
    ports = {client.relayed[1] for client in mine + others if client.relayed is not None}
    assert len(ports) == PORTS


def assert_leaves_nothing(at: Server, warm_up, cycles) -> None:
    warm_up()
    before, opened = at.resident_kib(), descriptors(at)
    cycles()
    at.assert_grew_at_most(ALLOWED_KIB, since=before)
    assert eventually(lambda: descriptors(at) <= opened)


def test_D11_TURN_17_even_ports_that_come_and_go_leave_nothing(launch, connect, transport):
    at = launch(**settings_for(transport, 54000))
    client = connect(transport, at=at)
    client.challenge()
    count = CYCLES if transport in ("udp", "tcp") else CYCLES // 10
    assert_leaves_nothing(at, lambda: cycle(client, 500), lambda: cycle(client, count))
    assert_everything_is_back(connect, at, transport)


def test_D11_TURN_16_TURN_18_reserved_pairs_that_come_and_go_leave_nothing(launch, connect, transport):
    at = launch(**settings_for(transport, 55000))
    client, taker = connect(transport, at=at), connect(transport, at=at)
    client.challenge()
    taker.challenge()
    count = CYCLES_OF_PAIRS if transport == "udp" else CYCLES_OF_PAIRS // 10
    assert_leaves_nothing(at, lambda: cycle_pairs(client, taker, 100), lambda: cycle_pairs(client, taker, count))
    assert_everything_is_back(connect, at, transport)


@pytest.mark.parametrize("even_port", [0x00, 0x80])
def test_D11_TURN_20_refused_even_ports_leave_nothing(launch, connect, transport, even_port):
    """While the pool has no even port left, or no pair, thousands ask in vain."""
    at = launch(**settings_for(transport, 56000 + even_port))
    holders = [connect(transport, ALICE, at=at) for _ in range(PORTS // 2)]
    for holder in holders:
        holder.allocate(even_port=0)
    client = connect(transport, BOB, at=at)
    client.challenge()
    requests = [allocate(client, even_port) for _ in range(AT_ONCE)]
    count = CYCLES // 10

    def ask(times: int) -> None:
        for _ in range(times // AT_ONCE):
            assert {answer.error for answer in answers(client, requests)} == {508}

    assert_leaves_nothing(at, lambda: ask(500), lambda: ask(count))
    for holder in holders:
        holder.refresh(0)
        holder.relayed = None
    assert_everything_is_back(connect, at, transport)
