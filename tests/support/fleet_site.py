"""A fleet as it stands in a data centre: relays, credential services, Redis, an issuer and clients, each on a host of
its own, joined by one switch."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from certificates import test_authority
from credential_api import API_KEY, TENANT, Answer, Api
from fleet_fixture import Call, is_registry_up, nodes_of
from network_namespaces import Host, HostedServer
from redis_server import RedisServer
from server_fixture import merged
from token_issuer import ADMIN_SCOPE, TokenIssuer
from turn_client import Credentials
from waiting import eventually

HUB, CLIENTS = "10.99.0.1", "10.99.0.31"  # the hub has Redis and the issuer
RELAYS = {"eu01.turn.example.test": "10.99.0.11", "eu02.turn.example.test": "10.99.0.12",
          "eu03.turn.example.test": "10.99.0.13"}  # fmt: skip
SERVICES = ("10.99.0.21", "10.99.0.22")
REDIS_PORT, TURN_PORT, API_PORT = 6379, 49152, 8080
ORGANISATION = "acme"
PAUSE_SECONDS = 0.05  # between two requests of a minter
SILENCE_SECONDS = 40.0  # to wait for what takes 10 seconds


@dataclass(frozen=True)
class Mint:
    """What a service answered; `status` 0: nothing."""

    at: float  # monotonic
    service: str
    status: int
    names: frozenset[str]


def names_in(answer: Answer) -> frozenset[str]:
    """Of the servers, in either form of the answer."""
    return frozenset(re.findall(r'"(?:stun|turn|turns):([^:?"]+)', answer.body.decode()))


def credentials_in(answer: Answer) -> Credentials:
    assert answer.status == 201, answer.body
    turn = answer.json["iceServers"][-1]
    return Credentials(turn["username"], turn["credential"])


class Minter:
    """Asks a service all the time, by token and in the form of the TURN REST draft, until it is stopped."""

    def __init__(self, host: Host, address: str, token: str):
        self.host, self.api, self.token = host, Api(address, API_PORT), token
        self.mints: list[Mint] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._mint)
        self._thread.start()

    def _mint(self) -> None:
        with self.host.inside():
            while not self._ending.is_set():
                try:
                    answer = self.api.rest() if len(self.mints) % 2 else self.api.mint(self.token)
                    status, names = answer.status, names_in(answer)
                except OSError:
                    status, names = 0, frozenset()
                self.mints.append(Mint(time.monotonic(), self.api.host, status, names))
                self._ending.wait(PAUSE_SECONDS)

    @property
    def last_names(self) -> frozenset[str]:
        """In the last answers of both forms."""
        return frozenset().union(*(mint.names for mint in self.mints[-2:]))

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()


class FleetSite:
    def __init__(self, directory: Path):
        self.directory = directory
        self.hosts: list[Host] = []
        self.redis: RedisServer | None = None
        self.issuer: TokenIssuer | None = None
        self.relays: dict[str, HostedServer] = {}
        self.services: list[HostedServer] = []
        self.calls: list[Call] = []
        self.minters: list[Minter] = []

    def start(self) -> FleetSite:
        self.hub = self._host()
        self.hub.ip("link add lan type bridge")
        self.hub.ip("link set lan up")
        self.hub.ip(f"address add {HUB}/24 dev lan")
        self.clients = self._connected(CLIENTS)
        bind = ["--port", str(REDIS_PORT), "--bind", HUB, "--protected-mode", "no"]
        self.redis = RedisServer(self.directory / "redis", arguments=bind)
        self.start_redis()
        with self.hub.inside():
            self.issuer = TokenIssuer(test_authority().issue("issuer-of-the-fleet", HUB), host=HUB)
        for name, address in RELAYS.items():
            settings = {
                "node": name,
                "listeners": [{"transport": "udp", "address": address, "port": TURN_PORT}],
                "relay": {"addresses": [address], "datapath": "userspace"},
                "peers": {"allow": [f"{CLIENTS}/32"]},
                "drain": {"deadline": "600s"},
            }
            self.relays[name] = self._server(address, settings)
        for address in SERVICES:
            credentials = {
                "listener": {"address": address, "port": API_PORT},
                "issuers": [self.issuer.setting(tenant_claim="org")],
                "ca_file": str(test_authority().certificate),
                "api_keys": [{"key": API_KEY, "tenant": TENANT}],
                "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
            }
            self.services.append(self._server(address, {"roles": ["credentials"], "credentials": credentials}))
        assert eventually(lambda: all(nodes_of(each) == len(RELAYS) for each in self.services), SILENCE_SECONDS)
        return self

    def _host(self) -> Host:
        self.hosts.append(Host())
        return self.hosts[-1]

    def _connected(self, address: str) -> Host:
        host, port = self._host(), f"port{len(self.hosts)}"
        host.connect("eth0", self.hub, port)
        self.hub.ip(f"link set {port} master lan")
        host.ip(f"address add {address}/24 dev eth0")
        return host

    def _server(self, address: str, settings: dict) -> HostedServer:
        directory = self.directory / address
        base = {
            "region": "eu",
            "fleet": {"registry": f"redis://{HUB}:{REDIS_PORT}/0"},
            "state": {"directory": str(directory / "state")},
        }
        return HostedServer(self._connected(address), directory, merged(base, settings)).start()

    def start_redis(self) -> float:
        """When it was there, monotonic."""
        with self.hub.inside():
            self.redis.start()
        return time.monotonic()

    def mint(self, service: int, subject: str) -> Credentials:
        return credentials_in(self._ask(service, lambda api: api.mint(self._token(subject))))

    def revoke(self, service: int, subject: str) -> Answer:
        token = self._token("an administrator", scope=ADMIN_SCOPE)
        headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        body = json.dumps({"subject": subject})
        return self._ask(service, lambda api: api.ask("POST", "/v1/revocations", body, **headers))

    def _token(self, subject: str, **claims) -> str:
        return self.issuer.token(sub=subject, org=ORGANISATION, **claims)

    def _ask(self, service: int, question) -> Answer:
        with self.clients.inside():
            return question(Api(SERVICES[service], API_PORT))

    def call(self, relay: str, credentials: Credentials) -> Call:
        with self.clients.inside():
            self.calls.append(Call((RELAYS[relay], TURN_PORT), credentials, peer_address=CLIENTS))
        return self.calls[-1]

    def start_minting(self) -> list[Minter]:
        self.minters = [Minter(self.clients, address, self._token("minter")) for address in SERVICES]
        return self.minters

    def know_no_redis(self) -> bool:
        running = [each for each in (*self.relays.values(), *self.services) if each.is_running]
        return eventually(lambda: not any(is_registry_up(each) for each in running))

    def close(self) -> None:
        """Ends everything; a server that did not end as it should is the failure of the test."""
        for minter in self.minters:
            minter.stop()
        for call in self.calls:
            call.hang_up()
        failures = []
        for server in (*self.relays.values(), *self.services):
            try:
                server.terminate()  # one that drains may end by itself meanwhile
                code = server.wait()
                if code not in (0, -9):
                    failures.append(f"{server.directory.name} ended with {code}:\n{server.log()[-2000:]}")
            except Exception as failure:  # noqa: BLE001: the others end, too
                failures.append(f"{server.directory.name}: {failure!r}")
                server.kill()
        if self.issuer is not None:
            self.issuer.close()
        if self.redis is not None:
            self.redis.stop()
        for host in self.hosts:
            host.close()
        assert not failures, "\n".join(failures)
