"""Every metric of the catalog moves: each step makes something happen to a running node, and the metrics that it names
have to change. A metric that no step names, and no other test is listed for, fails the last test."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certificates import SERVER_NAME, CertificatePair, test_authority
from credential_api import own_front
from exposition import Family, families_of
from fleet_fixture import revoke
from live_site import CHANNEL, Site
from redis_server import needs_redis
from reloading import admin_socket, ask_admin, change, reload
from rule_files import ROOT
from server_fixture import BOB, LISTENER, PEER, Server, binary
from stun_message import Method
from token_issuer import ADMIN_SCOPE, SigningKey
from transports import HAS_DTLS
from turn_client import Credentials, Peer, TurnClient, UdpTransport
from waiting import eventually

pytestmark = needs_redis

PATIENCE_SECONDS = 20.0
ALLOCATIONS_PER_USER = 3
CONNECTIONS_PER_SOURCE = 4
CONNECTED = ("tcp", "tls", "wss", *(("dtls",) if HAS_DTLS else ()))
CROWD = "127.0.0.9"  # where too many connections come from

# What would take too long here, or needs what a loopback interface has not: a test that has the metric move.
ELSEWHERE = {
    "senso_turn_build_info": "tests/server/metrics/collector_test.cc",
    "senso_turn_fleet_usage_records_dropped_total": "tests/server/metrics/collector_test.cc",
    "senso_turn_kernel_datapath_info": "tests/integration/test_kernel_datapath.py",
    "senso_turn_kernel_pass_total": "tests/integration/test_kernel_datapath.py",
    "senso_turn_token_issuers_stale": "tests/server/control/metrics_routes_test.cc",
}

Step = Callable[["Node"], contextlib.AbstractContextManager[None]]
STEPS: dict[Step, tuple[str, ...]] = {}


def step(*metrics: str) -> Callable[[Callable[["Node"], Iterator[None]]], Step]:
    """What follows makes these metrics change by the time of its `yield`, or soon after it. Names without the prefix;
    with `{label=value}` it is those series that have to change."""

    def keep(function: Callable[["Node"], Iterator[None]]) -> Step:
        made = contextlib.contextmanager(function)
        STEPS[made] = tuple(name if name.startswith("process_") else f"senso_turn_{name}" for name in metrics)
        return made

    return keep


def samples_of(metric: str, families: dict[str, Family]) -> dict[str, float]:
    name, _, labels = metric.partition("{")
    label, _, value = labels.rstrip("}").partition("=")
    wanted = f'{label}="{value}"' if label else ""
    samples = {series: number for series, number in families[name].samples.items() if wanted in series}
    assert samples or not wanted, f"there is no series {metric}"
    return samples


class Node(Site):
    def __init__(self, directory: Path):
        self.directory = directory
        self.certificate = CertificatePair(directory / "tls.crt", directory / "tls.key")
        self.put_certificate(days=5)
        limits = {"allocations_per_user": ALLOCATIONS_PER_USER, "connections_per_source": CONNECTIONS_PER_SOURCE}
        super().__init__(directory, limits=limits, tls={"certificates": [self.certificate.setting]})

    def put_certificate(self, days: int) -> None:
        issued = test_authority().issue(f"moving-{days}", SERVER_NAME, LISTENER, days=days)
        shutil.copy(issued.private_key, self.certificate.private_key)
        shutil.copy(issued.certificate, self.certificate.certificate)

    def families(self) -> dict[str, Family]:
        return families_of(self.server.get("/metrics")[1])

    def another(self, name: str, **settings) -> Server:
        return Server(self.directory / name, settings).start()


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[Node]:
    if not binary().exists():
        pytest.skip(f"there is no server at {binary()}: build it, or set SENSO_TURN")
    made = Node(tmp_path_factory.mktemp("node"))
    yield made
    made.close()


# -- the steps --------------------------------------------------------------------------------------------------------


@step("allocations", "allocations_created_total", "requests_total", "relayed_packets_total", "relayed_bytes_total",
      "permissions", "channels", "relay_ports_in_use", "process_open_fds")  # fmt: skip
def a_call(node: Node) -> Iterator[None]:
    client, peer = node.connect(), Peer(PEER)
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    client.send_channel(CHANNEL, b"hello")
    assert peer.receive() == b"hello"
    yield
    client.refresh(0)
    client.close()
    peer.close()


@step("allocations_closed_total", "allocation_duration_seconds", "process_cpu_seconds_total")
def calls_that_end(node: Node) -> Iterator[None]:
    for _ in range(20):
        node.call()
    yield


@step("connections", "connections_accepted_total", "tls_handshakes_total")
def a_connection_over_tls(node: Node) -> Iterator[None]:
    client = node.connect("tls")
    assert client.binding().is_success
    yield
    client.close()


@step("relayed_packets_total{path=stream}", *(f"connections_accepted_total{{transport={name}}}" for name in CONNECTED))
def calls_over_connections(node: Node) -> Iterator[None]:
    for transport in CONNECTED:
        node.call(transport)
    yield


@step("connections_refused_total{reason=source_limit}")
def a_crowd_at_one_address(node: Node) -> Iterator[None]:
    with contextlib.ExitStack() as opened:
        for _ in range(CONNECTIONS_PER_SOURCE + 1):
            opened.enter_context(socket.create_connection(node.server.tcp, 10, (CROWD, 0)))
        yield


@step("auth_failures_total{reason=unknown_user}", "auth_failures_total{reason=stale_nonce}")
def somebody_unknown_and_a_nonce_of_another_server(node: Node) -> Iterator[None]:
    client = TurnClient(UdpTransport(node.server.udp), Credentials("nobody", "x"))
    assert client.try_allocate().error == 401
    client.close()
    client = node.connect()
    client.challenge()
    client.nonce = client.nonce[::-1]
    assert client.request(Method.ALLOCATE, lambda m: m.add_u32(0x0019, 17 << 24), retry=False).error == 438
    yield
    client.close()


@step("quota_rejections_total")
def one_allocation_too_many(node: Node) -> Iterator[None]:
    clients = [TurnClient(UdpTransport(node.server.udp), BOB) for _ in range(ALLOCATIONS_PER_USER + 1)]
    for client in clients[:-1]:
        client.allocate()
    assert clients[-1].try_allocate().error == 486
    yield
    for client in clients[:-1]:
        client.refresh(0)
    for client in clients:
        client.close()


@step("dropped_packets_total{reason=no_permission}", "dropped_packets_total{reason=unknown_attribute}")
def what_is_dropped(node: Node) -> Iterator[None]:
    client, peer = node.connect(), Peer(PEER)
    client.allocate()
    peer.send(b"uninvited", client.relayed)
    client.send_indication(peer.endpoint, b"x", lambda m: m.add(0x7F00))
    yield
    client.refresh(0)
    client.close()
    peer.close()


@step("socket_receive_drops_total")
def a_burst_while_the_server_is_held(node: Node) -> Iterator[None]:
    client, peer = node.connect(), Peer(PEER)
    client.allocate()
    before = node.server.metric("senso_turn_socket_receive_drops_total")
    os.kill(node.server.pid, signal.SIGSTOP)
    try:
        for _ in range(6000):  # a relay socket asks for a megabyte
            peer.send(bytes(1000), client.relayed)
    finally:
        os.kill(node.server.pid, signal.SIGCONT)

    def is_told() -> bool:
        """The system tells of losses with a datagram that it could take behind them."""
        peer.send(b"behind them", client.relayed)
        return node.server.metric("senso_turn_socket_receive_drops_total") > before

    assert eventually(is_told, PATIENCE_SECONDS)
    yield
    client.refresh(0)
    client.close()
    peer.close()


@step("config_reloads_total", "config_last_reload_successful")
def a_reload_that_is_refused(node: Node) -> Iterator[None]:
    realm = node.server.settings["realm"]
    change(node.server, realm=7)
    assert ask_admin(admin_socket(node.server), "reload").startswith("error")
    yield
    reload(node.server, realm=realm)


@step("kernel_datapath_wanted")
def a_reload_that_wants_no_kernel_path(node: Node) -> Iterator[None]:
    reload(node.server, relay={"datapath": "userspace"})
    yield
    reload(node.server, relay={"datapath": "auto"})


@step("certificate_not_after_timestamp_seconds")
def a_certificate_that_is_replaced(node: Node) -> Iterator[None]:
    node.put_certificate(days=9)
    yield


@step("credentials_issued_total{outcome=issued}", "credentials_issued_total{outcome=forbidden}",
      "bearer_failures_total", "http_request_duration_seconds")  # fmt: skip
def tokens_good_and_bad(node: Node) -> Iterator[None]:
    assert node.try_mint().status == 201
    assert own_front(node.server).mint("no token").status == 401
    assert own_front(node.server).mint(node.issuer.token(scope="")).status == 403
    yield


@step("jwks_refreshes_total", "token_keys_fetched_timestamp_seconds")
def an_issuer_that_changes_its_keys(node: Node) -> Iterator[None]:
    node.issuer.keys["k2"] = SigningKey("k2", "RS256")
    assert own_front(node.server).mint(node.issuer.token("k2")).status == 201
    yield


@step("fleet_nodes")
def a_second_node(node: Node) -> Iterator[None]:
    second = node.another("second", node="second.example.test", region="eu", fleet={"registry": node.redis.url},
                          state={"directory": str(node.directory / "second-state")})  # fmt: skip
    yield
    second.stop()


@step("fleet_revocations")
def a_revocation_in_the_feed(node: Node) -> Iterator[None]:
    revoke(node.redis, "tenant", "acme")
    yield


@step("fleet_revocations_ignored_total")
def garbage_in_the_feed(node: Node) -> Iterator[None]:
    node.redis.ask("XADD", "senso-turn:revocations", "*", "kind", "nothing", "value", "x")
    yield


@step("fleet_registry_up", "fleet_revocations_pending")
def a_registry_that_hangs(node: Node) -> Iterator[None]:
    def pending() -> float:
        return node.server.metric("senso_turn_fleet_revocations_pending")

    node.redis.hang()
    try:
        assert eventually(lambda: node.server.metric("senso_turn_fleet_registry_up") == 0, PATIENCE_SECONDS)
        token = node.issuer.token(scope=ADMIN_SCOPE)
        headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        answer = own_front(node.server).ask("POST", "/v1/revocations", json.dumps({"jti": "1-x"}), **headers)
        assert answer.status == 204, answer.body
        yield
    finally:
        node.redis.go_on()
    assert eventually(lambda: pending() == 0, PATIENCE_SECONDS)


@step("process_max_fds")
def another_limit_of_descriptors(node: Node) -> Iterator[None]:
    soft, hard = resource.prlimit(node.server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.server.pid, resource.RLIMIT_NOFILE, (soft - 1, hard))
    yield
    resource.prlimit(node.server.pid, resource.RLIMIT_NOFILE, (soft, hard))


# -- what is done with them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happening", STEPS, ids=lambda happening: happening.__name__)
def test_metrics_move_with(node, happening):
    metrics = STEPS[happening]
    before = node.families()
    def still() -> list[str]:
        now = node.families()
        return [metric for metric in metrics if samples_of(metric, now) == samples_of(metric, before)]

    with happening(node):
        assert eventually(lambda: not still(), PATIENCE_SECONDS), still()


def test_a_node_of_its_own_has_values_of_its_own(node, tmp_path):
    """What stays as it is while a process lives differs between two; and a drain ends one of them."""
    relay = {"ports": {"min": 50000, "max": 50099}}
    server = Server(tmp_path / "other", {"relay": relay, "drain": {"deadline": "1h"}}).start()
    try:
        here, there = node.families(), families_of(server.get("/metrics")[1])
        for name in ("senso_turn_relay_ports_limit", "process_start_time_seconds"):
            assert here[name].samples != there[name].samples, name
        for name, line in (("process_resident_memory_bytes", "VmRSS"), ("process_virtual_memory_bytes", "VmSize")):
            assert here[name].total == pytest.approx(1024 * status_of(node.server.pid, line), rel=0.3)
        client = TurnClient(UdpTransport(server.udp), BOB)
        client.allocate()
        assert ask_admin(admin_socket(server), "drain 3600").startswith("draining: 1 allocation ")
        drained = families_of(server.get("/metrics")[1])
        for name in ("senso_turn_draining", "senso_turn_ready"):
            assert drained[name].total == 1 - there[name].total
        client.refresh(0)
        client.close()
    finally:
        server.stop()


OF_TWO_NODES = {
    "senso_turn_relay_ports_limit",
    "senso_turn_draining",
    "senso_turn_ready",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
}


def test_no_metric_is_without_a_test_in_which_it_moves():
    documented = re.findall(r"^## `(\w+)`$", (ROOT / "docs" / "metrics.md").read_text(), re.M)
    catalog = {name for name in documented if not name.startswith("senso_turn_probe_")}  # of another program
    moving = {metric.partition("{")[0] for metrics in STEPS.values() for metric in metrics} | OF_TWO_NODES
    assert moving & set(ELSEWHERE) == set()
    assert catalog - moving - set(ELSEWHERE) == set(), "no test has these move"
    for metric, file in ELSEWHERE.items():
        assert metric in (ROOT / file).read_text(), f"{file} does not name {metric}"


def status_of(pid: int, line: str) -> int:
    fields = dict(entry.split(":", 1) for entry in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields[line].split()[0])
