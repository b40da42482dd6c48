"""`senso-turn upgrade`, black-box: another process takes over while calls go on, or nothing changes at all."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

import client_hello
from server_fixture import binary, is_sanitized, run_command
from sessions import sessions
from stun_message import Builder, Method
from transports import needs_dtls
from turn_client import Peer, TurnClient, UdpTransport
from upgrade_fixtures import CHANNEL, assert_passes, call, counts
from upgrade_fixtures import connect, server, start  # noqa: F401
from upgrading import UpgradableServer, say
from waiting import eventually


def assert_serves_as_before(server: UpgradableServer, client: TurnClient, peer: Peer, before: int) -> None:
    assert server.pid == before and server.is_running
    assert_passes(client, peer)
    client.refresh()
    assert client.stale_answers == 0


class Flow(threading.Thread):
    """Numbered datagrams, one after the other, until it is stopped; and who counts what arrives."""

    PAUSE_SECONDS = 0.001

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[float], bytes | None]):
        super().__init__()
        self._send, self._receive = send, receive
        self._end = threading.Event()
        self.sent = 0
        self.numbers: list[int] = []
        self._sink = threading.Thread(target=self._take)
        self._is_sent = threading.Event()
        self.start()
        self._sink.start()

    def run(self) -> None:
        while not self._end.is_set():
            self._send(struct.pack("!I", self.sent) * 20)
            self.sent += 1
            time.sleep(self.PAUSE_SECONDS)
        self._is_sent.set()

    def _take(self) -> None:
        while True:
            payload = self._receive(1.0)
            if payload is None and self._is_sent.is_set():
                return
            if payload is not None:
                self.numbers.append(struct.unpack_from("!I", payload)[0])

    def finish(self) -> int:
        """How many were lost; what arrives is in order and arrives once."""
        self._end.set()
        self.join()
        self._sink.join()
        assert self.numbers == sorted(set(self.numbers))
        return self.sent - len(self.numbers)


def flows_of(client: TurnClient, peer: Peer) -> list[Flow]:
    def at_client(seconds: float) -> bytes | None:
        unit = client.receive(seconds)
        return None if unit is None else unit.payload

    def at_peer(seconds: float) -> bytes | None:
        found = peer.receive_from(seconds)
        return None if found is None else found[0]

    return [
        Flow(lambda payload: client.send_channel(CHANNEL, payload), at_peer),
        Flow(lambda payload: peer.send(payload, client.relayed), at_client),
    ]


def test_a_flood_is_held_down_before_and_after_and_leaves_nothing_behind(start, connect, peer):
    """A socket with a filter (ADR 19) changes hands while the filter is needed."""
    server = start(limits={"packets_per_allocation": 500}, relay={"datapath": "userspace"})
    client = call(connect(server), peer)
    end = threading.Event()

    def send() -> None:
        while not end.is_set():
            client.send_channel(CHANNEL, b"a flood")

    def refused() -> float:
        return server.metric("senso_turn_dropped_packets_total", reason="over_limit")

    flood = threading.Thread(target=send)
    flood.start()
    try:
        assert eventually(lambda: refused() > 20_000, 60.0)
        server.upgrade()
        before = refused()
        assert eventually(lambda: refused() > before + 20_000, 60.0)
    finally:
        end.set()
        flood.join()
    while peer.receive_from(1.5) is not None:  # which is as long as the flood's debt lasts
        pass
    for number in range(200):
        client.send_channel(CHANNEL, number.to_bytes(2))
        assert peer.receive() == number.to_bytes(2)


# What fails leaves everything as it was.

BROKEN = {
    "that is none": None,
    "that ends at once": "exit 3\n",
    "that ends of a signal": "kill -9 $$\n",
    "that refuses its configuration": 'exec {binary} "$@" --set listeners=nonsense\n',
    "with other ports": 'exec {binary} "$@" --set relay.ports.min=65534\n',
    "with another number of shards": 'exec {binary} "$@" --set shards=7\n',
    "whose metrics have no place": 'exec {binary} "$@" --set metrics.address=203.0.113.1\n',
    "that speaks garbage": "exec {python} -c '{garbage}' \"$@\"\n",
    "that dies in the middle": "exec {python} -c '{dies}' \"$@\"\n",
    "that says too early that it serves": "exec {python} -c '{hasty}' \"$@\"\n",
    "that takes the state and never says so": "exec {python} -c '{silent}' \"$@\"\n",
}

# Fakes of a new process: they connect, and get as far as their name says. 4: all is open, 8: it serves.
CONNECT = (
    "import socket,sys,time;"
    "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);"
    "s.settimeout(20);"
    "s.connect(sys.argv[sys.argv.index(\"--take-over\")+1]);"
)
FAKES = {
    "garbage": CONNECT + "s.send(bytes(range(256))*100);time.sleep(20)",
    "dies": CONNECT + "s.recv(99999);s.send(bytes([4]));[s.recv(99999) for _ in range(30)]",
    "hasty": CONNECT + "s.send(bytes([8]));s.recv(99999);time.sleep(20)",
    "silent": CONNECT + "s.send(bytes([4]))\nwhile s.recv(99999)[:1]!=bytes([7]): pass\ntime.sleep(20)",
}


@pytest.mark.parametrize("program", BROKEN, ids=lambda name: name.replace(" ", "-"))
def test_with_a_program(program, server, connect, make_peer):
    """... everything goes on as it was."""
    text = BROKEN[program]
    peer = make_peer()
    client = call(connect(server), peer)
    before, pid = counts(server), server.pid
    if text is None:
        os.unlink(server.program)
    else:
        for name, fake in FAKES.items():
            text = text.replace("{" + name + "}", fake)
        server.install_script(text.replace("{binary}", str(binary())).replace("{python}", "/usr/bin/python3"))
    done = server.try_upgrade()
    assert done.returncode == 1
    assert "goes on" in done.stderr or "cannot start" in done.stderr
    assert_serves_as_before(server, client, peer, pid)
    after = counts(server)
    # What this test has done meanwhile.
    assert after["senso_turn_allocations"] == before["senso_turn_allocations"] == 1
    assert after["senso_turn_channels"] == 1
    server.install(binary())
    server.upgrade()
    assert_passes(client, peer)


def test_garbage_on_the_socket_changes_nothing(server, connect, make_peer):
    peer = make_peer()
    client = call(connect(server), peer)
    for frames in ([], [b""], [b"\x00"], [bytes(60_000)], [b"\x04\x04"], [b"\x08"], [b"\xff" * 10] * 50):
        say(server.upgrade_socket, *frames)
    assert_serves_as_before(server, client, peer, server.pid)
    server.upgrade()
    assert_passes(client, peer)


def test_nobody_else_may_connect(server):
    assert os.stat(server.upgrade_socket).st_mode & 0o777 == 0o600


def test_a_draining_server_is_not_upgraded(server, connect, make_peer):
    call(connect(server), make_peer())
    server.terminate()
    assert eventually(lambda: server.get("/readyz")[0] == 503)
    done = server.try_upgrade()
    assert done.returncode == 1
    assert "draining" in done.stderr


def test_nobody_to_take_over_from_is_an_error(server):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as held:
        path = f"{server.directory}/nobody"
        held.bind(path)
        done = run_command("serve", "--config", str(server.configuration_file), "--take-over", path)
    assert done.returncode == 1
    assert "cannot take over" in done.stderr


# What succeeds is not noticed.


def test_calls_over_udp_go_on(server, connect, make_peer, shards):
    calls = []
    for _ in range(8):
        peer = make_peer()
        calls.append((call(connect(server), peer), peer))
    before = counts(server)
    listed = {each["id"]: each for each in sessions(server)}
    server.upgrade()
    assert counts(server) == before
    for session in sessions(server):
        former = listed.pop(session["id"])
        for key in ("user", "client", "relayed", "permissions", "channels", "packets_to_peers", "bytes_to_peers"):
            if key in former:
                assert session[key] == former[key]
    assert not listed
    assert eventually(server.former_has_ended)
    for client, peer in calls:
        assert_passes(client, peer)
        client.refresh()
        client.channel_bind(CHANNEL, peer.endpoint)
        client.create_permission(peer.endpoint)
        assert client.stale_answers == 0
    for client, _ in calls:
        client.refresh(0)
    assert server.metric("senso_turn_allocations") == 0
    assert server.metric("senso_turn_relay_ports_in_use") == 0
    assert server.metric("senso_turn_permissions") == server.metric("senso_turn_channels") == 0


@pytest.mark.skipif(is_sanitized(), reason="an instrumented server is no match for the load")
def test_packets_are_not_lost(server, connect, make_peer, shards):
    flows = []
    for _ in range(4):
        peer = make_peer()
        flows += flows_of(call(connect(server), peer), peer)
    for _ in range(3):
        time.sleep(0.3)
        server.upgrade()
    time.sleep(0.3)
    lost = [flow.finish() for flow in flows]
    sent = sum(flow.sent for flow in flows)
    print(f"\n{shards} shards: {sum(lost)} of {sent} datagrams were lost in three upgrades")
    assert sum(lost) == 0


@needs_dtls
def test_strangers_who_wait_do_not_disturb(start, connect, make_peer):
    """All is handed over while requests and ClientHellos wait for their turn (ADR 20)."""
    server = start(limits={"challenges_per_source": {"rate": 0}})
    client, peer = connect(server), make_peer()
    call(client, peer)
    end = threading.Event()
    suites = (client_hello.ECDHE_ECDSA_AES128_GCM,)
    hello = client_hello.body(suites, version=client_hello.DTLS_1_2, cookie=b"none of yours")

    def send(place: str, octets: bytes) -> None:
        with contextlib.closing(UdpTransport(server.endpoint(place))) as stranger:
            while not end.is_set():
                for _ in range(50):
                    stranger.send(octets)
                time.sleep(0.001)

    crowd = [
        threading.Thread(target=send, args=("dtls", client_hello.over_dtls(hello))),
        threading.Thread(target=send, args=("udp", Builder(Method.BINDING).build())),
    ]
    for each in crowd:
        each.start()
    try:
        for _ in range(3):
            time.sleep(0.2)
            server.upgrade()
    finally:
        end.set()
        for each in crowd:
            each.join()
    assert_passes(client, peer)


def test_quotas_go_over(start, connect, make_peer):
    server = start(limits={"allocations_per_user": 2})
    first, second = (call(connect(server), make_peer()) for _ in range(2))
    server.upgrade()
    assert connect(server).try_allocate().error == 486
    first.refresh(0)
    connect(server).allocate()
    second.refresh()


def test_a_reserved_port_goes_over(server, connect):
    first = connect(server)
    token = first.allocate(even_port=0x80).find(0x0022)
    server.upgrade()
    second = connect(server)
    second.allocate(token=token)
    assert second.relayed[1] == first.relayed[1] + 1


def test_two_clients_of_the_server_go_on_talking(server, connect):
    one, other = connect(server), connect(server)
    for client in (one, other):
        client.allocate()
    one.channel_bind(CHANNEL, other.relayed)
    other.channel_bind(CHANNEL, one.relayed)
    server.upgrade()
    for sender, receiver in ((one, other), (other, one)):
        sender.send_channel(CHANNEL, b"across")
        assert receiver.receive_channel_data().payload == b"across"


def test_one_upgrade_after_the_other(server, connect, make_peer):
    peer = make_peer()
    client = call(connect(server), peer)
    seen = {server.pid}
    for _ in range(3):
        server.upgrade()
        assert server.pid not in seen
        seen.add(server.pid)
        assert_passes(client, peer)
    client.refresh()
    assert client.stale_answers == 0
