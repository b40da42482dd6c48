"""Commands, start and stop of the server, black-box."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from server_fixture import (
    ALICE,
    LISTENER,
    RELAY,
    SHARED_SECRET,
    Server,
    base_configuration,
    binary,
    free_port,
    hold_port,
    merged,
    needs_ipv6,
    run_command,
)
from stun_message import Builder, Method
from transports import HAS_DTLS, open_transport
from turn_client import ConnectionEnded, Credentials, NoAnswer, TcpTransport, TurnClient, UdpTransport


@pytest.fixture
def own_server(tmp_path):
    """Servers that the test stops by itself."""
    servers: list[Server] = []

    def start(**settings) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}", settings))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


def client_of(server: Server, transport: str = "udp", credentials: Credentials = ALICE) -> TurnClient:
    assert transport == "udp"
    return TurnClient(UdpTransport(server.udp), credentials)


# -- version, help, wrong usage ---------------------------------------------------------------------------------------


def test_COMMANDS_version_is_printed():
    done = run_command("version")
    assert done.returncode == 0
    assert done.stdout.startswith("senso-turn ")
    assert run_command("--version").stdout == done.stdout


def test_COMMANDS_help_names_the_commands():
    done = run_command("--help")
    assert done.returncode == 0
    for command in ("serve", "check", "credentials", "status", "version"):
        assert command in done.stdout


@pytest.mark.parametrize("arguments", [[], ["server"], ["serve", "--confg", "x"], ["check"], ["version", "extra"]])
def test_COMMANDS_wrong_usage_is_2(arguments):
    done = run_command(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip()


# -- check ------------------------------------------------------------------------------------------------------------


def check(tmp_path, text: str) -> subprocess.CompletedProcess:
    file = tmp_path / "senso-turn.yaml"
    file.write_text(text)
    return run_command("check", str(file))


GOOD = """\
realm: example.org
listeners:
  - {transport: udp, address: "127.0.0.1", port: 3478}
relay:
  addresses: [127.0.0.2]
auth:
  users: [{username: alice, password: secret}]
"""


def test_COMMANDS_check_accepts_a_good_file(tmp_path):
    done = check(tmp_path, GOOD)
    assert done.returncode == 0, done.stdout + done.stderr


def test_COMMANDS_check_accepts_what_the_tests_use(tmp_path):
    done = check(tmp_path, json.dumps(base_configuration()))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "line, bad, expected",
    [
        (1, "relm: example.org", ["relm", "realm"]),
        (3, '  - {transport: udq, address: "127.0.0.1", port: 3478}', ["udq", "udp", "tcp"]),
        (3, '  - {transport: udp, address: "127.0.0.999", port: 3478}', ["127.0.0.999"]),
        (3, '  - {transport: udp, address: "127.0.0.1", port: 70000}', ["70000"]),
        (3, '  - {transport: udp, address: "127.0.0.1", prt: 3478}', ["prt", "port"]),
        (5, "  addresses: [127.0.0.2, nonsense]", ["nonsense"]),
        (7, "  users: [{username: alice}]", ["password"]),
        (7, "  users: [{username: alice, password: secret, key: 00}]", ["key"]),
        (7, "  users: [{username: alice, key: abcdef}]", ["key"]),
    ],
)
def test_COMMANDS_check_names_line_key_and_accepted_values(tmp_path, line, bad, expected):
    lines = GOOD.splitlines()
    lines[line - 1] = bad
    done = check(tmp_path, "\n".join(lines) + "\n")
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert f":{line}" in said or f"line {line}" in said, said
    for word in expected:
        assert word in said, said


def test_COMMANDS_check_reports_every_error(tmp_path):
    done = check(tmp_path, "relm: x\nshards: many\nlifetimes: {nonce: soon}\nlog: {level: loud}\n")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    for word in ("relm", "many", "soon", "loud"):
        assert word in said, said


@pytest.mark.parametrize(
    "text", ["realm: [unclosed", "\t- x", "- a\n- list\n", "realm: x\nrealm: y\n", "\0\1\2", "{" * 5000]
)
def test_COMMANDS_check_survives_what_is_no_configuration(tmp_path, text):
    done = check(tmp_path, text)
    assert done.returncode == 1
    assert "Sanitizer" not in done.stderr


def test_COMMANDS_check_of_a_missing_file_is_1(tmp_path):
    done = run_command("check", str(tmp_path / "missing.yaml"))
    assert done.returncode == 1 and "missing.yaml" in done.stdout + done.stderr


def test_COMMANDS_check_never_repeats_secrets(tmp_path):
    users = "users: [{username: alice, password: tell-nobody, kee: x}]"
    done = check(tmp_path, f"auth: {{{users}, shared_secrets: [{{secret: hush-hush, od: 1}}]}}\n")
    assert done.returncode == 1
    assert "tell-nobody" not in done.stdout + done.stderr and "hush-hush" not in done.stdout + done.stderr


# -- serve ------------------------------------------------------------------------------------------------------------


def test_COMMANDS_serve_refuses_a_broken_file(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("relm: x\n")
    done = run_command("serve", "--config", str(file))
    assert done.returncode == 2
    assert "realm" in done.stderr


def test_COMMANDS_serve_with_a_taken_port_is_fatal_and_says_which(tmp_path):
    settings = base_configuration()
    port = settings["listeners"][0]["port"]
    held = hold_port((LISTENER, port))
    file = tmp_path / "taken.yaml"
    settings["admin"] = {"socket": str(tmp_path / "admin.sock")}
    file.write_text(json.dumps(settings))
    done = run_command("serve", "--config", str(file))
    held.close()
    assert done.returncode in (1, 2)
    assert str(port) in done.stderr, done.stderr


@pytest.mark.parametrize("transport", ["tls", "dtls", "edge"])
def test_COMMANDS_check_says_what_listeners_need_that_speak_tls(tmp_path, transport):
    listener = {"transport": transport, "address": LISTENER, "port": free_port(LISTENER)}
    settings = merged(base_configuration(), {"listeners": [listener], "tls": None})
    file = tmp_path / "tls.yaml"
    file.write_text(json.dumps(settings))
    done = run_command("check", str(file))
    assert done.returncode == 1
    assert "listeners[0].transport" in done.stdout and "add tls.certificates" in done.stdout


def test_COMMANDS_serve_takes_overrides(tmp_path):
    port = free_port(LISTENER)
    server = Server(tmp_path, arguments=["--set", "realm=override.example.test", "--set", f"metrics.port={port}"])
    server.write_configuration()
    server.settings["metrics"]["port"] = port
    original = server.write_configuration
    server.write_configuration = lambda: None  # the file keeps the other port
    server.start()
    server.write_configuration = original
    try:
        client = client_of(server)
        client.challenge()
        assert client.realm == "override.example.test"
        assert server.get("/livez")[0] == 200
    finally:
        server.stop()


@needs_ipv6
def test_STUN_37_default_listeners_without_any_configuration(tmp_path):
    """Only in the namespace of tests/integration/run: the default ports are free, and there is a default route."""
    metrics, admin = free_port(LISTENER), tmp_path / "admin.sock"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(binary()), "serve", "--set", f"metrics.port={metrics}", "--set", f"admin.socket={admin}",
             "--set", f"state.directory={tmp_path}"],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while True:
            transport = UdpTransport((LISTENER, 3478))
            try:
                answered = TurnClient(transport).binding(seconds=0.5).is_success
                break
            except (NoAnswer, OSError):
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
            finally:
                transport.close()
        assert answered
        with socket.create_connection((LISTENER, 3478), 5) as stream:
            stream.sendall(Builder(Method.BINDING).build())
            assert stream.recv(2) == b"\x01\x01"
        # TURN-07: no credentials were configured, and nobody gets in without any.
        client = TurnClient(UdpTransport((LISTENER, 3478)), Credentials("x", "y"))
        assert client.try_allocate().error == 401
        # The port that client firewalls let through, the default ports of TLS and DTLS, and the port of HTTPS.
        assert TurnClient(UdpTransport((LISTENER, 49152))).binding().is_success
        encrypted = [("tls", 5349), ("tls", 443), ("wss", 443)] + [("dtls", 5349), ("dtls", 49153)] * HAS_DTLS
        for transport, port in encrypted:
            assert TurnClient(open_transport(transport, (LISTENER, port), name=None)).binding().is_success
        # What it prints at the start lets a browser in.
        text = (tmp_path / "log").read_text()
        ice = json.loads(text[text.index('{"iceServers"') :])["iceServers"]
        login = next(entry for entry in ice if "username" in entry)
        client = TurnClient(UdpTransport((LISTENER, 3478)), Credentials(login["username"], login["credential"]))
        client.allocate()
        client.refresh(0)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(20) == 0


# -- credentials and status -------------------------------------------------------------------------------------------


def test_COMMANDS_credentials_are_ready_to_paste(own_server):
    server = own_server()
    done = run_command("credentials", "--config", str(server.configuration_file), "--user", "carol", "--ttl", "10m")
    assert done.returncode == 0, done.stderr
    ice = json.loads(done.stdout)["iceServers"]
    urls = [url for entry in ice for url in entry["urls"]]
    assert f"turn:{LISTENER}:{server.udp[1]}?transport=udp" in urls
    assert f"turn:{LISTENER}:{server.tcp[1]}?transport=tcp" in urls
    login = next(entry for entry in ice if "username" in entry)
    expiry = int(login["username"].split(":")[0])
    assert 500 < expiry - time.time() <= 601
    digest = hmac.new(SHARED_SECRET.encode(), login["username"].encode(), hashlib.sha1).digest()
    assert login["credential"] == base64.b64encode(digest).decode()
    client = client_of(server, credentials=Credentials(login["username"], login["credential"]))
    client.allocate()
    client.refresh(0)


def test_COMMANDS_credentials_of_one_user_share_a_quota(own_server):
    server = own_server(limits={"allocations_per_user": 1})
    clients = []
    for user in ("carol", "carol", "dave"):
        done = run_command("credentials", "--config", str(server.configuration_file), "--user", user)
        login = next(entry for entry in json.loads(done.stdout)["iceServers"] if "username" in entry)
        clients.append(client_of(server, credentials=Credentials(login["username"], login["credential"])))
    assert clients[0].allocate().is_success
    assert clients[1].try_allocate().error == 486
    assert clients[2].allocate().is_success
    clients[0].refresh(0)
    clients[2].refresh(0)


@pytest.mark.parametrize("arguments", [["--ttl", "soon"], ["--ttl", "0s"], ["--ttl", "-1h"]])
def test_COMMANDS_credentials_refuse_odd_lifetimes(arguments):
    assert run_command("credentials", *arguments).returncode == 2


def test_COMMANDS_status_tells_how_the_server_is(own_server):
    server = own_server()
    client = client_of(server)
    client.allocate()
    done = run_command("status", "--config", str(server.configuration_file))
    assert done.returncode == 0, done.stderr
    for word in ("allocations", "1", "serving", RELAY, str(server.udp[1])):
        assert word in done.stdout, done.stdout
    by_socket = run_command("status", "--socket", server.settings["admin"]["socket"])
    assert by_socket.returncode == 0
    client.refresh(0)


def test_COMMANDS_status_without_a_server_is_1(tmp_path):
    done = run_command("status", "--socket", str(tmp_path / "nobody.sock"))
    assert done.returncode == 1 and "nobody.sock" in done.stderr


def test_COMMANDS_admin_socket_is_for_the_owner_alone(own_server):
    server = own_server()
    assert os.stat(server.settings["admin"]["socket"]).st_mode & 0o007 == 0


# -- signals ----------------------------------------------------------------------------------------------------------


def test_LIFE_sigterm_without_allocations_ends_at_once(own_server):
    server = own_server(drain={"deadline": "1h"})
    server.terminate()
    assert server.wait(10) == 0
    with pytest.raises((NoAnswer, OSError)):
        TurnClient(UdpTransport(server.udp)).binding(seconds=0.2)
    server.process = None


def test_LIFE_sigterm_drains_old_allocations_go_on_new_ones_are_508(own_server, peer):
    server = own_server(drain={"deadline": "1h"})
    old, new = client_of(server), client_of(server)
    old.allocate()
    old.channel_bind(0x4000, peer.endpoint)
    new.challenge()
    server.terminate()
    deadline = time.monotonic() + 5
    while server.get("/readyz")[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.get("/livez")[0] == 200
    assert server.metric("senso_turn_draining") == 1
    assert new.try_allocate().error == 508
    old.send_channel(0x4000, b"still here")
    assert peer.receive() == b"still here"
    peer.send(b"me too", old.relayed)
    assert old.receive_channel_data().payload == b"me too"
    assert old.refresh().is_success
    assert old.create_permission(peer.endpoint).is_success
    old.refresh(0)
    assert server.wait(10) == 0, "the last allocation is gone"
    server.process = None


def test_LIFE_drain_ends_at_its_deadline(own_server):
    server = own_server(drain={"deadline": "1s"})
    client_of(server).allocate()
    server.terminate()
    assert server.wait(15) == 0
    server.process = None


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_LIFE_second_signal_ends_at_once(own_server, second):
    server = own_server(drain={"deadline": "1h"})
    client = client_of(server)
    client.allocate()
    server.terminate()
    deadline = time.monotonic() + 5
    while server.get("/readyz")[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(server.pid, second)
    assert server.wait(10) == 0
    server.process = None


def test_LIFE_streams_are_closed_at_the_end(own_server):


    server = own_server()
    stream = TurnClient(TcpTransport(server.tcp), ALICE)
    stream.allocate()
    server.terminate()
    assert server.wait(15) == 0
    server.process = None
    with pytest.raises((ConnectionEnded, NoAnswer, OSError)):
        stream.binding(seconds=1)


def test_B95_storm_of_signals_is_survived(own_server):
    server = own_server(drain={"deadline": "1h"})
    client = client_of(server)
    client.allocate()
    for _ in range(50):
        os.kill(server.pid, signal.SIGHUP)
        assert client.refresh().is_success
    assert server.is_running
    client.refresh(0)


def test_LIFE_restart_on_the_same_ports_at_once(own_server):
    server = own_server()
    stream = TurnClient(UdpTransport(server.udp), ALICE)
    stream.allocate()
    settings = server.settings
    server.stop()
    again = own_server(listeners=settings["listeners"], metrics=settings["metrics"])
    assert TurnClient(UdpTransport(again.udp)).binding().is_success
    assert stream.try_refresh().error == 437, "a restart is cold, and its nonces are new"


def test_LIFE_ready_line_never_shows_secrets(own_server):
    server = own_server(log={"level": "debug"})
    client = client_of(server)
    client.allocate()
    client.refresh(0)
    server.terminate()
    assert server.wait(10) == 0
    server.process = None
    for secret in (ALICE.password, SHARED_SECRET, client.nonce):
        assert secret not in server.log()


def test_COMMANDS_admin_socket_survives_nonsense(own_server):
    server = own_server()
    long_lines = (b"\0" * 1000 + b"\n", b"a" * 1000000)
    for line in (b"", b"\n", b"stat\n", b"status x\n", b"drain soon\n", b"status", *long_lines):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(3)
            stream.connect(server.settings["admin"]["socket"])
            try:
                stream.sendall(line)
                stream.shutdown(socket.SHUT_WR)
                while stream.recv(65536):
                    pass
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass
    done = run_command("status", "--config", str(server.configuration_file))
    assert done.returncode == 0 and "serving" in done.stdout
