"""Holes that others had, where no other module has a test of the kind. docs/known-holes.md has the whole list."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_fixture import is_registry_up, make_relay
from proxy_header import DATAGRAM, TLV_NOOP, tlv, version_2
from redis_server import RedisServer, needs_redis
from server_fixture import LISTENER, REALM, SHARED_SECRET, Server, free_port
from stun_message import Attribute, Builder, Message, Method
from transports import open_transport
from turn_client import TurnClient, timed_credentials
from waiting import eventually

SETTINGS = {"protocol": {"tcp_relay": True}}

# For printf, SQL, terminals, logs and the protocol of Redis. What is not UTF-8 is in test_bad_inputs.py (B47).
HOSTILE = {
    "format": "%s%n%hhn%x%p" * 4,
    "braces": "{}{0}{:>999999}",
    "sql": "' OR 1=1--",
    "quotes": '"} 1\\',
    "newline": "a\nERROR forged line",
    "terminal": "\x1b[2J\x1b]0;owned\x07",
    "nul": "a\0b",
    "redis": "x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "longest": "u" * (763 - len("1234567890:")),
}


def assert_printable(log: bytes) -> None:
    """One line a record, and nothing that a terminal obeys."""
    strange = {octet for octet in log if octet < 0x20 or octet == 0x7F} - {ord("\n")}
    assert not strange, f"control characters in the log: {strange}"
    assert not any(line.startswith(b"ERROR forged") for line in log.splitlines())


# -- C10: what strangers write is data ---------------------------------------------------------------------------------


@pytest.mark.parametrize("realm", [name.encode() for name in HOSTILE.values()], ids=HOSTILE)
def test_C10_hostile_realms_are_401(client, server, realm):
    """coturn gave the realm, too, to printf."""
    client.challenge()
    builder = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([17, 0, 0, 0]))
    client.add_credentials(builder.add(Attribute.REALM, realm), omit={Attribute.REALM})
    assert client.transact(client.add_integrity(builder).build()).error in (400, 401)
    assert_printable(server.log_file.read_bytes())
    assert client.allocate().is_success


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_C10_allocations_of_hostile_names_end_in_one_line_each(launch, connect, transport, log_format):
    """The holder of a shared secret can sign any name, and the log names whose allocation has ended."""
    at = launch(log={"level": "info", "format": log_format})

    def lines() -> list[str]:
        return [line for line in at.log().splitlines() if "an allocation has ended" in line]

    ended = len(lines())
    for name in HOSTILE.values():
        client = connect(transport, timed_credentials(SHARED_SECRET, name=name), at=at)
        answer = client.try_allocate()
        assert answer.is_success or answer.error in (400, 401)
        if answer.is_success:
            client.refresh(0)
            ended += 1
    assert eventually(lambda: len(lines()) >= ended)
    assert len(lines()) == ended
    assert_printable(at.log_file.read_bytes())
    if log_format == "json":
        assert all(json.loads(line) for line in lines())
    assert "%s%n%hhn" in at.log(), "no such name was ever logged"
    assert at.metric("senso_turn_allocations") == 0, "the exposition can still be read"


@pytest.fixture
def redis(tmp_path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path / "redis").start()
    yield started
    started.stop()


@needs_redis
def test_C10_hostile_names_are_no_commands_for_redis(tmp_path, redis):
    """As kid, tenant and subject: the tenant goes to Redis as it is, with the usage."""
    redis.ask("SET", "somebody else's", "untouched")
    relay = make_relay(tmp_path / "one", "one.example", redis.url, limits={"allocations_per_user": 100}).start()
    assert eventually(lambda: is_registry_up(relay))
    served = 0
    for number, name in enumerate(HOSTILE.values()):
        short = name[:200]
        for username in (f"{short}.acme.a:{number}", f"k1.{short}.a:{number}", f"k1.acme.{short}:{number}"):
            client = TurnClient(open_transport("udp", relay.udp), timed_credentials(SHARED_SECRET, name=username))
            answer = client.try_allocate()
            assert answer.is_success or answer.error in (400, 401)
            if answer.is_success:
                served += 1
                client.refresh(0)
            client.close()
    assert served > 10
    assert is_registry_up(relay)
    relay.stop()
    assert redis.ask("GET", "somebody else's") == b"untouched"
    assert all(key.startswith(b"senso-turn:") for key in redis.ask("KEYS", "*") if key != b"somebody else's")
    commands = {line.split(b":")[0] for line in redis.ask("INFO", "commandstats").splitlines()}
    assert b"cmdstat_flushall" not in commands
    records = [fields[1::2] for _, fields in redis.ask("XRANGE", "senso-turn:usage", "-", "+")]
    written = {value for record in records for value in record}
    assert {HOSTILE["format"].encode(), HOSTILE["sql"].encode(), b"acme"} <= written


# -- C12: there is no other door ---------------------------------------------------------------------------------------


def processes_of(server: Server) -> list[int]:
    tasks = Path(f"/proc/{server.pid}/task").iterdir()
    return [server.pid, *(int(child) for task in tasks for child in (task / "children").read_text().split())]


def sockets_of(server: Server) -> set[str]:
    """Their inodes."""
    found = set()
    for pid in processes_of(server):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                found.add(target[len("socket:[") : -1])
    return found


def open_ports(server: Server) -> set[tuple[str, int]]:
    """Where anybody in the network can reach its processes: listening TCP, and UDP."""
    own, found = sockets_of(server), set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        file = Path("/proc/net") / table
        for line in file.read_text().splitlines()[1:] if file.exists() else ():
            fields = line.split()
            is_open = not table.startswith("tcp") or fields[3] == "0A"
            if is_open and fields[9] in own:
                found.add((table.removesuffix("6"), int(fields[1].rsplit(":", 1)[1], 16)))
    return found


def test_C12_nothing_listens_that_is_not_configured(launch):
    """coturn's consoles for telnet and browsers were there without being asked for. Here administration has a file."""
    at = launch()
    kinds = {"udp": "udp", "dtls": "udp", "tcp": "tcp", "tls": "tcp", "edge": "tcp"}
    wanted = {(kinds[listener["transport"]], listener["port"]) for listener in at.settings["listeners"]}
    assert open_ports(at) == wanted | {("tcp", at.settings["metrics"]["port"])}
    admin = Path(at.settings["admin"]["socket"])
    assert stat.S_ISSOCK(admin.stat().st_mode) and not admin.stat().st_mode & 0o007
    assert Path(f"{admin}.upgrade").stat().st_mode & 0o077 == 0


def ask(at: Server, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(10)
        stream.connect(at.settings["admin"]["socket"])
        stream.sendall(line.encode() + b"\n")
        stream.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode()


def test_C12_no_command_writes_to_a_file_that_it_is_told(launch, tmp_path):
    """coturn's console wrote the list of sessions over any file. The commands that end the server are left out."""
    at = launch(log={"level": "debug"})
    commands = ask(at, "help").split("there are:")[1].split()
    assert {"status", "sessions", "drain"} <= set(commands), commands
    victim, new = tmp_path / "victim", tmp_path / "new"
    victim.write_text("as it was")
    for command in sorted(set(commands) - {"drain", "upgrade"}):
        for form in ("{} {}", "{} > {}", "{} json {}", "{} --output {}", "{} file={}"):
            for path in (victim, new):
                ask(at, form.format(command, path))
    assert victim.read_text() == "as it was"
    assert not new.exists()
    assert ask(at, "status")


# -- C5: nothing that can be guessed -----------------------------------------------------------------------------------


def test_C5_one_process_tells_nothing_about_the_next(tmp_path, shards):
    """Relay ports and nonces of coturn and reTurn came from generators whose seed could be found out. Two servers that
    start alike, one after the other at the same port, have neither in common."""
    settings = {"shards": shards}
    ports, nonces = [], []
    local = (LISTENER, free_port(LISTENER))
    at = Server(tmp_path, settings)
    for _ in range(2):
        at.start()
        first = TurnClient(open_transport("udp", at.udp, local), timed_credentials(SHARED_SECRET))
        first.challenge()
        nonces.append(first.nonce)
        first.nonce = nonces[0]
        # A nonce is good for this client at this port: of the one that gave it, and of no other.
        assert first.request(Method.ALLOCATE, retry=False).error == (400 if len(nonces) == 1 else 438)
        clients = [TurnClient(open_transport("udp", at.udp), timed_credentials(SHARED_SECRET)) for _ in range(100)]
        ports.append([client.allocate().relayed[1] for client in clients])
        for client in (first, *clients):
            client.close()
        at.kill()
    same = sum(one == other for one, other in zip(*ports, strict=True))
    assert same < 4, "the same ports in the same places"
    # Nor the same steps, from another beginning.
    steps = [[b - a for a, b in zip(run, run[1:])] for run in ports]
    assert sum(one == other for one, other in zip(*steps, strict=True)) < 4


# -- messages that begin anywhere --------------------------------------------------------------------------------------


def test_a_message_is_read_wherever_in_the_datagram_it_begins(launch):
    """coturn read attributes by loads of 16 bits, which some processors want to be aligned. The header of a proxy moves
    the message to any place; UndefinedBehaviorSanitizer sees what this processor forgives."""
    proxy, source = "127.0.0.50", ("203.0.113.7", 56324)
    trusted = {"proxy_protocol": {"trusted": [f"{proxy}/32"]}}
    at = launch(listeners=[{"transport": "udp", "address": LISTENER, "port": free_port(LISTENER), **trusted}])
    client = TurnClient(open_transport("udp", at.udp, (proxy, 0)))

    def answer_to(header: bytes, request: bytes) -> Message:
        client.send_raw(header + request)
        return client.wait_for_response(request[8:20])

    for octets in range(8):
        header = version_2(source, at.udp, protocol=DATAGRAM, tlvs=tlv(TLV_NOOP, bytes(octets)))
        request = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([17, 0, 0, 0]))
        request.add_text(Attribute.USERNAME, "a" * (octets + 1)).add_text(Attribute.REALM, REALM)
        request.add_text(Attribute.NONCE, "n" * 40).integrity(bytes(16)).fingerprint()
        assert answer_to(header, request.build()).error == 401
        assert answer_to(header, Builder(Method.BINDING).fingerprint().build()).mapped == source
    client.close()
