"""Runs the real server for tests: writes a configuration, starts `serve --config`, waits until it answers, stops it.

Addresses: clients and listeners on 127.0.0.1, relay sockets on 127.0.0.2, peers on 127.0.0.3 and above, since a server
treats its own relay addresses specially. IPv6 likewise on fd00:1::1, fd00:1::2 and fd00:1::3, where the private network
namespace of tests/integration/run provides them.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import server_certificate
from stun_message import Builder, Endpoint, Method
from turn_client import Credentials, UdpTransport, endpoint_of, socket_family

REPOSITORY = Path(__file__).resolve().parents[2]
REALM = "turn.example.test"

LISTENER = "127.0.0.1"
RELAY = "127.0.0.2"
PEER = "127.0.0.3"
OTHER_PEER = "127.0.0.4"
LISTENER_V6 = "fd00:1::1"
RELAY_V6 = "fd00:1::2"
# Where a test counts on a few ports, none of which another server may give away.
POOL = "127.0.0.12"
POOL_V6 = "fd00:1::8"
PEER_V6 = "fd00:1::3"

ALICE = Credentials("alice", "alice's password")
BOB = Credentials("bob", "hunter2")
SHARED_SECRET = "a secret that only tests know"

START_SECONDS = 30.0
STOP_SECONDS = 20.0

SANITIZER_REPORT = re.compile(
    r"(ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer"
    r"|CHECK failed|Assertion .* failed|terminate called)"
)


def binary() -> Path:
    return Path(os.environ.get("SENSO_TURN") or REPOSITORY / "build" / "dev" / "senso-turn").absolute()


def is_sanitized() -> bool:
    return os.environ.get("SENSO_TURN_SANITIZED") == "1"


def has_address(address: str) -> bool:
    with socket.socket(socket_family(address), socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


HAS_IPV6 = has_address(LISTENER_V6)
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason=f"{LISTENER_V6} is not an address here: use tests/integration/run")


_given_ports: set[int] = set()


def free_port(address: str) -> int:
    """A port that both UDP and TCP have free at the address, outside the relay range. Each is given out once, since the
    kernel, for which it is free again at once, would sometimes name it twice for one server."""
    for _ in range(200):
        with socket.socket(socket_family(address), socket.SOCK_STREAM) as stream:
            stream.bind((address, 0))
            port = stream.getsockname()[1]
            if port >= 49152 or port in _given_ports:
                continue
            with socket.socket(socket_family(address), socket.SOCK_DGRAM) as datagram:
                try:
                    datagram.bind((address, port))
                except OSError:
                    continue
                _given_ports.add(port)
                return port
    raise RuntimeError(f"no free port at {address}")


def merged(base: dict, changes: dict) -> dict:
    """`changes` over `base`, section by section; None removes a key."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


# Listeners that share a port of one address. No two groups do, so that a test knows what it spoke to.
PORT_GROUPS = (("udp", "tcp"), ("tls", "dtls"), ("edge",))


def listeners(*addresses: str, transports: tuple[str, ...] = ("udp", "tcp", "tls", "dtls", "edge")) -> list[dict]:
    """Every transport at each address, on free ports."""
    found = []
    for address in addresses:
        for group in PORT_GROUPS:
            wanted = [transport for transport in group if transport in transports]
            port = free_port(address) if wanted else 0
            found += [{"transport": transport, "address": address, "port": port} for transport in wanted]
    return found


def base_configuration() -> dict:
    """What most tests want: two shards, no limits in the way, loopback peers allowed."""
    addresses = [LISTENER, LISTENER_V6] if HAS_IPV6 else [LISTENER]
    return {
        "roles": ["relay"],
        "realm": REALM,
        "shards": 2,
        "listeners": listeners(*addresses),
        "tls": {"certificates": [server_certificate().setting]},
        "relay": {"addresses": [RELAY, RELAY_V6] if HAS_IPV6 else [RELAY]},
        "peers": {"allow": ["127.0.0.0/8", "::1/128", "fd00::/8"]},
        "auth": {
            "users": [
                {"username": ALICE.username, "password": ALICE.password},
                {"username": BOB.username, "password": BOB.password},
            ],
            "shared_secrets": [{"id": "k1", "secret": SHARED_SECRET}],
        },
        "limits": {
            "bandwidth_per_allocation": 0,
            "packets_per_allocation": 0,
            "challenges_per_source": {"rate": 1000000, "burst": 1000000},
        },
        "metrics": {"address": LISTENER, "port": free_port(LISTENER)},
        "drain": {"deadline": "1s"},
        "log": {"format": "text", "level": "info"},
    }


class ServerFailed(AssertionError):
    pass


class Server:
    """One running process. `settings` change the base configuration."""

    def __init__(
        self,
        directory: Path,
        settings: dict | None = None,
        *,
        arguments: list[str] | None = None,
        output: str | None = None,
        environment: dict[str, str] | None = None,
    ):
        """`output` is a redirection of the shell for what the server writes, instead of a file: ">/dev/full"."""
        self.directory = directory
        self.output = output
        self.environment = environment or {}
        self.directory.mkdir(parents=True, exist_ok=True)
        self.settings = merged(base_configuration(), settings or {})
        self.settings.setdefault("admin", {"socket": str(directory / "admin.sock")})
        self.arguments = arguments or []
        self.configuration_file = directory / "senso-turn.yaml"
        self.log_file = directory / "stderr"
        self.process: subprocess.Popen | None = None

    def write_configuration(self) -> None:
        # JSON is YAML.
        self.configuration_file.write_text(json.dumps(self.settings, indent=2, ensure_ascii=False), encoding="utf-8")

    # -- where it listens -----------------------------------------------------------------------------------------

    def endpoint(self, transport: str, address: str = LISTENER) -> Endpoint:
        for listener in self.settings["listeners"]:
            if listener["transport"] == transport and listener["address"] in (address, "0.0.0.0", "::"):
                return address, listener["port"]
        raise LookupError(f"no {transport} listener on {address}")

    @property
    def udp(self) -> Endpoint:
        return self.endpoint("udp")

    @property
    def tcp(self) -> Endpoint:
        return self.endpoint("tcp")

    @property
    def tls(self) -> Endpoint:
        return self.endpoint("tls")

    @property
    def dtls(self) -> Endpoint:
        return self.endpoint("dtls")

    @property
    def edge(self) -> Endpoint:
        return self.endpoint("edge")

    @property
    def metrics_url(self) -> str:
        return f"http://{self.settings['metrics']['address']}:{self.settings['metrics']['port']}"

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> Server:
        self.write_configuration()
        command = [str(binary()), "serve", "--config", str(self.configuration_file), *self.arguments]
        if self.output is not None:
            command = ["sh", "-c", f'exec "$0" "$@" {self.output}', *command]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                raise ServerFailed(f"the server ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() > deadline:
                self.kill()
                raise ServerFailed(f"the server did not become ready:\n{self.log()}")
            time.sleep(0.02)
        return self

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.metrics_url}/readyz", timeout=2) as answer:
                return answer.status == 200
        except OSError:  # not there yet, not ready, or slow to say so; a Binding would tell, too, but be counted
            return False

    def answers_binding(self) -> bool:
        for listener in self.settings["listeners"]:
            if listener["transport"] == "udp":
                address = {"0.0.0.0": LISTENER, "::": "::1"}.get(listener["address"], listener["address"])
                transport = UdpTransport((address, listener["port"]))
                try:
                    transport.send(Builder(Method.BINDING).build())
                    return transport.receive(0.2) is not None
                except OSError:
                    return False
                finally:
                    transport.close()
        return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It finds at once what arrives meanwhile."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        if self.is_running:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.is_running:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; the end must be clean and free of any sanitizer's report."""
        if self.process is None:
            return
        was_running = self.is_running
        self.terminate()
        try:
            code = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"the server ignored SIGTERM for {STOP_SECONDS} s:\n{self.log()[-4000:]}") from None
        finally:
            log = self.log()
        self.process = None
        report = SANITIZER_REPORT.search(log)
        if report:
            raise ServerFailed(f"{report.group(0)}\n{log[max(0, report.start() - 500):report.start() + 6000]}")
        if not was_running:
            raise ServerFailed(f"the server had ended by itself with {code}:\n{log[-4000:]}")
        if code != 0:
            raise ServerFailed(f"the server ended with {code}:\n{log[-4000:]}")

    # -- what it says of itself -------------------------------------------------------------------------------------

    def resident_kib(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1))

    def assert_grew_at_most(self, kib: int, since: int) -> None:
        """Under a sanitizer, which keeps what was freed, the size says nothing."""
        grown = self.resident_kib() - since
        assert grown <= kib or is_sanitized(), f"the server grew by {grown} KiB"

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.metrics_url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """Every series by its full name, labels included as the exposition spells them."""
        status, text = self.get("/metrics")
        assert status == 200
        series = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                series[name] = float(value)
        return series

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all series of that name whose labels include `labels`."""
        total = 0.0
        for series, value in self.metrics().items():
            family, _, rest = series.partition("{")
            if family == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += value
        return total


def run_command(*arguments: str, seconds: float = 30.0, environment: dict | None = None) -> subprocess.CompletedProcess:
    """One of the server's other commands, to its end."""
    return subprocess.run(
        [str(binary()), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=None if environment is None else {**os.environ, **environment},
        check=False,
    )


def hold_port(endpoint: Endpoint, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    held = socket.socket(socket_family(endpoint[0]), kind)
    held.bind(endpoint)
    if kind == socket.SOCK_STREAM:
        held.listen()
    assert endpoint_of(held.getsockname())[1]
    return held
