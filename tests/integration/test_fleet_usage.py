"""What nodes of a fleet count together: the quotas of users and tenants, and what is used, for billing."""

import os

import pytest

from fleet_fixture import SILENCE_SECONDS, Call, is_registry_up, make_relay
from redis_server import RedisServer, needs_redis
from server_fixture import SHARED_SECRET, is_sanitized
from turn_client import TurnClient, UdpTransport, timed_credentials
from waiting import eventually

pytestmark = needs_redis


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


def start_two(tmp_path, redis, **limits):
    started = [make_relay(tmp_path / n, f"{n}.example", redis.url, limits=limits).start() for n in ("one", "two")]
    assert eventually(lambda: all(map(is_registry_up, started)))
    return started


class Clients:
    def __init__(self):
        self.open = []

    def try_allocate(self, relay, name: str) -> int | None:
        client = TurnClient(UdpTransport(relay.udp), timed_credentials(SHARED_SECRET, name=name))
        error = client.try_allocate().error
        if error is None:
            self.open.append(client)
        else:
            client.close()
        return error

    def refuses(self, relay, name: str) -> bool:
        """What it lets in meanwhile goes again."""
        before = len(self.open)
        error = self.try_allocate(relay, name)
        for client in self.open[before:]:
            client.refresh(0)
            client.close()
        del self.open[before:]
        return error == 486

    def close(self) -> None:
        for client in self.open:
            client.refresh(0)
            client.close()
        self.open.clear()


@pytest.fixture
def clients():
    made = Clients()
    yield made
    for client in made.open:
        client.close()


@pytest.mark.parametrize("limit, others", [("allocations_per_user", "b"), ("allocations_per_tenant", "a")])
def test_a_quota_holds_over_the_fleet_and_for_the_node_when_redis_is_gone(tmp_path, redis, clients, limit, others):
    one, two = start_two(tmp_path, redis, **{limit: 3})
    try:
        for number in range(3):
            assert clients.try_allocate(one, f"k1.acme.a:{number}") is None
        assert eventually(lambda: clients.refuses(two, f"k1.acme.{'a' if others == 'b' else 'other'}:x"), SILENCE_SECONDS)
        # Somebody else has nothing to do with it.
        assert not clients.refuses(two, "k1.acme.b:x" if others == "b" else "k1.other.a:x")
        redis.hang()
        assert eventually(lambda: not clients.refuses(two, "k1.acme.a:x"), SILENCE_SECONDS)
        assert clients.refuses(one, "k1.acme.a:x")
        redis.go_on()
        assert eventually(lambda: clients.refuses(two, "k1.acme.a:x"), SILENCE_SECONDS)
        clients.close()
        assert eventually(lambda: not clients.refuses(two, "k1.acme.a:x"), SILENCE_SECONDS)
    finally:
        redis.go_on()
        one.stop()
        two.stop()


def test_a_quota_holds_over_more_than_one_answer_of_redis_may_hold(tmp_path, redis, clients):
    """70 other nodes with 60,000 users each: 50 MB of counts, and each of them matters. An instrumented server, which would
    read them for most of a minute, has a tenth: in as many parts."""
    others, users = 70, 6_000 if is_sanitized() else 60_000
    one, two = start_two(tmp_path, redis, allocations_per_user=others + 1)
    try:
        assert clients.try_allocate(one, "k1.acme.a:1") is None
        assert eventually(lambda: redis.ask("STRLEN", "senso-turn:counts:one.example") == 24)
        counts = redis.ask("GET", "senso-turn:counts:one.example") + os.urandom(12 * users)
        for number in range(others):
            redis.ask("SET", f"senso-turn:counts:many{number}", counts)
            redis.ask("SET", f"senso-turn:node:many{number}", "not there, but not gone either")
            redis.ask("SADD", "senso-turn:nodes", f"many{number}")
        assert eventually(lambda: clients.refuses(two, "k1.acme.a:x"), SILENCE_SECONDS)
        assert not clients.refuses(two, "k1.acme.b:x")
        redis.ask("DEL", f"senso-turn:counts:many{others - 1}")
        assert eventually(lambda: not clients.refuses(two, "k1.acme.a:x"), SILENCE_SECONDS)
        assert is_registry_up(one) and is_registry_up(two)
    finally:
        one.stop()
        two.stop()


def test_counts_hold_no_names(tmp_path, redis, clients):
    one, two = start_two(tmp_path, redis, allocations_per_user=3)
    try:
        assert clients.try_allocate(one, "k1.acme.somebody:1") is None
        assert eventually(lambda: redis.ask("STRLEN", "senso-turn:counts:one.example") == 24)
        assert b"acme" not in redis.ask("GET", "senso-turn:counts:one.example")
        # Garbage is nothing.
        redis.ask("SET", "senso-turn:counts:garbage", b"x" * 13)
        redis.ask("SADD", "senso-turn:nodes", "garbage")
        assert clients.try_allocate(two, "k1.acme.somebody:2") is None
    finally:
        one.stop()
        two.stop()


def records_of(redis) -> list[dict]:
    entries = redis.ask("XRANGE", "senso-turn:usage", "-", "+")
    decoded = [[field.decode() for field in fields] for _, fields in entries]
    return [dict(zip(fields[::2], fields[1::2], strict=True)) for fields in decoded]


def test_usage_is_recorded_by_tenant_when_a_node_ends(tmp_path, redis):
    relay = make_relay(tmp_path / "one", "one.example", redis.url).start()
    assert eventually(lambda: is_registry_up(relay))
    call = Call(relay.udp, "k1.acme.subject:jti")
    call.client.send_channel(call.channel, b"x" * 1000)
    assert call.peer.receive() == b"x" * 1000
    call.client.create_permission(call.peer.endpoint)
    call.client.send_indication(call.peer.endpoint, b"y" * 100)
    assert call.peer.receive() == b"y" * 100
    call.peer.send(b"z" * 300, call.client.relayed)
    assert call.client.receive_channel_data().payload == b"z" * 300
    idle = Call(relay.udp, "k1.globex.subject:jti")
    idle.client.refresh(0)
    relay.stop()
    records = {record["tenant"]: record for record in records_of(redis)}
    assert set(records) == {"acme", "globex"}
    acme = records["acme"]
    assert acme["node"] == "one.example" and acme["allocations"] == "1"
    assert (acme["bytes_to_peers"], acme["bytes_to_clients"]) == ("1100", "300")
    assert int(acme["allocation_milliseconds"]) > 0 and int(acme["from"]) <= int(acme["until"])
    assert (records["globex"]["bytes_to_peers"], records["globex"]["bytes_to_clients"]) == ("0", "0")
    call.hang_up()
    idle.hang_up()


def test_a_node_that_is_alone_logs_its_usage(tmp_path):
    relay = make_relay(tmp_path / "one", "one.example", "memory", log={"format": "json"}).start()
    call = Call(relay.udp, "k1.acme.subject:jti")
    call.client.send_channel(call.channel, b"x" * 1000)
    assert call.peer.receive() == b"x" * 1000
    relay.stop()
    [line] = [line for line in relay.log().splitlines() if '"usage"' in line]
    assert '"tenant":"acme"' in line and '"to_peers_bytes":1000' in line
    call.hang_up()
