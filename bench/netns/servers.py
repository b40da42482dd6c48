"""The TURN servers that are compared: configured, started, waited for, stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import network
import processes
from plan import MEMORY, SETUP, Cell
from way import Running, Unavailable, Way

PLAIN_PORT, TLS_PORT = 3478, 5349
USER, PASSWORD, REALM = "alice", "of the benchmark", "bench.example.test"
START_SECONDS = 20
BINDING_REQUEST = bytes.fromhex("000100002112a442") + bytes(range(12))


class Server(Way):
    """A TURN server of one thread for each processor that it is given."""

    def command(self, processors: int, with_tls: bool) -> list[str]:
        raise NotImplementedError

    @contextmanager
    def standing(self, cell: Cell, processors: set[int]) -> Iterator[Running]:
        with_tls = cell.transport == "tls"
        log = self.tools.directory / f"{self.name}.log"
        namespace = self.tools.network.server
        process = processes.start(namespace, processors, self.command(len(processors), with_tls), log)
        try:
            self._wait(process, log)
            port = TLS_PORT if with_tls else PLAIN_PORT
            arguments = ["--server", f"{network.LISTENER}:{port}", "--transport", cell.transport, "--user", USER,
                         "--password", PASSWORD]  # fmt: skip
            if cell.figure == SETUP:
                arguments += ["--address-tries", "20"]
            if cell.lane == "across":
                arguments += ["--mode", "relay-to-relay"]
            else:
                arguments += ["--peer", network.PEER, "--peer-netns", str(self.tools.network.peer.file)]
            yield Running(arguments, process.pid)
            if process.poll() is not None:
                raise OSError(f"{self.name} ended with exit code {process.returncode}: {_end_of(log)}")
        finally:
            processes.stop(process)

    def _wait(self, process: subprocess.Popen, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        with self.tools.network.client.entered():
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with probe:
            probe.settimeout(0.05)
            probe.connect((network.LISTENER, PLAIN_PORT))
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    probe.send(BINDING_REQUEST)
                    if len(probe.recv(2048)) >= 20:
                        return
                except OSError:
                    time.sleep(0.02)
        state = "does not answer" if process.poll() is None else f"ended with exit code {process.returncode}"
        raise OSError(f"{self.name} {state}: {_end_of(log)}")


class SensoTurn(Server):
    datapath = ""

    def check(self) -> None:
        if not os.access(self.tools.server, os.X_OK):
            raise Unavailable(f"there is no server at {self.tools.server}")

    def _write(self, shards: int, with_tls: bool) -> Path:
        listeners = [{"transport": transport, "address": network.LISTENER, "port": PLAIN_PORT}
                     for transport in ("udp", "tcp")]  # fmt: skip
        configuration = {
            "roles": ["relay"], "realm": REALM, "shards": shards, "listeners": listeners,
            "relay": {"addresses": [network.RELAY], "datapath": self.datapath, "ports": {"min": 1024, "max": 65535}},
            "peers": {"allow": [network.BLOCK]},
            "auth": {"users": [{"username": USER, "password": PASSWORD}]},
            "limits": {"allocations": 0, "allocations_per_user": 0, "bandwidth_per_allocation": 0,
                       "packets_per_allocation": 0, "challenges_per_source": {"rate": 0}},
            "metrics": {"address": "127.0.0.1", "port": 9641},
            "drain": {"deadline": "1s"},
            "admin": {"socket": str(self.tools.directory / "admin.sock")},
        }  # fmt: skip
        if with_tls:
            listeners.append({"transport": "tls", "address": network.LISTENER, "port": TLS_PORT})
            configuration["tls"] = {"certificates": [
                {"certificate": str(self.tools.certificate), "private_key": str(self.tools.private_key)}]}  # fmt: skip
        file = self.tools.directory / f"{self.name}.yaml"
        file.write_text(json.dumps(configuration, indent=2))  # JSON is YAML
        return file

    def command(self, processors: int, with_tls: bool) -> list[str]:
        return [str(self.tools.server), "serve", "--config", str(self._write(processors, with_tls))]


class Userspace(SensoTurn):
    name = "userspace"
    title = "senso-turn, userspace path"
    datapath = "userspace"


class Kernel(SensoTurn):
    name = "kernel"
    title = "senso-turn, kernel path (tc)"
    datapath = "tc"

    def check(self) -> None:
        """This build may not have it, or this kernel not allow it: the server itself says so."""
        super().check()
        done = processes.run(self.tools.network.server, os.sched_getaffinity(0),
                             [str(self.tools.server), "check", str(self._write(1, with_tls=False))],
                             START_SECONDS)  # fmt: skip
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()
            reason = said[0] if said else f"senso-turn check: exit code {done.returncode}"
            raise Unavailable(reason.removeprefix(f"{self.tools.directory}/"))
        try:
            with self.standing(Cell("udp", "up", 1, 160, MEMORY), os.sched_getaffinity(0)):
                pass
        except OSError as problem:
            raise Unavailable(str(problem).splitlines()[-1]) from problem


class Coturn(Server):
    """Tuned as its documentation advises: one relay thread for each processor, no log of sessions, nothing that is not
    used (command line, TCP relays, NAT discovery, old STUN), no limits, every port for relays."""

    name = "coturn"
    title = "coturn"

    def check(self) -> None:
        try:
            subprocess.run([self.tools.turnserver, "--version"], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=30)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise Unavailable(f"there is no {self.tools.turnserver}: {problem}") from problem

    def command(self, processors: int, with_tls: bool) -> list[str]:
        lines = [
            f"listening-ip={network.LISTENER}", f"listening-port={PLAIN_PORT}", f"tls-listening-port={TLS_PORT}",
            f"relay-ip={network.RELAY}", f"relay-threads={processors}", "min-port=1024", "max-port=65535",
            "lt-cred-mech", f"user={USER}:{PASSWORD}", f"realm={REALM}", f"userdb={self.tools.directory / 'none.db'}",
            f"pidfile={self.tools.directory / 'coturn.pid'}", "log-file=/dev/null", "simple-log", "no-stdout-log",
            "no-cli", "no-software-attribute", "no-rfc5780", "no-stun-backward-compatibility",
            "response-origin-only-with-rfc5780", "no-tcp-relay", "no-dynamic-ip-list", "no-dynamic-realms", "no-dtls",
        ]  # fmt: skip
        lines += [f"cert={self.tools.certificate}", f"pkey={self.tools.private_key}"] if with_tls else ["no-tls"]
        file = self.tools.directory / "turnserver.conf"
        file.write_text("\n".join(lines) + "\n")
        return [self.tools.turnserver, "-c", str(file)]


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-1000:].strip() or "its log is empty"
