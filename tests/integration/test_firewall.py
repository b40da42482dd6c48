"""`senso-turn firewall` of a node that belongs to a fleet: every node of it is named, and the command leaves no trace."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from fleet_fixture import Call, make_relay, nodes_of
from redis_server import RedisServer, needs_redis
from server_fixture import run_command
from waiting import eventually

pytestmark = needs_redis

NAMES = ("eu01.turn.example.test", "eu02.turn.example.test", "na01.turn.example.test")
ADDRESSES = ("198.51.100.1", "198.51.100.2", "203.0.113.1")


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    started = [RedisServer(tmp_path_factory.mktemp(region)).start() for region in ("eu", "na")]
    yield started
    for redis in started:
        redis.stop()


@pytest.fixture(scope="module")
def relays(tmp_path_factory, registries):
    eu, na = registries
    started = []
    for name, address, redis in zip(NAMES, ADDRESSES, (eu, eu, na), strict=True):
        relay = {"external_addresses": {"127.0.0.2": address}, "addresses": ["127.0.0.2"]}
        fleet = {"drain": {"deadline": "600s"}, "region": name[:2], "relay": relay}
        started.append(make_relay(tmp_path_factory.mktemp("relay"), name, redis.url, **fleet).start())
    assert eventually(lambda: [nodes_of(each) for each in started] == [2, 2, 1], 30)
    yield started
    for relay in started:
        relay.stop()


def firewall(directory: Path, registry: str, *arguments: str, **fleet) -> subprocess.CompletedProcess:
    return ask("firewall", directory, registry, *arguments, **fleet)


def ask(command: str, directory: Path, registry: str, *arguments: str, **fleet) -> subprocess.CompletedProcess:
    """Of a node that is not running."""
    configuration = {
        "node": "eu09.turn.example.test",
        "region": "eu",
        "listeners": [{"transport": "udp", "address": "0.0.0.0", "port": 50000}],
        "relay": {"addresses": ["198.51.100.9"]},
        "auth": {"users": [{"username": "a", "password": "b"}]},
        "fleet": {"registry": registry, **fleet},
        "state": {"directory": str(directory / "state")},
    }
    file = directory / "turn.yaml"
    file.write_text(json.dumps(configuration))
    return run_command(command, "--config", str(file), *arguments)


def assert_incomplete(done: subprocess.CompletedProcess, *reasons: str) -> None:
    """Its own rules are there; one line for each reason, in this order."""
    assert done.returncode == 1
    assert "49152" in done.stdout
    assert "198.51.100.9" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == len(reasons), done.stderr
    for line, reason in zip(lines, reasons, strict=True):
        assert line.startswith("senso-turn: the list of servers is incomplete: the registry ") and reason in line


def test_COMMANDS_firewall_with_a_registry_that_is_not_there_says_that_it_is_incomplete(tmp_path):
    assert_incomplete(firewall(tmp_path, f"unix:{tmp_path}/nobody"), f"{tmp_path}/nobody: No such file")
    done = firewall(tmp_path, f"unix:{tmp_path}/nobody", "--format", "json")
    assert_incomplete(done, "No such file")
    assert json.loads(done.stdout)["complete"] is False


def test_COMMANDS_firewall_of_a_registry_with_another_password_does_not_show_it(tmp_path):
    redis = RedisServer(tmp_path / "redis", arguments=["--requirepass", "the right password"]).start()
    try:
        (tmp_path / "password").write_text("the wrong password")
        done = firewall(tmp_path, redis.url, password_file=str(tmp_path / "password"))
        assert_incomplete(done, "it refuses: WRONGPASS")
        assert "the wrong password" not in done.stdout + done.stderr
    finally:
        redis.stop()


def test_COMMANDS_firewall_does_not_wait_for_a_registry_that_hangs_and_names_what_the_others_know(
    tmp_path, registries, relays
):
    hanging = RedisServer(tmp_path / "redis").start()
    try:
        hanging.hang()
        done = firewall(tmp_path, registries[0].url, read=[hanging.url, f"unix:{tmp_path}/nobody"])
        assert_incomplete(done, "it does not answer", "No such file")
        assert all(address in done.stdout for address in ADDRESSES[:2])
    finally:
        hanging.stop()


def test_COMMANDS_firewall_takes_garbage_for_nobody(tmp_path):
    redis = RedisServer(tmp_path / "redis").start()
    try:
        for name, text in (("a", b"\xff\xfe"), ("b", b"{}"), ("c\x1b[31m", b"[]")):
            redis.ask("SET", f"senso-turn:node:{name}", text)
            redis.ask("SADD", "senso-turn:nodes", name)
        done = firewall(tmp_path, redis.url, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        assert [node["name"] for node in json.loads(done.stdout)["nodes"]] == ["eu09.turn.example.test"]
    finally:
        redis.stop()


def test_COMMANDS_firewall_without_a_registry_knows_its_own_node(tmp_path):
    done = firewall(tmp_path, "memory", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    whole = json.loads(done.stdout)
    assert whole["complete"] is True and len(whole["nodes"]) == 1


def test_COMMANDS_dns_has_records_of_every_node_of_every_region(tmp_path, registries, relays):
    eu, na = registries
    done = ask("dns", tmp_path, eu.url, read=[na.url])
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    for name, address in [("eu09.turn.example.test", "198.51.100.9"), *zip(NAMES, ADDRESSES, strict=True)]:
        assert any(line[0] == f"{name}." and line[-2:] == ["A", address] for line in lines if line), name


def test_COMMANDS_firewall_names_every_node_of_every_region_and_leaves_no_trace(tmp_path, registries, relays):
    eu, na = registries
    call = Call(relays[1].udp, "k1.acme.subject:jti")
    relays[1].terminate()  # it drains as long as it has the call
    assert eventually(lambda: json.loads(eu.ask("GET", f"senso-turn:node:{NAMES[1]}"))["draining"])
    done = firewall(tmp_path, eu.url, "--format", "json", read=[na.url])
    assert (done.returncode, done.stderr) == (0, "")
    whole = json.loads(done.stdout)
    assert whole["complete"] is True
    found = {node["name"]: node["addresses"] for node in whole["nodes"]}
    assert found == {"eu09.turn.example.test": ["198.51.100.9"], **{n: [a] for n, a in zip(NAMES, ADDRESSES)}}
    assert set(whole["addresses"]) == {*ADDRESSES, "198.51.100.9"}
    text = firewall(tmp_path, eu.url, read=[na.url]).stdout
    assert all(f"{name}  {address}" in text for name, address in zip(NAMES, ADDRESSES, strict=True))
    assert {path.name for path in tmp_path.iterdir()} == {"turn.yaml"}
    for redis in registries:
        assert b"eu09.turn.example.test" not in redis.ask("SMEMBERS", "senso-turn:nodes")
        assert redis.ask("KEYS", "*eu09*") == []
    call.hang_up()
    assert relays.pop(1).wait() == 0


def test_COMMANDS_dns_with_a_registry_that_is_not_there_says_that_it_is_incomplete(tmp_path):
    done = ask("dns", tmp_path, f"unix:{tmp_path}/nobody")
    assert done.returncode == 1
    assert "198.51.100.9" in done.stdout
    assert "the list of servers is incomplete: the registry " in done.stderr and "No such file" in done.stderr
