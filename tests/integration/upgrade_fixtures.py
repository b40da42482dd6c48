"""What the tests of upgrades share: a server that can be upgraded, and what is to be the same before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from server_fixture import ALICE
from transports import listener_of, open_transport
from turn_client import Peer, TurnClient
from upgrading import UpgradableServer

CHANNEL = 0x4000

# What must be the same before and after, summed over their labels.
EQUAL = (
    "senso_turn_allocations",
    "senso_turn_allocations_created_total",
    "senso_turn_allocations_closed_total",
    "senso_turn_permissions",
    "senso_turn_channels",
    "senso_turn_requests_total",
    "senso_turn_relay_ports_in_use",
    "senso_turn_relayed_packets_total",
    "senso_turn_relayed_bytes_total",
    "senso_turn_auth_failures_total",
)


@pytest.fixture
def start(tmp_path, shards) -> Iterator[Callable[..., UpgradableServer]]:
    servers: list[UpgradableServer] = []

    def launch(**settings) -> UpgradableServer:
        given = {"shards": shards, "drain": {"deadline": "15s"}, **settings}
        servers.append(UpgradableServer(tmp_path / f"server{len(servers)}", given))
        return servers[-1].start()

    yield launch
    for server in servers:
        server.stop()


@pytest.fixture
def server(start) -> UpgradableServer:
    return start()


@pytest.fixture
def connect() -> Iterator[Callable[..., TurnClient]]:
    clients: list[TurnClient] = []

    def make(server: UpgradableServer, transport: str = "udp") -> TurnClient:
        clients.append(TurnClient(open_transport(transport, server.endpoint(listener_of(transport))), ALICE))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def call(client: TurnClient, peer: Peer) -> TurnClient:
    client.allocate()
    client.create_permission(peer.endpoint)
    client.channel_bind(CHANNEL, peer.endpoint)
    assert_passes(client, peer)
    return client


def assert_passes(client: TurnClient, peer: Peer) -> None:
    client.send_channel(CHANNEL, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back"


def counts(server: UpgradableServer) -> dict[str, float]:
    return {name: server.metric(name) for name in EQUAL}
