"""Fixtures: the server of a module, clients that clean up behind themselves, peers."""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import private_network

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before anything looks at the addresses of this machine.
    private_network.enter_own()

from server_fixture import ALICE, HAS_IPV6, LISTENER, PEER, PEER_V6, Server, binary  # noqa: E402
from stun_message import Endpoint, Method  # noqa: E402
from transports import ALL, DATAGRAMS, STREAMS, listener_of, open_transport, parameters  # noqa: E402
from turn_client import (  # noqa: E402
    ConnectionEnded,
    Credentials,
    NoAnswer,
    Peer,
    TurnClient,
)


# How many shards the servers of the suite have: every test runs with each of these numbers.
SHARDS = tuple(int(number) for number in os.environ.get("SENSO_TURN_TEST_SHARDS", "1,2").split(","))

# What waits longest begins first, so that nothing waits for it at the end.
LONGEST_FIRST = (
    "test_datapath_contract_time",
    "test_bad_input_repetition",
    "test_timeouts",
    "test_expiry",
    "test_stream_quality",
    "test_fleet_site",
    "test_datapath_contract",
    "test_datapath_contract_octets",
    "test_tcp_relay",
    "test_fleet_nodes",
    "test_fleet_usage",
    "test_floods",
    "test_nat_discovery",
)


# Where threads meet: clients and peers of several shards, what goes from one to another, the control thread's reloads,
# metrics and limits, the fleet. SENSO_TURN_TEST_SCOPE=threads runs only these: under ThreadSanitizer the rest, which is
# about what one message does, takes most of the time and can find nothing.
THREADS_MEET = (
    "test_allocation",
    "test_certificates",
    "test_channel",
    "test_check_page",
    "test_commands",
    "test_credential_service",
    "test_credential_tokens",
    "test_datapath_contract",
    "test_datagram_runs",
    "test_dtls",
    "test_edge",
    "test_fleet",
    "test_floods",
    "test_kernel",
    "test_limits",
    "test_load",
    "test_metrics",
    "test_mobility",
    "test_peer_reload",
    "test_reload",
    "test_sessions",
    "test_shards",
    "test_stream_quality",
    "test_tcp_relay",
    "test_token_keys",
    "test_upgrade",
    "test_websocket",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """The tests of one module with one number of shards share their servers, and so one worker."""
    if os.environ.get("SENSO_TURN_TEST_SCOPE") == "threads":
        left_out = [item for item in items if not item.module.__name__.startswith(THREADS_MEET)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.module.__name__.startswith(THREADS_MEET)]
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.module.__name__, len(order)))
    for item in items:
        group = getattr(item.module, "group_of", lambda _: "")(item)
        item.add_marker(pytest.mark.xdist_group(f"{item.module.__name__}-{shards_of(item)}{group}"))
    if not binary().exists():
        reason = f"there is no server at {binary()}: build it, or set SENSO_TURN"
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def shards_of(item) -> int:
    return item.callspec.params.get("shards", 0) if hasattr(item, "callspec") else 0


def pytest_generate_tests(metafunc):
    """A test that wants a `transport` runs over each of its module's TRANSPORTS, or over all; one that wants a
    `stream_transport` or a `datagram_transport`, over each of that kind. A test that wants servers runs with each
    number of shards in SHARDS, unless its module has SHARDS of its own."""
    given = ",".join(str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "shards" in metafunc.fixturenames and "shards" not in given:
        numbers = getattr(metafunc.module, "SHARDS", SHARDS)
        metafunc.parametrize("shards", numbers, ids=lambda number: f"shards{number}", scope="module")
    named = {
        "transport": getattr(metafunc.module, "TRANSPORTS", ALL),
        "stream_transport": STREAMS,
        "datagram_transport": DATAGRAMS,
    }
    for name, transports in named.items():
        if name in metafunc.fixturenames and name not in given.replace(" ", "").split(","):
            metafunc.parametrize(name, parameters(transports))


@pytest.fixture(scope="module")
def launch(tmp_path_factory, shards):
    """Starts servers, one for each different set of settings; all end with the module."""
    servers: dict[str, Server] = {}

    def start(*, arguments: list[str] | None = None, **settings) -> Server:
        key = repr((settings, arguments))
        if key not in servers:
            given = {"shards": shards, **settings}
            servers[key] = Server(tmp_path_factory.mktemp("server"), given, arguments=arguments)
            servers[key].start()
        return servers[key]

    yield start

    def failure_of(server: Server) -> str | None:
        try:
            server.stop()
        except AssertionError as failure:
            return str(failure)
        return None

    # All at once: each may take its time to drain.
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(len(servers), 1)) as pool:
        failures = [failure for failure in pool.map(failure_of, servers.values()) if failure is not None]
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def server(request, launch) -> Server:
    """The server of the module, configured by the module's SETTINGS."""
    return launch(**getattr(request.module, "SETTINGS", {}))


@pytest.fixture
def connect(server) -> Callable[..., TurnClient]:
    """Makes clients of any server; when the test is over their allocations are deleted."""
    clients: list[tuple[TurnClient, Server]] = []

    def make(
        transport: str = "udp",
        credentials: Credentials | None = ALICE,
        *,
        at: Server = server,
        address: str = LISTENER,
        local: Endpoint | None = None,
        kind: type[TurnClient] = TurnClient,
        **options,
    ) -> TurnClient:
        to = at.endpoint(listener_of(transport), address)
        client = kind(open_transport(transport, to, local, **options), credentials)
        clients.append((client, at))
        return client

    yield make
    for client, at in clients:
        if client.relayed is not None and at.is_running and client.credentials is not None:
            try:
                client.request(Method.REFRESH, lambda m: m.add_u32(0x000D, 0))
            except (NoAnswer, AssertionError, ConnectionEnded, OSError):
                pass  # the test was about that
        client.close()


@pytest.fixture
def client(connect, transport) -> TurnClient:
    return connect(transport)


@pytest.fixture
def allocated(client) -> TurnClient:
    client.allocate()
    return client


@pytest.fixture
def make_peer() -> Callable[..., Peer]:
    peers: list[Peer] = []

    def make(address: str = PEER, port: int = 0) -> Peer:
        peers.append(Peer(address, port))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def peer(make_peer) -> Peer:
    return make_peer()


@pytest.fixture
def peer_v6(make_peer) -> Peer:
    if not HAS_IPV6:
        pytest.skip(f"{PEER_V6} is not an address here: use tests/integration/run")
    return make_peer(PEER_V6)


@pytest.fixture
def channels():
    """Channel numbers that a test has not used yet."""
    return itertools.count(0x4000)
