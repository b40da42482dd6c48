"""The configuration is changed while the server runs, black-box: all of it or nothing, and no packet is lost.

What each single key does after a reload is in test_reload_keys.py.
"""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import threading

import pytest

from certificates import SERVER_NAME, test_authority
from reloading import (
    admin_socket,
    ask_admin,
    change,
    client_of,
    close_clients,
    reload,
    reload_command,
    reload_count,
)
from server_fixture import (
    ALICE,
    BOB,
    LISTENER,
    OTHER_PEER,
    PEER,
    RELAY,
    SHARED_SECRET,
    Server,
    binary,
    free_port,
    run_command,
)
from transports import ALL, open_transport, parameters
from turn_client import ConnectionEnded, Credentials, NoAnswer, Peer, TurnClient, timed_credentials
from waiting import eventually

DENY_PEER = {"deny": [f"{PEER}/32"]}
OTHER_SECRET = "the secret that comes after it"


@pytest.fixture
def start(tmp_path):
    """Servers of one test, which may change what they are."""
    servers: list[Server] = []

    def launch(**settings) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}", settings))
        return servers[-1].start()

    yield launch
    for server in servers:
        server.stop()


@pytest.fixture
def server(start) -> Server:
    return start()


@pytest.fixture(autouse=True)
def closed_clients():
    yield
    close_clients()


def assert_passes(client: TurnClient, peer: Peer, channel: int = 0x4000) -> None:
    client.send_channel(channel, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back"


# -- what cannot be used changes nothing -------------------------------------------------------------------------------


def half_written(server: Server) -> None:
    text = server.configuration_file.read_text()
    server.configuration_file.write_text(text[: len(text) // 2])


def empty(server: Server) -> None:
    server.configuration_file.write_text("")


def vanished(server: Server) -> None:
    server.configuration_file.unlink()


def a_folder(server: Server) -> None:
    server.configuration_file.unlink()
    server.configuration_file.mkdir()


def a_pipe(server: Server) -> None:
    server.configuration_file.unlink()
    os.mkfifo(server.configuration_file)


def not_text(server: Server) -> None:
    server.configuration_file.write_bytes(bytes(range(256)))


def unknown_key(server: Server) -> None:
    change(server, peers=DENY_PEER, limits={"allocation": 1})


def wrong_value(server: Server) -> None:
    change(server, peers=DENY_PEER, limits={"allocations": "many"})


def secret_file_missing(server: Server) -> None:
    change(server, peers=DENY_PEER, auth={"shared_secrets": [{"id": "k1", "secret_file": "nowhere"}]})


def secret_file_empty(server: Server) -> None:
    (server.directory / "secret").write_text("\n")
    change(server, peers=DENY_PEER, auth={"shared_secrets": [{"id": "k1", "secret_file": "secret"}]})


def variable_not_set(server: Server) -> None:
    change(server, peers=DENY_PEER, auth={"users": [{"username": "alice", "password": "${NOT_SET_ANYWHERE}"}]})


def certificate_missing(server: Server) -> None:
    pair = {"certificate": "nowhere.crt", "private_key": "nowhere.key"}
    change(server, peers=DENY_PEER, tls={"certificates": [pair]})


# What is done to the file, and what has to be said of it.
BROKEN = {
    half_written: r"senso-turn\.yaml:\d+: ",
    empty: "is empty",
    vanished: "No such file",
    a_folder: "Is a directory",
    a_pipe: "nobody writes to it",
    not_text: r"senso-turn\.yaml",
    unknown_key: r"senso-turn\.yaml:\d+: limits\.allocation: .*limits\.allocations",
    wrong_value: r"senso-turn\.yaml:\d+: limits\.allocations: .*many.*accepted",
    secret_file_missing: r"senso-turn\.yaml:\d+: auth\.shared_secrets\[0\]\.secret_file: .*nowhere",
    secret_file_empty: r"senso-turn\.yaml:\d+: auth\.shared_secrets\[0\]\.secret_file: .*is empty",
    variable_not_set: r"senso-turn\.yaml:\d+: auth\.users\[0\]\.password: .*NOT_SET_ANYWHERE",
    certificate_missing: r"senso-turn\.yaml:\d+: tls\.certificates\[0\]\.certificate: .*nowhere\.crt",
}


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__)
def test_RELOAD_B95_what_is_broken_keeps_the_former_configuration(server, make_peer, breaks):
    client, peer = client_of(server), make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    breaks(server)
    done = reload_command(server)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("senso-turn: ") and "nothing was changed" in done.stderr
    assert re.search(BROKEN[breaks], done.stderr), done.stderr
    assert (reload_count(server, "failure"), reload_count(server, "success")) == (1, 0)
    assert "cannot be reloaded" in server.log()

    os.kill(server.pid, signal.SIGHUP)
    assert eventually(lambda: reload_count(server, "failure") == 2)
    assert_passes(client, peer)
    for credentials in (ALICE, timed_credentials(SHARED_SECRET)):
        newcomer = client_of(server, credentials=credentials)
        newcomer.allocate()
        newcomer.create_permission(peer.endpoint)
        newcomer.refresh(0)
    client.refresh(0)


def test_RELOAD_every_error_is_named_not_only_the_first(server):
    change(server, limits={"allocations": "many", "permissions_per_allocation": -1}, log={"level": "loud"})
    done = reload_command(server)
    assert done.returncode == 1
    assert "3 errors" in done.stderr
    for key in ("limits.allocations", "limits.permissions_per_allocation", "log.level"):
        assert re.search(rf"senso-turn\.yaml:\d+: {key}: ", done.stderr), done.stderr
        assert key in server.log()


def test_RELOAD_works_again_when_the_file_does(server, make_peer):
    client, peer = client_of(server), make_peer()
    client.allocate()
    half_written(server)
    assert reload_command(server).returncode == 1
    reload(server, peers=DENY_PEER)
    assert client.try_create_permission(peer.endpoint).error == 403
    client.refresh(0)


RESTART = {
    "roles": {"roles": ["relay", "credentials"]},
    "realm": {"realm": "other.example"},
    "shards": {"shards": 3},
    "listeners": {"listeners": [{"transport": "udp", "address": LISTENER, "port": 3999}]},
    "relay.addresses": {"relay": {"addresses": [RELAY, "127.0.0.9"]}},
    "relay.external_addresses": {"relay": {"external_addresses": {RELAY: "192.0.2.9"}}},
    "relay.ports.min": {"relay": {"ports": {"min": 50000}}},
    "relay.ports.max": {"relay": {"ports": {"max": 60001}}},
    "metrics.address": {"metrics": {"address": "127.0.0.8"}},
    "metrics.port": {"metrics": {"port": 9999}},
    "admin.socket": {"admin": {"socket": "/nowhere/admin.sock"}},
    "state.directory": {"state": {"directory": "/nowhere"}},
    "process.sandbox": {"process": {"sandbox": False}},
    "protocol.channel_numbers": {"protocol": {"channel_numbers": "rfc5766"}},
    "protocol.nat_discovery.alternate_port": {
        "protocol": {"nat_discovery": {"alternate_address": "127.0.0.5", "alternate_port": 3999}}
    },
    "tls.certificates": {"tls": None, "listeners": None},
}


@pytest.fixture(scope="module")
def unyielding(tmp_path_factory):
    """One server for everything that it refuses."""
    server = Server(tmp_path_factory.mktemp("unyielding")).start()
    yield server
    server.stop()


@pytest.mark.parametrize("key", RESTART)
def test_RELOAD_a_key_that_needs_a_restart_refuses_the_whole_reload_by_name(unyielding, make_peer, key):
    before, peer, socket_path = unyielding.settings, make_peer(), admin_socket(unyielding)
    try:
        change(unyielding, **{**RESTART[key], "peers": DENY_PEER})
        answer = ask_admin(socket_path, "reload")
    finally:
        unyielding.settings = before
        unyielding.write_configuration()
    assert answer.startswith("error: a restart is needed for ")
    named = answer.removeprefix("error: a restart is needed for ").partition(";")[0].split(", ")
    assert key in named and "peers.deny" not in named
    assert "nothing was changed" in answer
    client = client_of(unyielding)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.refresh(0)


def test_RELOAD_all_keys_that_need_a_restart_are_named(server):
    change(server, realm="other.example", shards=3, log={"level": "error"})
    done = reload_command(server)
    assert done.returncode == 1
    assert "restart is needed for realm, shards; nothing was changed" in done.stderr


def test_RELOAD_a_server_without_a_file_says_so(tmp_path):
    port, metrics, path = free_port(LISTENER), free_port(LISTENER), tmp_path / "admin.sock"
    settings = {
        "listeners": f"[{{transport: udp, address: {LISTENER}, port: {port}}}]",
        "relay.addresses": f"[{RELAY}]",
        "metrics.port": str(metrics),
        "admin.socket": str(path),
        "state.directory": str(tmp_path),
        "drain.deadline": "0s",
    }
    arguments = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
    process = subprocess.Popen([str(binary()), "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert eventually(path.exists, 30)
        done = run_command("reload", "--socket", str(path))
        assert done.returncode == 1
        assert "started without a configuration file" in done.stderr
        os.kill(process.pid, signal.SIGHUP)
        assert run_command("status", "--socket", str(path)).returncode == 0
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_RELOAD_command_without_a_server_is_1(tmp_path):
    done = run_command("reload", "--socket", str(tmp_path / "nobody.sock"))
    assert done.returncode == 1 and "nobody.sock" in done.stderr


def test_RELOAD_command_takes_no_arguments(server):
    assert run_command("reload", "now").returncode == 2
    assert ask_admin(admin_socket(server), "reload now").startswith("error: ")


# -- what it says ------------------------------------------------------------------------------------------------------


def test_RELOAD_of_an_unchanged_file_succeeds_and_says_so(server):
    done = reload_command(server)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing has changed\n", "")
    assert (reload_count(server, "success"), reload_count(server, "failure")) == (1, 0)


def test_RELOAD_compares_values_not_their_spelling(server):
    server.configuration_file.write_text("# a comment\n" + server.configuration_file.read_text())
    assert reload_command(server).stdout == "nothing has changed\n"
    assert reload(server, lifetimes={"default": "600s"}) == "nothing has changed\n"
    assert reload(server, lifetimes={"default": "10m"}) == "nothing has changed\n"


def test_RELOAD_names_what_has_changed_and_tells_no_secret(server):
    change(
        server,
        limits={"allocations": 77},
        peers={"deny": ["127.0.0.99/32"]},
        auth={
            "users": [{"username": "carol", "password": "an open secret"}],
            "shared_secrets": [{"id": "k2", "secret": OTHER_SECRET}],
        },
    )
    done = reload_command(server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("changed peers.deny, limits.allocations, auth.users, auth.shared_secrets\n")
    assert "limits.allocations" in server.log()
    for secret in (SHARED_SECRET, OTHER_SECRET, "an open secret", ALICE.password, BOB.password):
        assert secret not in done.stdout + server.log()
    assert reload_command(server).stdout == "nothing has changed\n"


def test_RELOAD_shows_warnings(server):
    change(server, lifetimes={"permission": "60s"})
    done = reload_command(server)
    assert done.returncode == 0
    assert re.search(r"senso-turn\.yaml:\d+: lifetimes\.permission: warning: ", done.stdout), done.stdout


def test_RELOAD_command_finds_the_server_by_its_configuration_even_a_wrong_one(server):
    file = str(server.configuration_file)
    assert run_command("reload", "--config", file).stdout == "nothing has changed\n"
    change(server, limits={"allocations": "many"})
    done = run_command("reload", "--config", file)
    assert done.returncode == 1 and "nothing was changed" in done.stderr
    assert reload_count(server, "failure") == 1, "it is the server that found it"
    half_written(server)
    done = run_command("reload", "--config", file)
    assert done.returncode == 1 and "--socket" in done.stderr


def test_RELOAD_overrides_of_the_start_hold(tmp_path, make_peer):
    server = Server(tmp_path, {}, arguments=["--set", f"peers.deny=[{OTHER_PEER}/32]"]).start()
    try:
        client, peer, other = client_of(server), make_peer(), make_peer(OTHER_PEER)
        client.allocate()
        assert reload(server, peers={"deny": [f"{PEER}/32"]}) == "nothing has changed\n"
        assert client.try_create_permission(other.endpoint).error == 403
        client.create_permission(peer.endpoint)
        client.refresh(0)
    finally:
        server.stop()


# -- live allocations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("transport", parameters(ALL))
def test_RELOAD_A17_DATA_05_a_denied_peer_is_cut_off_at_once_and_can_come_back(start, make_peer, transport, shards):
    server = start(shards=shards)
    client, denied, other = client_of(server, transport), make_peer(), make_peer(OTHER_PEER)
    client.allocate()
    client.channel_bind(0x4000, denied.endpoint)
    client.channel_bind(0x4001, other.endpoint)
    assert_passes(client, denied)

    reload(server, peers=DENY_PEER)
    client.send_channel(0x4000, b"ChannelData")
    client.send_indication(denied.endpoint, b"Send")
    denied.send(b"from the peer", client.relayed)
    client.assert_silence()
    denied.assert_silence()
    assert client.try_create_permission(denied.endpoint).error == 403
    assert client.try_channel_bind(0x4000, denied.endpoint).error == 403
    assert client.try_channel_bind(0x4002, denied.endpoint).error == 403
    assert_passes(client, other, 0x4001)
    assert client.refresh().is_success

    reload(server, peers={"deny": []})
    client.send_channel(0x4000, b"ChannelData")
    denied.send(b"from the peer", client.relayed)
    client.assert_silence()
    denied.assert_silence()
    client.channel_bind(0x4000, denied.endpoint)
    assert_passes(client, denied)
    client.refresh(0)


@pytest.mark.parametrize("transport", parameters(ALL))
def test_RELOAD_A17_a_permission_without_a_channel_ends_with_the_allowance(start, make_peer, transport):
    server = start()
    client, peer = client_of(server, transport), make_peer()
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"before")
    assert peer.receive() == b"before"
    reload(server, peers={"allow": ["127.0.0.4/32"]})
    client.send_indication(peer.endpoint, b"after")
    peer.send(b"after", client.relayed)
    client.assert_silence()
    peer.assert_silence()
    assert client.try_create_permission(peer.endpoint).error == 403
    client.refresh(0)


@pytest.mark.parametrize("transport", parameters(ALL))
def test_RELOAD_a_denied_client_gets_no_answer_any_more(start, make_peer, transport):
    server = start()
    client, peer = client_of(server, transport), make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    reload(server, clients={"deny": [f"{LISTENER}/32"]})
    assert eventually(lambda: server.metric("senso_turn_allocations") == 0)
    peer.send(b"from the peer", client.relayed)
    with pytest.raises((ConnectionEnded, NoAnswer, OSError)):
        client.send_channel(0x4000, b"ChannelData")
        client.binding(seconds=0.5)
    peer.assert_silence()
    reload(server, clients={"deny": []})
    again = client_of(server, transport)
    again.allocate()
    again.refresh(0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_RELOAD_a_removed_user_keeps_the_promise_and_gets_no_new_one(start, make_peer, transport):
    server = start()
    client, peer = client_of(server, transport, BOB), make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    reload(server, auth={"users": [{"username": ALICE.username, "password": ALICE.password}]})
    assert_passes(client, peer)
    assert client.try_refresh().error == 401
    assert client.try_channel_bind(0x4001, peer.endpoint).error == 401
    assert client_of(server, transport, BOB).try_allocate().error == 401
    assert_passes(client, peer)

    carol = Credentials("carol", "new here")
    newcomer = client_of(server, transport, carol)
    assert newcomer.try_allocate().error == 401
    users = [{"username": who.username, "password": who.password} for who in (ALICE, BOB, carol)]
    reload(server, auth={"users": users})
    newcomer.allocate()
    newcomer.refresh(0)
    assert client.refresh(0).is_success


def test_RELOAD_a_secret_in_a_file_is_read_again(start):
    directory_of_file = {"shared_secrets": [{"id": "k1", "secret_file": "secret"}]}
    server = start()
    file = server.directory / "secret"
    file.write_text(SHARED_SECRET + "\n")
    assert reload(server, auth=directory_of_file) == "nothing has changed\n", "a secret is the same wherever it lies"
    old, new = timed_credentials(SHARED_SECRET), timed_credentials(OTHER_SECRET)
    client = client_of(server, credentials=old)
    client.allocate()
    file.write_text(OTHER_SECRET + "\n")
    assert client_of(server, credentials=new).try_allocate().error == 401, "nobody has asked for a reload"
    assert reload_command(server).stdout.startswith("changed auth.shared_secrets\n")
    newcomer = client_of(server, credentials=new)
    newcomer.allocate()
    newcomer.refresh(0)
    assert client_of(server, credentials=old).try_allocate().error == 401
    assert client.try_refresh().error == 401

    secrets = [{"id": "k1", "secret_file": "secret"}, {"id": "k0", "secret": SHARED_SECRET}]
    reload(server, auth={"shared_secrets": secrets})
    assert client.refresh(0).is_success, "two secrets at a time bridge the change"


def test_RELOAD_a_password_in_a_file_is_read_again(start):
    server = start()
    file = server.directory / "password"
    file.write_text("one")
    reload(server, auth={"users": [{"username": "carol", "password_file": "password"}]})
    first = client_of(server, credentials=Credentials("carol", "one"))
    first.allocate()
    file.write_text("two")
    reload(server)
    assert first.try_refresh().error == 401
    second = client_of(server, credentials=Credentials("carol", "two"))
    second.allocate()
    second.refresh(0)


@pytest.mark.parametrize("scope", ["allocations", "allocations_per_user", "allocations_per_source"])
def test_RELOAD_a_lower_quota_ends_nothing_and_admits_nobody(start, make_peer, scope):
    server = start()
    peer, clients = make_peer(), [client_of(server) for _ in range(3)]
    for number, client in enumerate(clients):
        client.allocate()
        client.channel_bind(0x4000 + number, peer.endpoint)
    reload(server, limits={scope: 2})
    assert client_of(server).try_allocate().error in (486, 508)
    for number, client in enumerate(clients):
        assert_passes(client, peer, 0x4000 + number)
        assert client.refresh().is_success
    clients[0].refresh(0)
    assert client_of(server).try_allocate().error in (486, 508), "two are as many as there may be"
    clients[1].refresh(0)
    newcomer = client_of(server)
    newcomer.allocate()
    reload(server, limits={scope: 0})
    further = client_of(server)
    further.allocate()
    for client in (newcomer, further, clients[2]):
        client.refresh(0)


def test_RELOAD_draining_goes_on(start, make_peer):
    server = start(drain={"deadline": "1h"})
    client, peer = client_of(server), make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    assert ask_admin(admin_socket(server), "drain 3600").startswith("draining: 1 allocation is left, ")
    reload(server, limits={"allocations": 500})
    assert client_of(server).try_allocate().error == 508
    assert server.get("/readyz")[0] == 503 and server.metric("senso_turn_draining") == 1
    assert_passes(client, peer)
    assert client.refresh().is_success
    os.kill(server.pid, signal.SIGINT)
    assert server.wait() == 0
    server.process = None


def test_RELOAD_another_certificate_is_shown_at_once_and_ends_no_connection(start, make_peer):
    server = start()
    client, peer = client_of(server, "tls"), make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    before = open_transport("tls", server.tls, name=SERVER_NAME).certificate
    pair = test_authority().issue("after-a-reload", SERVER_NAME)
    answer = reload(server, tls={"certificates": [pair.setting]})
    assert answer.startswith("changed tls.certificates\n")
    assert open_transport("tls", server.tls, name=SERVER_NAME).certificate != before
    assert str(pair.certificate) in run_command("status", "--socket", admin_socket(server)).stdout
    assert_passes(client, peer)
    client.refresh(0)


# -- no packet lost ----------------------------------------------------------------------------------------------------

WINDOW = 16


class Stream:
    """Numbered packets in both directions over one channel; not one may be missing, or come twice."""

    def __init__(self, server: Server, transport: str, peer: Peer):
        self.client, self.peer = client_of(server, transport), peer
        self.client.allocate()
        self.client.channel_bind(0x4000, peer.endpoint)
        self.next = 0

    def exchange(self) -> None:
        numbers = range(self.next, self.next + WINDOW)
        self.next += WINDOW
        packets = [struct.pack(">I", number) + bytes(number % 500) for number in numbers]
        for packet in packets:
            self.client.send_channel(0x4000, packet)
            self.peer.send(packet, self.client.relayed)
        assert [self.peer.receive() for _ in packets] == packets
        assert [self.client.receive_channel_data().payload for _ in packets] == packets

    def close(self) -> None:
        self.client.refresh(0)


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_RELOAD_B95_no_packet_is_lost_over_a_hundred_reloads(start, make_peer, transport, shards):
    server = start(shards=shards)
    stream = Stream(server, transport, make_peer())
    failures: list[str] = []
    is_over = threading.Event()

    def reload_again_and_again() -> None:
        try:
            for number in range(100):
                answer = reload(
                    server,
                    peers={"deny": [f"127.0.1.{number}/32"]},
                    limits={"allocations": 1000 + number},
                    auth={"shared_secrets": [{"id": "k1", "secret": f"secret number {number}"}]},
                )
                assert answer.startswith("changed ")
        except (AssertionError, OSError) as failure:
            failures.append(str(failure))
        is_over.set()

    reloads = threading.Thread(target=reload_again_and_again)
    reloads.start()
    try:
        while not is_over.is_set():
            stream.exchange()
    finally:
        reloads.join()
    stream.exchange()
    assert not failures, failures
    assert reload_count(server, "success") == 100
    assert server.metric("senso_turn_dropped_packets_total") == 0
    stream.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_RELOAD_B95_a_storm_of_signals_under_traffic(start, make_peer, transport):
    server = start()
    stream = Stream(server, transport, make_peer())
    for number in range(200):
        if number % 2 == 0:
            change(server, limits={"allocations": 1000 + number})
        elif number % 7 == 0:
            half_written(server)
        os.kill(server.pid, signal.SIGHUP)
        if number % 4 == 0:
            stream.exchange()
    change(server, limits={"allocations": 1}, peers=DENY_PEER)
    os.kill(server.pid, signal.SIGHUP)
    assert eventually(lambda: client_of(server).try_allocate().error == 486 or refused(server))
    assert stream.client.try_create_permission((PEER, 1)).error == 403
    assert stream.client.refresh().is_success
    stream.close()


def refused(server: Server) -> bool:
    return server.metric("senso_turn_quota_rejections_total", scope="total") > 0


def test_RELOAD_B95_many_at_once_each_get_an_answer(server):
    """Reloads never overlap: each sees what the one before has left."""
    answers: list[str] = []
    asking = [
        threading.Thread(target=lambda: answers.append(ask_admin(admin_socket(server), "reload"))) for _ in range(40)
    ]
    change(server, limits={"allocations": 5})
    for thread in asking:
        thread.start()
    os.kill(server.pid, signal.SIGHUP)
    for thread in asking:
        thread.join()
    assert len(answers) == 40
    first_lines = [answer.partition("\n")[0] for answer in answers]
    assert set(first_lines) <= {"changed limits.allocations", "nothing has changed"}
    assert first_lines.count("changed limits.allocations") <= 1, "the signal may have been first"
    assert server.metric("senso_turn_config_reloads_total", outcome="failure") == 0
