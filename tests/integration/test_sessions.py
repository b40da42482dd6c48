"""sessions, disconnect and drain over the admin socket, and what the log says when an allocation ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from server_fixture import ALICE, BOB, Server, binary, run_command
from sessions import ended_in_json, ended_in_text, session_of, sessions
from turn_client import Credentials, NoAnswer, TurnClient, UdpTransport
from waiting import eventually

# An administrator's questions are the same over every number of shards, but what they are answered comes from all.
SHARDS = (2,)


@pytest.fixture
def own_server(tmp_path):
    """Servers that the test stops by itself, or that end by themselves."""
    servers: list[Server] = []

    def start(**settings) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}", settings))
        return servers[-1].start()

    yield start
    for server in servers:
        if server.process is not None:
            server.stop()


def ask(server: Server, *arguments: str) -> subprocess.CompletedProcess:
    return run_command(*arguments, "--socket", server.settings["admin"]["socket"])


def allocated(server: Server, credentials: Credentials = ALICE) -> TurnClient:
    client = TurnClient(UdpTransport(server.udp), credentials)
    client.allocate()
    return client


def ended(server: Server) -> int:
    """Takes the end of a server for what the test was about."""
    code = server.wait(20)
    server.process = None
    return code


class DeafServer:
    """Accepts at a unix socket, reads a line, answers what it is told to, and is gone."""

    def __init__(self, path: Path, answer: bytes):
        self.path, self.answer = path, answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        stream, _ = self.listener.accept()
        with stream:
            stream.recv(4096)
            stream.sendall(self.answer)


# -- unhappy paths ----------------------------------------------------------------------------------------------------

COMMANDS = (["sessions"], ["disconnect", "1"], ["drain", "--wait"], ["drain"])


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_COMMANDS_without_a_server_are_1(tmp_path, command):
    done = run_command(*command, "--socket", str(tmp_path / "nobody.sock"))
    assert done.returncode == 1 and "nobody.sock" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_COMMANDS_of_a_socket_that_one_may_not_use_are_1(tmp_path, server, command):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not use the socket")
    path = server.settings["admin"]["socket"]
    tmp_path.parent.chmod(0o755)
    for folder in Path(path).parents:
        if str(folder).startswith("/tmp/") and not os.stat(folder).st_mode & 0o001:
            folder.chmod(0o711)
    done = subprocess.run([str(binary()), *command, "--socket", path], capture_output=True, text=True, timeout=30,
                          user=65534, group=65534, extra_groups=[], check=False)  # fmt: skip
    assert done.returncode == 1 and "Permission denied" in done.stderr and "root" in done.stderr
    assert server.is_running


@pytest.mark.parametrize(
    "answer", [b"", b'{"id":1}\n', b"draining: 1 allocation is left, 1h 0m 0s until the deadline\n"]
)
@pytest.mark.parametrize("command", COMMANDS[:1] + COMMANDS[2:3], ids=" ".join)
def test_COMMANDS_of_a_server_that_goes_in_the_middle_are_1(tmp_path, command, answer):
    server = DeafServer(tmp_path / "admin.sock", answer)
    done = run_command(*command, "--socket", str(server.path))
    assert done.returncode == 1 and "ended" in done.stderr


@pytest.mark.parametrize("wrong", ["0", "123456789", str(2**64 - 1)])
def test_COMMANDS_disconnect_of_nobody_is_1(server, wrong):
    done = ask(server, "disconnect", wrong)
    assert done.returncode == 1 and f"no allocation with the id {wrong}" in done.stderr


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1.5", str(2**64)])
def test_COMMANDS_disconnect_of_what_is_no_id_is_2(server, wrong):
    assert ask(server, "disconnect", wrong).returncode == 2


@pytest.mark.parametrize("arguments", [["--user", ""], ["--user", "a\nb"], ["--format", "xml"], ["alice"]])
def test_COMMANDS_sessions_of_odd_arguments_are_2(server, arguments):
    assert ask(server, "sessions", *arguments).returncode == 2


@pytest.mark.parametrize("deadline", ["soon", "-1h", "1x", ""])
def test_COMMANDS_drain_with_an_odd_deadline_is_2_and_drains_nothing(server, deadline):
    assert ask(server, "drain", "--deadline", deadline).returncode == 2
    assert server.get("/readyz")[0] == 200


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_COMMANDS_sessions_of_an_idle_server_are_none(own_server):
    server = own_server()
    assert sessions(server) == []
    assert ask(server, "sessions").stdout.count("\n") == 1, "nothing but the titles"


def test_COMMANDS_sessions_say_who_is_there_and_what_they_carried(server, connect, transport, peer):
    client = connect(transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for _ in range(3):
        client.send_channel(0x4000, b"12345")
        assert peer.receive() == b"12345"
    peer.send(b"1234567", client.relayed)
    assert client.receive_channel_data().payload == b"1234567"

    session = session_of(server, client.relayed)
    assert session["user"] == ALICE.username and session["tenant"] is None
    assert session["transport"] == transport
    assert session["client"].endswith(f":{client.local[1]}")
    assert (session["permissions"], session["channels"]) == (1, 1)
    assert 0 < session["remaining_seconds"] <= 600 and session["started"] < session["expires"]
    assert (session["packets_to_peers"], session["bytes_to_peers"]) == (3, 15)
    assert (session["packets_to_client"], session["bytes_to_client"]) == (1, 7)

    table = ask(server, "sessions").stdout.splitlines()
    row = next(line for line in table if line.startswith(str(session["id"])))
    for cell in (ALICE.username, "3 packets, 15B", "1 packets, 7B", session["client"]):
        assert cell in row, row


def test_COMMANDS_sessions_of_one_user(server, connect):
    mine, other = connect(credentials=ALICE), connect(credentials=BOB)
    mine.allocate()
    other.allocate()
    found = sessions(server, "--user", BOB.username)
    assert {session["user"] for session in found} == {BOB.username}
    assert sessions(server, "--user", "nobody of that name") == []


def test_COMMANDS_sessions_of_more_than_a_page(own_server):
    """A page is 500: all of them are told, each once."""
    server = own_server(limits={"allocations_per_user": 0})
    clients = [allocated(server) for _ in range(700)]
    ids = [session["id"] for session in sessions(server)]
    assert len(ids) == len(set(ids)) == len(clients)
    assert ids == sorted(ids)
    assert len(ask(server, "sessions").stdout.splitlines()) == 701
    for client in clients:
        client.close()


def test_COMMANDS_sessions_show_no_control_characters(server, connect):
    odd = ask(server, "sessions", "--user", "\x1b[2J")
    assert odd.returncode == 0 and "\x1b" not in odd.stdout + odd.stderr


# -- disconnect -------------------------------------------------------------------------------------------------------


def test_COMMANDS_disconnect_ends_one_and_no_other(server, connect, peer):
    first, second = connect(), connect()
    for client in (first, second):
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
    before = server.metric("senso_turn_allocations_closed_total", reason="disconnected")
    session = session_of(server, first.relayed)
    done = ask(server, "disconnect", str(session["id"]))
    assert done.returncode == 0 and str(session["id"]) in done.stdout
    assert session_of(server, first.relayed) is None
    assert server.metric("senso_turn_allocations_closed_total", reason="disconnected") == before + 1
    assert first.try_refresh().error == 437
    second.send_channel(0x4000, b"still here")
    assert peer.receive() == b"still here"
    assert ask(server, "disconnect", str(session["id"])).returncode == 1, "it is gone"
    assert ended_in_text(server)[-1]["reason"] == "disconnected"


# -- drain ------------------------------------------------------------------------------------------------------------


def test_COMMANDS_drain_waits_for_the_last_allocation(own_server):
    server = own_server(drain={"deadline": "1h"})
    client = allocated(server)
    arguments = [str(binary()), "drain", "--wait", "--deadline", "2h", "--socket", server.settings["admin"]["socket"]]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as drain:
        assert drain.stdout.readline() == "draining: 1 allocation is left, 2h 0m 0s until the deadline\n"
        assert server.get("/readyz")[0] == 503
        state = json.loads(ask(server, "status", "--format", "json").stdout)
        assert state["draining"] is True and 7000 < state["drain_remaining_seconds"] <= 7200
        assert "draining" in ask(server, "status").stdout
        assert TurnClient(UdpTransport(server.udp), ALICE).try_allocate().error == 508
        client.refresh(0)
        rest, _ = drain.communicate(timeout=20)
        assert drain.returncode == 0 and rest.endswith("drained: no allocation is left\n")
    assert ended(server) == 0


def test_COMMANDS_drain_twice_changes_nothing_but_a_given_deadline(own_server):
    server = own_server(drain={"deadline": "1h"})
    client = allocated(server)
    first = ask(server, "drain")
    assert first.returncode == 0 and "1h 0m 0s" in first.stdout
    again = ask(server, "drain")
    assert again.returncode == 0 and again.stdout.startswith("draining: 1 allocation is left, ")
    assert "1h 0m 0s" in ask(server, "drain", "--deadline", "1h").stdout
    assert client.refresh().is_success
    shorter = ask(server, "drain", "--wait", "--deadline", "1s")
    assert shorter.returncode == 0
    assert shorter.stdout.endswith("drained: the drain deadline has passed; 1 allocation is left and will end now\n")
    assert ended(server) == 0
    assert ended_in_text(server)[-1]["reason"] == "shutdown"


def test_LIFE_sigterm_goes_on_with_an_administrators_drain(own_server):
    """As when a service manager stops what a hook has drained: calls are not cut short."""
    server = own_server(drain={"deadline": "1h"})
    client = allocated(server)
    assert ask(server, "drain").returncode == 0
    server.terminate()
    assert eventually(lambda: "the drain goes on" in server.log())
    assert client.refresh().is_success
    server.terminate()
    assert ended(server) == 0


def test_COMMANDS_drain_that_is_cut_short_is_1(own_server):
    server = own_server(drain={"deadline": "1h"})
    allocated(server)
    arguments = [str(binary()), "drain", "--wait", "--socket", server.settings["admin"]["socket"]]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as drain:
        drain.stdout.readline()
        os.kill(server.pid, signal.SIGINT)
        _, complaints = drain.communicate(timeout=20)
        assert drain.returncode == 1 and "stopped" in complaints
    assert ended(server) == 0


def test_COMMANDS_who_watches_a_drain_may_leave(own_server):
    server = own_server(drain={"deadline": "1h"})
    client = allocated(server)
    for _ in range(3):
        arguments = [str(binary()), "drain", "--wait", "--socket", server.settings["admin"]["socket"]]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as drain:
            drain.stdout.readline()
            drain.kill()
    assert client.refresh().is_success
    assert ask(server, "status").returncode == 0
    client.refresh(0)
    assert ended(server) == 0


# -- the log ----------------------------------------------------------------------------------------------------------


def test_LOG_an_end_is_a_line_with_its_totals(own_server, peer):
    server = own_server()
    client = allocated(server)
    client.channel_bind(0x4000, peer.endpoint)
    client.send_channel(0x4000, b"12345")
    assert peer.receive() == b"12345"
    session = session_of(server, client.relayed)
    client.refresh(0)
    assert eventually(lambda: ended_in_text(server))
    (line,) = ended_in_text(server)
    assert line["id"] == str(session["id"]) and line["user"] == ALICE.username and line["reason"] == "deleted"
    assert line["transport"] == "udp" and line["client"] == session["client"]
    assert (line["packets_to_peers"], line["bytes_to_peers"]) == ("1", "5")
    assert float(line["duration_seconds"]) >= 0


def test_LOG_in_json_it_is_an_object_of_numbers(own_server, peer):
    server = own_server(log={"format": "json", "level": "info"})
    client = allocated(server)
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"abc")
    assert peer.receive() == b"abc"
    peer.send(b"defgh", client.relayed)
    client.receive_data()
    client.refresh(0)
    assert eventually(lambda: ended_in_json(server))
    (line,) = ended_in_json(server)
    assert line["level"] == "info" and line["user"] == ALICE.username and line["reason"] == "deleted"
    assert (line["packets_to_peers"], line["bytes_to_peers"]) == (1, 3)
    assert (line["packets_to_client"], line["bytes_to_client"]) == (1, 5)


def test_LOG_many_ends_at_once_are_counted_and_not_written(own_server):
    server = own_server(shards=1, limits={"allocations_per_user": 0})
    clients = [allocated(server) for _ in range(1200)]
    server.terminate()
    assert ended(server) == 0
    lines = len(ended_in_text(server))
    assert 1000 <= lines < 1200
    left_out = [line for line in server.log().splitlines() if "left_out=" in line]
    assert sum(int(line.rsplit("left_out=", 1)[1]) for line in left_out) == len(clients) - lines
