"""`senso-turn doctor --watch`: the prober, its metrics, and what becomes of them when a node goes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from server_fixture import LISTENER, Server, binary, free_port, hold_port, merged, run_command
from transports import HAS_DTLS
from waiting import eventually

SHARDS = (2,)
TRANSPORTS = ["udp", "tcp", "tls", "wss"] + ["dtls"] * HAS_DTLS
# Generous: a probe of a node that does not answer takes three seconds, and this machine may be busy.
PATIENCE = 60.0


class Prober:
    """A running prober of a server's configuration, with changes."""

    def __init__(self, directory: Path, server: Server, *arguments: str, **changes):
        self.port = free_port(LISTENER)
        file = directory / "prober.yaml"
        file.write_text(json.dumps(merged(server.settings, changes)))
        self.log_file = directory / "prober.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [str(binary()), "doctor", "--watch", "--config", str(file), "--interval", "1s",
                 "--listen", f"{LISTENER}:{self.port}", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        assert eventually(lambda: self.get("/livez") or self.process.poll() is not None), self.log()
        assert self.process.poll() is None, self.log()

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{LISTENER}:{self.port}{path}", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def value(self, name: str, **labels: str) -> float | None:
        for line in self.get("/metrics").splitlines():
            found = re.fullmatch(rf"senso_turn_probe_{name}\{{(.*)\}} (\S+)", line)
            if found and dict(re.findall(r'(\w+)="([^"]*)"', found.group(1))) == {"node": LISTENER, **labels}:
                return float(found.group(2))
        return None

    def runs(self, transport: str) -> dict[str, float]:
        return {outcome: self.value("runs_total", transport=transport, outcome=outcome)
                for outcome in ("success", "loss", "failure")}  # fmt: skip

    def has_run(self, transport: str, times: float = 1) -> bool:
        return sum(self.runs(transport).values()) >= times

    def end(self) -> int:
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def watch(tmp_path):
    probers: list[Prober] = []

    def start(server: Server, *arguments: str, **changes) -> Prober:
        directory = tmp_path / f"prober{len(probers)}"
        directory.mkdir()
        probers.append(Prober(directory, server, *arguments, **changes))
        return probers[-1]

    yield start
    for prober in probers:
        if prober.process.poll() is None:
            assert prober.end() == 0, prober.log()


def on_one_address(server: Server) -> list[dict]:
    return [listener for listener in server.settings["listeners"] if listener["address"] == LISTENER]


# -- unhappy paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--interval", "0s"], "--interval"),
        (["--interval", "soon"], "--interval"),
        (["--listen", "nowhere"], "--listen"),
        (["--node", "a:1"], "turn:host"),
        (["--node", "turn:a?transport=sctp"], "turn:host"),
        (["--node", "a", "--node", "a"], "two ways"),
    ],
)
def test_COMMANDS_watch_refuses_what_it_does_not_understand(server, arguments, word):
    done = run_command("doctor", "--watch", "--config", str(server.configuration_file), *arguments)
    assert done.returncode == 2 and word in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [["--node", "a"], ["--interval", "1s"], ["--listen", "127.0.0.1:1"]])
def test_COMMANDS_what_is_for_watch_is_refused_without_it(arguments):
    done = run_command("doctor", *arguments)
    assert done.returncode == 2 and "--watch" in done.stderr


def test_COMMANDS_watch_without_a_credential_is_2(tmp_path, server):
    file = tmp_path / "none.yaml"
    file.write_text(json.dumps(merged(server.settings, {"auth": None})))
    done = run_command("doctor", "--watch", "--config", str(file))
    assert done.returncode == 2 and "credential" in done.stderr


def test_COMMANDS_watch_on_a_taken_port_is_1(server):
    port = free_port(LISTENER)
    with hold_port((LISTENER, port), socket.SOCK_STREAM):
        done = run_command("doctor", "--watch", "--config", str(server.configuration_file), "--listen",
                           f"{LISTENER}:{port}")  # fmt: skip
    assert done.returncode == 1 and str(port) in done.stderr


def test_PROBE_wrong_credentials_are_down_and_said(server, watch):
    prober = watch(server, "--node", LISTENER, auth={"shared_secrets": [{"id": "k1", "secret": "another one"}]},
                   listeners=on_one_address(server))  # fmt: skip
    assert eventually(lambda: prober.runs("udp")["failure"] >= 1, PATIENCE)
    assert prober.value("up", transport="udp") == 0
    assert prober.value("loss_ratio", transport="udp") == 1
    assert prober.runs("udp")["success"] == 0
    assert "401" in prober.log()


def test_PROBE_a_port_that_answers_nothing_is_down(server, watch):
    with hold_port((LISTENER, free_port(LISTENER))) as silent:
        prober = watch(server, "--node", f"turn:{LISTENER}:{silent.getsockname()[1]}?transport=udp")
        assert eventually(lambda: prober.has_run("udp"), PATIENCE)
        assert prober.value("up", transport="udp") == 0
        assert "no answer" in prober.log()
        assert prober.end() == 0, "even while a probe waits"


def test_PROBE_a_port_that_nobody_has_is_down(server, watch):
    prober = watch(server, "--node", f"turn:{LISTENER}:{free_port(LISTENER)}?transport=tcp")
    assert eventually(lambda: prober.has_run("tcp"), PATIENCE)
    assert prober.value("up", transport="tcp") == 0


def test_PROBE_a_name_that_there_is_not_is_down(server, watch):
    prober = watch(server, "--node", "turn:nobody.invalid?transport=udp")
    assert 'senso_turn_probe_up{node="nobody.invalid",transport="udp"} 0' in prober.get("/metrics")


# -- a good node ------------------------------------------------------------------------------------------------------


def test_PROBE_a_good_node_is_up_by_every_transport(server, watch):
    prober = watch(server, "--node", LISTENER, listeners=on_one_address(server))
    for transport in TRANSPORTS:
        assert eventually(lambda: prober.runs(transport)["success"] >= 2, PATIENCE), (transport, prober.log())
        assert prober.value("up", transport=transport) == 1
        assert prober.value("loss_ratio", transport=transport) == 0
        assert prober.value("round_trip_seconds", transport=transport) > 0
        assert prober.value("jitter_seconds", transport=transport) >= 0
    assert prober.end() == 0
    assert eventually(lambda: server.metric("senso_turn_allocations") == 0), "it gives back what it has allocated"


def test_PROBE_a_node_that_is_killed_and_comes_back(tmp_path, watch):
    server = Server(tmp_path / "server", {}).start()
    prober = watch(server, "--node", f"turn:{LISTENER}:{server.udp[1]}?transport=udp")
    up = lambda: prober.value("up", transport="udp")  # noqa: E731
    assert eventually(lambda: up() == 1, PATIENCE), prober.log()
    server.kill()
    assert eventually(lambda: up() == 0, PATIENCE), prober.log()
    assert prober.value("loss_ratio", transport="udp") > 0
    assert "nothing is relayed" in prober.log()
    failures = prober.runs("udp")["failure"]
    assert failures >= 1
    server.start()
    assert eventually(lambda: up() == 1, PATIENCE), prober.log()
    assert prober.value("loss_ratio", transport="udp") == 0
    assert "packets are relayed again" in prober.log()
    assert prober.end() == 0
    server.stop()


def test_PROBE_the_port_knows_nothing_but_metrics(server, watch):
    prober = watch(server, "--node", f"turn:{LISTENER}:{server.udp[1]}?transport=udp")
    assert prober.get("/") == "" and prober.get("/livez") == "alive\n"
    assert "# TYPE senso_turn_probe_runs_total counter" in prober.get("/metrics")
