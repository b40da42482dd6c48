"""The server under test, in a namespace: senso-turn, or coturn's to try the suite itself on something known."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import sys
import time
from pathlib import Path

from namespaces import Namespace

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from stun_message import Builder, Method  # noqa: E402

REALM = "turn.example.test"
USER, PASSWORD = "alice", "correct horse"
SHARED_SECRET = "a secret for tests only"
START_SECONDS = 30


class ServerDidNotStart(Exception):
    pass


def timed_credential(name: str, expiry: float) -> tuple[str, str]:
    """User name and password in the form of the TURN REST draft."""
    username = f"{int(expiry)}:{name}"
    digest = hmac.new(SHARED_SECRET.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def start_senso_turn(program: Path, namespace: Namespace, directory: Path, *, addresses: list[str], ports: list[int],
                     relay_addresses: list[str], peers_allow: list[str], channel_numbers: str) -> None:
    configuration = {
        "roles": ["relay"],
        "realm": REALM,
        "shards": 2,
        "listeners": [{"transport": transport, "address": address, "port": port}
                      for address in addresses for transport, port in _transports(ports)],
        "relay": {"addresses": relay_addresses},
        "auth": {"users": [{"username": USER, "password": PASSWORD}],
                 "shared_secrets": [{"id": "k1", "secret": SHARED_SECRET}]},
        "protocol": {"channel_numbers": channel_numbers},
        "metrics": {"address": "127.0.0.1", "port": 9641},
        "admin": {"socket": str(directory / "admin.sock")},
    }
    if peers_allow:
        configuration["peers"] = {"allow": peers_allow}
    file = directory / "senso-turn.yaml"
    file.write_text(json.dumps(configuration, indent=2))  # JSON is YAML
    _start(namespace, directory, addresses, ports, str(program), "serve", "--config", str(file))


def start_coturn(namespace: Namespace, directory: Path, *, addresses: list[str], ports: list[int],
                 relay_addresses: list[str], with_secret: bool) -> None:
    """coturn has users or a secret, not both, and two plain ports at most."""
    credentials = ["--use-auth-secret", f"--static-auth-secret={SHARED_SECRET}"] if with_secret else \
        ["--lt-cred-mech", "-u", f"{USER}:{PASSWORD}"]
    _start(namespace, directory, addresses, ports, "turnserver", "-n", "--no-tls", "--no-dtls", "--no-cli",
           "--log-file", "stdout", "--allow-loopback-peers", "-r", REALM, *credentials,
           *(word for address in addresses for word in ("-L", address)),
           *(word for address in relay_addresses for word in ("-E", address)),
           "-p", str(ports[0]), *(["--alt-listening-port", str(ports[1])] if len(ports) > 1 else []),
           "--userdb", str(directory / "none.db"), "--pidfile", str(directory / "pid"))


def _transports(ports: list[int]) -> list[tuple[str, int]]:
    """UDP on each port, TCP on the standard one."""
    return [("udp", port) for port in ports] + [("tcp", 3478)]


def _start(namespace: Namespace, directory: Path, addresses: list[str], ports: list[int], *command: str) -> None:
    log = directory / "server.log"
    process = namespace.start(log, *command, env={**os.environ, "STATE_DIRECTORY": str(directory)})
    waiting = [(address, port) for address in addresses for port in ports]
    deadline = time.monotonic() + START_SECONDS
    while waiting and process.poll() is None and time.monotonic() < deadline:
        waiting = [endpoint for endpoint in waiting if not _answers(namespace, endpoint)]
    if waiting:
        state = "is running" if process.poll() is None else f"ended with exit code {process.returncode}"
        text = log.read_text(errors="replace")[-2000:]
        raise ServerDidNotStart(f"nothing answers at {waiting[0]}; the server {state}; its log ends with:\n{text}")


def _answers(namespace: Namespace, endpoint: tuple[str, int]) -> bool:
    with namespace.entered():
        probe = socket.socket(socket.AF_INET6 if ":" in endpoint[0] else socket.AF_INET, socket.SOCK_DGRAM)
    with probe:
        probe.settimeout(0.2)
        try:
            probe.connect(endpoint)
            probe.send(Builder(Method.BINDING).build())
            return len(probe.recv(2048)) >= 20
        except OSError:
            time.sleep(0.1)
            return False
