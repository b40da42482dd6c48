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
from dataclasses import dataclass
from pathlib import Path

from certificates import HOST, Certificate
from namespaces import Namespace
from outcome import Report

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from stun_message import Builder, Method  # noqa: E402

REALM = "turn.example.test"
USER, PASSWORD = "alice", "correct horse"
# Access tokens of coturn's clients (-J): the keys that are built into them, by kid. coturn takes as many octets of each
# as the algorithm wants.
TOKEN_NAME = "turn.example.test"
TOKEN_KEYS = [
    {"kid": kid, "algorithm": algorithm, "key": base64.b64encode(key).decode()}
    for kid, algorithm, key in (("north", "A256GCM", b"01234567890123456789012345678901"),
                                ("union", "A128GCM", b"1234567890123456"),
                                ("oldempire", "A256GCM", b"12345678901234567890123456789012"))
]
SHARED_SECRET = "a secret for tests only"
START_SECONDS = 30


@dataclass(frozen=True)
class Listener:
    """`trusted` are the prefixes of proxies that must send a PROXY header."""

    transport: str
    port: int
    trusted: tuple[str, ...] = ()

    def as_configured(self, address: str) -> dict:
        entry = {"transport": self.transport, "address": address, "port": self.port}
        return {**entry, "proxy_protocol": {"trusted": list(self.trusted)}} if self.trusted else entry


class ServerDidNotStart(Exception):
    pass


def timed_credential(name: str, expiry: float) -> tuple[str, str]:
    """User name and password in the form of the TURN REST draft."""
    username = f"{int(expiry)}:{name}"
    digest = hmac.new(SHARED_SECRET.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def start(program: Path | None, namespace: Namespace, directory: Path, *, addresses: list[str], listeners: list[Listener],
          certificates: list[Certificate] | None = None, relay_addresses: list[str] | None = None,
          peers_allow: list[str] | None = None, channel_numbers: str = "rfc8656", with_user: bool = False,
          nat_discovery: dict | None = None, mobility: bool = False, credentials: dict | None = None,
          check_page: bool = False) -> None:
    """senso-turn, or without a program coturn, which has users or a secret, not both: `with_user` decides.
    `nat_discovery`, `credentials`, the settings of the credential service, and `check_page` are for senso-turn
    alone."""
    relays = relay_addresses or addresses
    if program is None:
        command = _coturn(directory, addresses, listeners, certificates or [], relays, with_user)
        command += ["--mobility"] if mobility else []
    else:
        command = _senso_turn(program, directory, addresses, listeners, certificates or [], relays, peers_allow or [],
                              channel_numbers, nat_discovery, mobility, credentials, check_page)
    _start(namespace, directory, addresses, listeners, command)


def started(report: Report, family: str, *arguments, **options) -> bool:
    """`start`, with a server that does not start as a failure of the family."""
    try:
        start(*arguments, **options)
    except ServerDidNotStart as problem:
        report(f"{family}: the server starts", ("FAIL", str(problem)))
        return False
    return True


def _senso_turn(program: Path, directory: Path, addresses: list[str], listeners: list[Listener],
                certificates: list[Certificate], relay_addresses: list[str], peers_allow: list[str],
                channel_numbers: str, nat_discovery: dict | None, mobility: bool, credentials: dict | None,
                check_page: bool) -> list[str]:
    configuration = {
        "roles": ["relay"],
        "realm": REALM,
        "shards": 2,
        "listeners": [listener.as_configured(address) for address in addresses for listener in listeners],
        "relay": {"addresses": relay_addresses},
        "auth": {"users": [{"username": USER, "password": PASSWORD}],
                 "shared_secrets": [{"id": "k1", "secret": SHARED_SECRET}],
                 "access_tokens": {"server_name": TOKEN_NAME, "keys": TOKEN_KEYS}},
        "protocol": {"channel_numbers": channel_numbers, "mobility": mobility, "tcp_relay": True},
        "metrics": {"address": "127.0.0.1", "port": 9641},
        "drain": {"deadline": "1s"},  # clients that left without a word are not to be waited for
        "admin": {"socket": str(directory / "admin.sock")},
    }
    if credentials:
        configuration |= {"roles": ["relay", "credentials"], "node": HOST, "credentials": credentials}
    if check_page:
        configuration["check_page"] = {"enabled": True}
    if nat_discovery:
        configuration["protocol"]["nat_discovery"] = nat_discovery
    if certificates:
        configuration["tls"] = {"certificates": [
            {"certificate": str(each.certificate), "private_key": str(each.private_key)} for each in certificates]}
    if peers_allow:
        configuration["peers"] = {"allow": peers_allow}
    file = directory / "senso-turn.yaml"
    file.write_text(json.dumps(configuration, indent=2))  # JSON is YAML
    return [str(program), "serve", "--config", str(file)]


def _coturn(directory: Path, addresses: list[str], listeners: list[Listener], certificates: list[Certificate],
            relay_addresses: list[str], with_user: bool) -> list[str]:
    """coturn has two plain ports and two for TLS and DTLS at most, each for streams and datagrams."""
    plain = list(dict.fromkeys(each.port for each in listeners if each.transport in ("udp", "tcp") and not each.trusted))
    secure = list(dict.fromkeys(each.port for each in listeners if each.transport in ("tls", "dtls", "edge")))
    proxied = [each.port for each in listeners if each.transport == "tcp" and each.trusted]
    words = ["turnserver", "-n", "--no-cli", "--log-file", "stdout", "--allow-loopback-peers", "-r", REALM,
             "--userdb", str(directory / "none.db"), "--pidfile", str(directory / "pid"), "-p", str(plain[0])]
    words += ["--lt-cred-mech", "-u", f"{USER}:{PASSWORD}"] if with_user else \
        ["--use-auth-secret", f"--static-auth-secret={SHARED_SECRET}"]
    words += [word for address in addresses for word in ("-L", address)]
    words += [word for address in relay_addresses for word in ("-E", address)]
    words += ["--alt-listening-port", str(plain[1])] if len(plain) > 1 else []
    words += ["--tcp-proxy-port", str(proxied[0])] if proxied else []
    if not certificates or not secure:
        return [*words, "--no-tls", "--no-dtls"]
    words += ["--cert", str(certificates[0].certificate), "--pkey", str(certificates[0].private_key), "--no-tlsv1",
              "--no-tlsv1_1", "--tls-listening-port", str(secure[0])]
    return words + (["--alt-tls-listening-port", str(secure[1])] if len(secure) > 1 else [])


def _start(namespace: Namespace, directory: Path, addresses: list[str], listeners: list[Listener],
           command: list[str]) -> None:
    log = directory / "server.log"
    process = namespace.start(log, *command, env={**os.environ, "STATE_DIRECTORY": str(directory)})
    waiting = [(address, listener) for address in addresses for listener in listeners if listener.transport != "dtls"]
    deadline = time.monotonic() + START_SECONDS
    while waiting and process.poll() is None and time.monotonic() < deadline:
        waiting = [(address, listener) for address, listener in waiting if not _answers(namespace, address, listener)]
    if waiting or process.poll() is not None:
        state = "is running" if process.poll() is None else f"ended with exit code {process.returncode}"
        text = log.read_text(errors="replace")[-2000:]
        raise ServerDidNotStart(f"nothing answers at {waiting[:1]}; the server {state}; its log ends with:\n{text}")


def _answers(namespace: Namespace, address: str, listener: Listener) -> bool:
    """A datagram is answered, a stream accepted."""
    is_udp = listener.transport == "udp"
    with namespace.entered():
        probe = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                              socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM)
    with probe:
        probe.settimeout(0.2)
        try:
            probe.connect((address, listener.port))
            if not is_udp:
                return True
            probe.send(Builder(Method.BINDING).build())
            return len(probe.recv(2048)) >= 20
        except OSError:
            time.sleep(0.1)
            return False
