"""Crowds of strangers on the transports that cost something: memory stays bounded, and real clients are served."""

import contextlib
import os
import resource
import socket
import threading
import time

import pytest

import client_hello
from crowd import Crowd, connect_many
from load_generator import run_load
from served import assert_served
from server_fixture import ALICE, LISTENER, Server, is_sanitized
from stun_message import Builder, Method
from tls_transport import TlsTransport, client_context
from transports import HAS_DTLS, listener_of, needs_dtls, open_transport
from turn_client import ConnectionEnded, NoAnswer, TurnClient, UdpTransport
from waiting import eventually

# A flood lasts; one number of shards is enough.
SHARDS = (2,)

SETTINGS = {"limits": {"connections_per_source": 0, "allocations_per_user": 0}}

HELLOS = 2_000 if is_sanitized() else 10_000
IDLE_CONNECTIONS = 2_000 if is_sanitized() else 10_000
HANDSHAKES_PER_SECOND = 50 if is_sanitized() else 500
HANDSHAKE_SECONDS = 4


@pytest.fixture
def at(server) -> Server:
    return server


def descriptors(at: Server) -> int:
    return len(os.listdir(f"/proc/{at.pid}/fd"))


@needs_dtls
def test_D4_DTLS_01_ten_thousand_spoofed_hellos_leave_no_trace(at):
    crowd = Crowd(at.dtls)
    living = TurnClient(open_transport("dtls", at.dtls), ALICE)
    living.allocate()
    associations = at.metric("senso_turn_connections", transport="dtls")
    # Each has a body of its own; building them by hand is quick.
    hellos = [client_hello.over_dtls() for _ in range(200)]

    def flood(numbers: range) -> None:
        for number in numbers:
            crowd.say(number, hellos[number % len(hellos)])
            if number % 100 == 99:
                assert living.refresh().is_success
            if number % 2000 == 1999:
                assert_served(at, "dtls")

    flood(range(1000))
    before = at.resident_kib()
    flood(range(1000, 1000 + HELLOS))
    grown = at.resident_kib() - before
    print(f"{HELLOS} spoofed ClientHellos: {grown} KiB more")
    at.assert_grew_at_most(1024, since=before)
    assert eventually(lambda: at.metric("senso_turn_connections", transport="dtls") == associations)
    living.refresh(0)
    living.transport.close_with_notice()
    crowd.close()


@needs_dtls
def test_D6_spoofed_records_of_every_kind_leave_no_trace(at):
    crowd = Crowd(at.dtls)
    living = TurnClient(open_transport("dtls", at.dtls), ALICE)
    living.allocate()
    kinds = [client_hello.dtls_record(os.urandom(60), kind=kind, epoch=kind % 2) for kind in range(20, 27)]
    kinds.append(client_hello.over_dtls(client_hello.body((0xC02B,), version=0xFEFD, cookie=os.urandom(20))))
    before = at.metric("senso_turn_connections", transport="dtls")
    for number in range(HELLOS):
        crowd.say(number, kinds[number % len(kinds)])
        if number % 100 == 99:
            assert living.refresh().is_success
    assert at.metric("senso_turn_connections", transport="dtls") == before
    living.refresh(0)
    living.transport.close_with_notice()
    crowd.close()


@pytest.mark.parametrize("kind", ["tcp", "tls"])
def test_D7_B93_ten_thousand_idle_connections_are_borne_and_closed(at, kind):
    """Half of them say one octet and no more. What is not closed for being many is closed for being silent."""
    count = IDLE_CONNECTIONS if kind == "tcp" else IDLE_CONNECTIONS // 4
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit < count + 1000:
        pytest.skip(f"needs {count + 1000} descriptors, the hard limit is {limit}")
    living = TurnClient(UdpTransport(at.udp), ALICE)
    living.allocate()
    assert_served(at, "udp", "tcp", "tls", "wss", "dtls")
    opened_before, before = descriptors(at), at.resident_kib()
    opened: list[socket.socket] = []
    for _ in range(10):
        opened += connect_many(at.endpoint(kind), count // 10, b"\x16" if kind != "tcp" else b"\0", every=2)
        assert living.refresh().is_success
        assert_served(at, "tcp", "tls", "wss")
    grown = at.resident_kib() - before
    print(f"{count} idle connections to {kind}: {grown} KiB more, {descriptors(at) - opened_before} descriptors")
    # What has begun a handshake costs tens of KiB, which is why there is a limit on their number.
    at.assert_grew_at_most(8 * count + (0 if kind == "tcp" else 64 * 1024), since=before)
    assert eventually(lambda: descriptors(at) <= opened_before + 20, 90), "silent connections are kept"
    assert_served(at, "udp", "tcp", "tls", "wss", "dtls")
    for one in opened:
        one.close()
    living.refresh(0)
    living.close()


def handshakes(at: Server, threads: int = 4) -> tuple[int, float, list[str]]:
    """Full TLS handshakes at the pace of HANDSHAKES_PER_SECOND, or what can be; how many, in what time, what failed."""
    context = client_context(verify=False)
    done, problems = [0] * threads, []
    began = time.monotonic()
    end = began + HANDSHAKE_SECONDS

    def work(worker: int) -> None:
        pace = threads / HANDSHAKES_PER_SECOND
        due = time.monotonic()
        while (now := time.monotonic()) < end:
            if now < due:
                time.sleep(due - now)
            due = max(due + pace, time.monotonic() - 0.1)
            try:
                plain = socket.create_connection(at.tls, 20)
                with context.wrap_socket(plain, server_hostname="turn.example.test"):
                    done[worker] += 1
            except OSError as error:
                problems.append(repr(error))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done), time.monotonic() - began, problems


def test_D8_handshakes_cost_relayed_datagrams_nothing(at):
    """Packets are few and their number is known: one that is missing is a finding."""
    found: list[tuple[int, float, list[str]]] = []
    flood = threading.Thread(target=lambda: found.append(handshakes(at)))
    flood.start()
    rate = "200" if is_sanitized() else "2000"
    report = run_load(at, "--allocations", "20", "--rate", rate, "--duration", str(HANDSHAKE_SECONDS - 1))
    flood.join()
    ((count, seconds, problems),) = found
    print(f"{count / seconds:.0f} TLS handshakes a second, while {report['traffic']['up']['sent']} packets went up")
    assert report["traffic"]["up"]["lost"] == 0
    assert report["traffic"]["down"]["lost"] == 0
    assert not problems, problems[:3]
    assert count > 0


def test_D8_failing_handshakes_cost_others_nothing(at):
    """Clients that go away in the middle of a handshake, with and without a reset."""
    hello = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,))
    living = TurnClient(TlsTransport(at.tls), ALICE)
    living.allocate()
    opened_before = descriptors(at)
    for number in range(500):
        plain = socket.create_connection(at.tls, 20)
        plain.sendall(hello if number % 3 else hello[:50])
        if number % 2:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        plain.close()
        if number % 50 == 49:
            assert living.refresh().is_success
    assert eventually(lambda: descriptors(at) <= opened_before + 2)
    living.refresh(0)
    living.close()


def test_D7_limit_of_one_source_covers_every_transport(launch):
    at = launch(limits={"connections_per_source": 4})
    local = ("127.0.0.94", 0)
    kinds = ["tcp", "tls", "wss", "dtls" if HAS_DTLS else "tcp"]
    held = [TurnClient(open_transport(kind, at.endpoint(listener_of(kind)), local)) for kind in kinds]
    assert all(client.binding().is_success for client in held)
    before = at.metric("senso_turn_connections_refused_total", reason="source_limit")
    for kind in kinds:
        with pytest.raises((OSError, ConnectionEnded, NoAnswer)):
            options = {"seconds": 1.5} if kind == "dtls" else {}
            one = open_transport(kind, at.endpoint(listener_of(kind)), local, **options)
            TurnClient(one).binding(seconds=2)
    assert at.metric("senso_turn_connections_refused_total", reason="source_limit") >= before + 4
    assert TurnClient(UdpTransport(at.udp, local)).binding().is_success, "plain UDP has no connections"
    assert_served(at, "tcp", "tls", "wss", "dtls")
    for client in held:
        assert client.binding().is_success
        client.close()
    assert eventually(lambda: serves(at, "tcp", local)), "a closed connection still counts"


def serves(at: Server, transport: str, local: tuple[str, int]) -> bool:
    try:
        client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport)), local))
        return client.binding(seconds=1).is_success
    except (OSError, ConnectionEnded, NoAnswer):
        return False


def test_D20_B97_out_of_descriptors_the_server_neither_spins_nor_dies(launch):
    at = launch(limits={"connections_per_source": 0}, realm="few-descriptors.example.test")
    living = TurnClient(UdpTransport(at.udp), ALICE)
    living.allocate()
    limits = resource.prlimit(at.pid, resource.RLIMIT_NOFILE)
    room = 20
    resource.prlimit(at.pid, resource.RLIMIT_NOFILE, (descriptors(at) + room, limits[1]))
    crowd = [socket.create_connection((at.endpoint(kind)), 20) for kind in ("tcp", "tls", "edge") for _ in range(room * 2)]
    assert eventually(lambda: serves_udp(at))
    spent, began = at.cpu_seconds(), time.monotonic()
    while time.monotonic() - began < 3:
        assert living.refresh().is_success
        time.sleep(0.1)
    ratio = (at.cpu_seconds() - spent) / (time.monotonic() - began)
    assert ratio < 0.6, f"{ratio:.2f} processors are busy with nothing"
    refused = TurnClient(UdpTransport(at.udp), ALICE).try_allocate()
    assert refused.error in (508, None), "a relay socket could not be had"
    for one in crowd:
        one.close()
    assert eventually(lambda: all(serves(at, kind, (LISTENER, 0)) for kind in ("tcp", "tls", "wss")), 30), "no recovery"
    resource.prlimit(at.pid, resource.RLIMIT_NOFILE, limits)
    assert_served(at, "udp", "tcp", "tls", "wss", "dtls")
    living.refresh(0)


def serves_udp(at: Server) -> bool:
    probe = TurnClient(UdpTransport(at.udp))
    try:
        return probe.binding(seconds=1).is_success
    except NoAnswer:
        return False
    finally:
        probe.close()


def test_half_open_tls_connections_make_room_for_new_ones(launch):
    """The oldest unfinished handshake gives way; nobody who comes later waits for it."""
    at = launch(shards=1, limits={"connections_per_source": 0})
    hello = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,))
    # Each costs a signature; a quarter of them has to give way.
    count, before = 700 if is_sanitized() else 2000, at.resident_kib()
    opened = connect_many(at.tls, count, hello, every=1)
    assert_served(at, "tls", "wss", "tcp", "dtls")
    refused = at.metric("senso_turn_connections_refused_total", reason="handshake_limit")
    print(f"{count} unfinished handshakes: {refused:.0f} gave way, {at.resident_kib() - before} KiB more")
    assert 0 < refused < count
    first, last = opened[0], opened[-1]
    first.settimeout(20)
    with contextlib.suppress(ConnectionResetError):
        while first.recv(1 << 16):
            pass  # its ServerHello, then the end
    last.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while last.recv(1 << 16):
            pass
        pytest.fail("the newest had to give way")
    for one in opened:
        one.close()


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_D10_connections_that_come_and_go_leak_nothing(at, transport):
    endpoint = at.endpoint(transport)
    for _ in range(20):
        open_transport(transport, endpoint).close()
    assert eventually(lambda: at.metric("senso_turn_connections", transport=transport) <= 5)
    opened_before, before = descriptors(at), at.resident_kib()
    for number in range(400):
        connection = open_transport(transport, endpoint)
        if number % 2:
            connection.send(Builder(Method.BINDING).build())
        if number % 3 and isinstance(connection, TlsTransport):
            connection.close_with_notice()
        connection.close()
    assert eventually(lambda: descriptors(at) <= opened_before + 2)
    at.assert_grew_at_most(2048, since=before)
