"""Rights that are taken away, on every node of a fleet with a real Redis: what is refused, what ends, what outlives what."""

import os

import pytest

from fleet_fixture import SILENCE_SECONDS, Call, is_registry_up, make_relay, revocations_of, revoke
from redis_server import RedisServer, needs_redis
from server_fixture import SHARED_SECRET
from turn_client import TurnClient, UdpTransport, timed_credentials
from waiting import eventually

pytestmark = needs_redis


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def relays(tmp_path, redis):
    """Two of them that know each other."""
    started = [make_relay(tmp_path / name, f"{name}.example", redis.url) for name in ("one", "two")]
    for relay in started:
        relay.start()
    assert eventually(lambda: all(map(is_registry_up, started)))
    yield started
    for relay in started:
        relay.stop()


@pytest.fixture
def call():
    calls = []

    def begin(relay, name: str) -> Call:
        calls.append(Call(relay.udp, name))
        return calls[-1]

    yield begin
    for each in calls:
        each.hang_up()


def error_of(relay, name: str, seconds: int = 600) -> int | None:
    client = TurnClient(UdpTransport(relay.udp), timed_credentials(SHARED_SECRET, name=name, seconds=seconds))
    try:
        return client.try_allocate().error
    finally:
        client.close()


def test_each_kind_ends_the_calls_it_concerns_on_every_node_and_no_other(redis, relays, call):
    other = call(relays[0], "k1.other.subject:jti").start()
    concerned = {
        "username": "k1.a.one:j1",
        "subject": "k1.b.two:j2",
        "tenant": "k1.c.three:j3",
        "kid": "k2.d.four:j4",
        "jti": "k1.e.five:j5",
    }
    calls = {kind: [call(relay, name) for relay in relays] for kind, name in concerned.items()}
    values = {"subject": "b.two", "tenant": "c", "kid": "k2", "jti": "j5"}
    for kind, pair in calls.items():
        for each in pair:
            assert each.goes_through()
        for each in pair if kind == "username" else pair[:1]:
            revoke(redis, kind, values.get(kind, each.username))
        for each in pair:
            assert each.ends(), kind
    for relay in relays:
        assert relay.metric("senso_turn_allocations_closed_total", reason="revoked") == len(concerned)
    other.hang_up()
    assert other.sent and not other.lost


def test_who_is_revoked_gets_a_401_and_is_counted(redis, relays):
    assert error_of(relays[0], "k1.acme.subject:jti") is None
    revoke(redis, "tenant", "acme")
    for relay in relays:
        assert eventually(lambda relay=relay: revocations_of(relay) == 1)
        assert eventually(lambda relay=relay: error_of(relay, "k1.acme.subject:jti") == 401)
        assert relay.metric("senso_turn_auth_failures_total", reason="revoked") >= 1
        assert error_of(relay, "k1.acme2.subject:jti") is None
        # It lives longer than anything that was issued before.
        assert error_of(relay, "k1.acme.subject:jti", seconds=7200) is None


def test_what_is_no_revocation_is_ignored_and_counted(redis, relays, call):
    talking = call(relays[0], "k1.acme.subject:jti").start()
    stream = "senso-turn:revocations"
    redis.ask("XADD", stream, "*", "kind", "everybody", "value", "x", "revoked_at", 1, "forget_at", 9**15)
    redis.ask("XADD", stream, "*", "kind", "tenant", "value", "", "revoked_at", 1, "forget_at", 9**15)
    redis.ask("XADD", stream, "*", "kind", "tenant", "value", "acme", "revoked_at", "soon", "forget_at", "late")
    redis.ask("XADD", stream, "*", "kind", "tenant", "value", "a" * 100000, "revoked_at", 1, "forget_at", 9**15)
    redis.ask("XADD", stream, "*", "hello", b"\xff\x00\r\n")
    revoke(redis, "tenant", "somebody")
    for relay in relays:
        assert eventually(lambda relay=relay: revocations_of(relay) == 1)
        assert relay.metric("senso_turn_fleet_revocations_ignored_total") == 5
    talking.hang_up()
    assert not talking.lost


def test_a_stream_that_is_none_is_a_trouble_and_no_end(redis, relays):
    redis.ask("DEL", "senso-turn:revocations")
    redis.ask("SET", "senso-turn:revocations", "something else")
    assert eventually(lambda: "WRONGTYPE" in relays[0].readiness()[1])
    assert relays[0].readiness()[0] == 200
    assert error_of(relays[0], "k1.acme.subject:jti") is None
    redis.ask("DEL", "senso-turn:revocations")
    revoke(redis, "tenant", "acme")
    assert eventually(lambda: error_of(relays[0], "k1.acme.subject:jti") == 401, SILENCE_SECONDS)


def test_a_revocation_during_an_outage_is_applied_when_redis_returns(redis, relays, call):
    talking = call(relays[0], "k1.other.subject:jti").start()
    doomed = call(relays[1], "k1.acme.subject:jti")
    redis.stop()
    assert eventually(lambda: not any(map(is_registry_up, relays)))
    assert doomed.goes_through()
    # As if another node, which has been started anew, had kept it.
    redis.start()
    revoke(redis, "tenant", "acme")
    assert doomed.ends(SILENCE_SECONDS)
    assert eventually(lambda: all(map(is_registry_up, relays)), SILENCE_SECONDS)
    talking.hang_up()
    assert not talking.lost


def test_a_redis_that_hangs_is_as_one_that_is_gone(redis, relays, call):
    talking = call(relays[0], "k1.other.subject:jti").start()
    redis.hang()
    assert eventually(lambda: not is_registry_up(relays[0]), SILENCE_SECONDS)
    status, text = relays[0].readiness()
    assert status == 200 and "does not answer" in text
    redis.go_on()
    revoke(redis, "tenant", "acme")
    assert eventually(lambda: all(revocations_of(relay) == 1 for relay in relays), SILENCE_SECONDS)
    talking.hang_up()
    assert not talking.lost


def test_what_redis_has_lost_it_gets_again(redis, relays):
    revoke(redis, "tenant", "acme")
    assert eventually(lambda: all(revocations_of(relay) == 1 for relay in relays))
    redis.ask("FLUSHALL")
    assert eventually(lambda: redis.ask("XLEN", "senso-turn:revocations") >= 1, SILENCE_SECONDS)
    fields = redis.ask("XRANGE", "senso-turn:revocations", "-", "+")[0][1]
    assert fields[:4] == [b"kind", b"tenant", b"value", b"acme"]
    assert eventually(lambda: relays[0].metric("senso_turn_fleet_revocations_pending") == 0)


def test_a_node_has_kept_what_redis_has_not(tmp_path):
    redis = RedisServer(tmp_path / "redis", keeps=False).start()
    relay = make_relay(tmp_path / "relay", "one.example", redis.url).start()
    try:
        assert eventually(lambda: is_registry_up(relay))
        revoke(redis, "tenant", "acme")
        assert eventually((relay.directory / "state" / "revocations").exists)
        relay.stop()
        redis.stop()
        redis.start()
        assert redis.ask("EXISTS", "senso-turn:revocations") == 0
        relay.start()
        assert eventually(lambda: redis.ask("XLEN", "senso-turn:revocations") == 1, SILENCE_SECONDS)
        assert eventually(lambda: relay.metric("senso_turn_fleet_revocations_pending") == 0)
    finally:
        relay.stop()
        redis.stop()


def test_a_relay_that_starts_without_redis_serves_from_what_it_saved_and_is_not_ready(redis, relays):
    revoke(redis, "tenant", "acme")
    relay = relays[0]
    saved = relay.directory / "state" / "revocations"
    assert eventually(saved.exists)
    assert saved.stat().st_mode & 0o777 == 0o600
    assert eventually(lambda: revocations_of(relay) == 1)
    redis.stop()
    relay.stop()
    relay.start()
    assert eventually(lambda: error_of(relay, "k1.acme.subject:jti") == 401)
    assert error_of(relay, "k1.other.subject:jti") is None
    status, text = relay.readiness()
    assert status == 503 and "only saved revocations are in force" in text
    redis.start()
    assert eventually(lambda: relay.readiness()[0] == 200, SILENCE_SECONDS)
    assert error_of(relay, "k1.acme.subject:jti") == 401


def test_damaged_saved_revocations_are_said_to_be_so(redis, relays):
    revoke(redis, "tenant", "acme")
    relay = relays[0]
    saved = relay.directory / "state" / "revocations"
    assert eventually(saved.exists)
    relay.stop()
    whole = saved.read_bytes()
    saved.write_bytes(whole[: len(whole) // 2])
    redis.hang()
    relay.start()
    assert "damaged" in relay.readiness()[1]
    assert "damaged" in relay.log()
    redis.go_on()
    # The registry has it all the same.
    assert eventually(lambda: error_of(relay, "k1.acme.subject:jti") == 401, SILENCE_SECONDS)


def test_what_is_over_is_forgotten(redis, relays):
    revoke(redis, "tenant", "acme", seconds=2)
    assert eventually(lambda: revocations_of(relays[0]) == 1)
    assert eventually(lambda: revocations_of(relays[0]) == 0, SILENCE_SECONDS)
    assert eventually(lambda: error_of(relays[0], "k1.acme.subject:jti") is None)
    assert os.path.getsize(relays[0].directory / "state" / "revocations") < 200


def test_a_node_that_is_alone_says_nothing_of_a_registry(tmp_path):
    relay = make_relay(tmp_path / "alone", "alone.example", "memory").start()
    try:
        assert relay.readiness() == (200, '{"ready":true,"reasons":[],"troubles":[]}\n')
        assert relay.metric("senso_turn_fleet_nodes") == 1
        assert not any("fleet_registry_up" in series for series in relay.metrics())
    finally:
        relay.stop()
