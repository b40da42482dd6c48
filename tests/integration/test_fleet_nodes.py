"""Who is in the fleet: relays that come, drain, die and are silent, and a Redis that lies, refuses and is away."""

import json

import pytest

from fleet_fixture import SILENCE_SECONDS, Call, is_registry_up, make_relay, nodes_of
from redis_server import RedisServer, needs_redis
from server_fixture import free_port
from waiting import eventually

pytestmark = needs_redis

NAMES = ("one", "two", "three")


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def relays(tmp_path, redis):
    started = [make_relay(tmp_path / name, f"{name}.example", redis.url, drain={"deadline": "600s"}) for name in NAMES]
    for relay in started:
        relay.start()
    yield started
    for relay in started:
        if relay.is_running:
            relay.stop()


def entry_of(redis: RedisServer, name: str) -> dict | None:
    text = redis.ask("GET", f"senso-turn:node:{name}")
    return None if text is None else json.loads(text)


def all_know(relays, count: int) -> bool:
    return eventually(lambda: all(nodes_of(relay) == count for relay in relays), SILENCE_SECONDS)


def test_relays_tell_how_they_are(redis, relays):
    assert all_know(relays, 3)
    entry = entry_of(redis, "one.example")
    assert entry["region"] == "eu" and entry["addresses"] and entry["free_ports"] > 1000
    assert entry["allocations"] == 0 and entry["ready"] and not entry["draining"]
    assert 0 < redis.ask("TTL", "senso-turn:node:one.example") <= 6
    call = Call(relays[0].udp, "k1.acme.subject:jti")
    assert eventually(lambda: entry_of(redis, "one.example")["allocations"] == 1)
    call.hang_up()


def test_one_is_killed_and_one_drains_and_the_calls_of_the_others_do_not_notice(redis, relays):
    assert all_know(relays, 3)
    call = Call(relays[0].udp, "k1.acme.subject:jti").start()
    draining = Call(relays[1].udp, "k1.acme.subject:jti").start()
    relays[2].kill()
    relays[1].terminate()
    assert eventually(lambda: entry_of(redis, "two.example")["draining"])
    assert all_know(relays[:2], 2)
    for each in (call, draining):
        each.hang_up()
        assert each.sent and not each.lost
    assert entry_of(redis, "three.example") is None


def test_one_that_stops_is_gone_at_once(redis, relays):
    assert all_know(relays, 3)
    relays[2].stop()
    assert entry_of(redis, "three.example") is None
    assert b"three.example" not in redis.ask("SMEMBERS", "senso-turn:nodes")


def test_without_redis_the_last_known_nodes_stay_and_the_silent_go_after_it_returns(redis, relays):
    assert all_know(relays, 3)
    call = Call(relays[0].udp, "k1.acme.subject:jti").start()
    redis.stop()
    assert eventually(lambda: not is_registry_up(relays[0]))
    relays[2].kill()
    # Longer than a node may be silent.
    assert not eventually(lambda: nodes_of(relays[0]) != 3, 8)
    assert relays[0].readiness()[0] == 200
    redis.start()
    assert all_know(relays[:2], 2)
    call.hang_up()
    assert not call.lost


def test_a_flush_is_mended(redis, relays):
    assert all_know(relays, 3)
    redis.ask("FLUSHALL")
    assert not eventually(lambda: nodes_of(relays[0]) != 3, 5)
    assert eventually(lambda: redis.ask("SCARD", "senso-turn:nodes") == 3)


def test_garbage_is_nobody(redis, relays):
    assert all_know(relays, 3)
    good = entry_of(redis, "one.example")
    wrong = {
        "a": b"\xff\xfe",
        "b": b"{}",
        "c": b"[" * 10000,
        "d": json.dumps({**good, "name": "somebody.else"}).encode(),
        "e": json.dumps({**good, "name": "e", "turn_urls": ["javascript:alert(1)"]}).encode(),
        "f": json.dumps({**good, "name": "f", "allocations": -1}).encode(),
        "g": json.dumps({**good, "name": "g", "free_ports": 1 << 40}).encode(),
        "h": json.dumps({**good, "name": "h", "addresses": ["not one"]}).encode(),
        "i": b"x" * (1 << 20),
        "j k\r\n": json.dumps({**good, "name": "j k\r\n"}).encode(),
    }
    for name, text in wrong.items():
        redis.ask("SET", f"senso-turn:node:{name}", text)
        redis.ask("SADD", "senso-turn:nodes", name)
    redis.ask("LPUSH", "senso-turn:node:list", "a list")
    redis.ask("SADD", "senso-turn:nodes", "list")
    # What a later version adds is no harm.
    newer = {**good, "name": "newer.example", "beat": 1, "colour": "green"}
    redis.ask("SET", "senso-turn:node:newer.example", json.dumps(newer))
    redis.ask("SADD", "senso-turn:nodes", "newer.example")
    assert eventually(lambda: nodes_of(relays[0]) == 4)
    # It gives no sign of life.
    assert all_know(relays, 3)


def test_a_wrong_password_is_said_and_not_shown(tmp_path):
    redis = RedisServer(tmp_path / "redis", arguments=["--requirepass", "the right password"]).start()
    password = tmp_path / "password"
    password.write_text("the wrong password")
    fleet = {"registry": redis.url, "password_file": str(password)}
    relay = make_relay(tmp_path / "relay", "one.example", redis.url, fleet=fleet).start()
    try:
        assert eventually(lambda: "WRONGPASS" in relay.readiness()[1])
        assert relay.readiness()[0] == 503
        assert "the wrong password" not in relay.log() + relay.readiness()[1]
    finally:
        relay.stop()
        redis.stop()


def test_an_acl_user_with_what_the_document_grants_is_enough(tmp_path):
    rules = "on >secret ~senso-turn:* resetchannels -@all +ping +select +get +set +del +mget +sadd +srem"
    rules += " +srandmember +xadd +xrange +xread"
    acl = tmp_path / "users.acl"
    acl.write_text(f"user default off\nuser relay {rules}\n")
    redis = RedisServer(tmp_path / "redis", arguments=["--aclfile", str(acl)]).start()
    password = tmp_path / "password"
    password.write_text("secret")
    fleet = {"registry": f"{redis.url}?user=relay&database=3", "password_file": str(password)}
    relay = make_relay(tmp_path / "relay", "one.example", redis.url, fleet=fleet).start()
    try:
        assert eventually(lambda: is_registry_up(relay))
        assert eventually(lambda: relay.readiness() == (200, '{"ready":true,"reasons":[],"troubles":[]}\n'))
        assert not eventually(lambda: "refuses" in relay.readiness()[1], 5)
    finally:
        relay.stop()
        redis.stop()


def test_by_host_and_port_and_one_that_is_no_redis(tmp_path, redis):
    port = free_port("127.0.0.1")
    redis.ask("CONFIG", "SET", "port", port)
    relay = make_relay(tmp_path / "one", "one.example", f"redis://127.0.0.1:{port}/0").start()
    other = make_relay(tmp_path / "two", "two.example", f"redis://127.0.0.1:{relay.settings['metrics']['port']}").start()
    try:
        assert eventually(lambda: relay.readiness()[0] == 200)
        assert eventually(lambda: "the registry 127.0.0.1:" in other.readiness()[1])
        assert other.readiness()[0] == 503
    finally:
        relay.stop()
        other.stop()


def test_the_credential_service_of_another_region_reads_and_does_not_announce(tmp_path, redis):
    other_redis = RedisServer(tmp_path / "other-redis").start()
    there = make_relay(tmp_path / "there", "there.example", other_redis.url, region="na").start()
    fleet = {"registry": redis.url, "read": [other_redis.url]}
    here = make_relay(tmp_path / "here", "here.example", redis.url, fleet=fleet).start()
    try:
        assert eventually(lambda: nodes_of(here) == 2)
        assert nodes_of(there) == 1
        assert other_redis.ask("SMEMBERS", "senso-turn:nodes") == [b"there.example"]
        # A registry of another region keeps nobody away.
        other_redis.stop()
        assert eventually(lambda: here.metric("senso_turn_fleet_registry_up", registry="1") == 0)
        assert here.metric("senso_turn_fleet_registry_up", registry="0") == 1
        assert here.readiness()[0] == 200
    finally:
        here.stop()
        there.stop()
        other_redis.stop()
