"""What a reload does to TCP relaying (RFC 6062), black-box."""

from __future__ import annotations

import os
import threading

import pytest

from reloading import client_of, close_clients, reload
from server_fixture import OTHER_PEER, PEER, Server
from stun_message import TCP
from tcp_relay import TcpPeer, allocate, bind, is_closed, receive_exactly, try_connect
from tcp_relay import connect as connect_to
from turn_client import NoAnswer

TRANSPORTS = ("tcp", "tls")
ON = {"protocol": {"tcp_relay": True}}


@pytest.fixture(autouse=True)
def closed_clients():
    yield
    close_clients()


@pytest.fixture
def start(tmp_path):
    servers: list[Server] = []

    def launch(**settings) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}", settings))
        return servers[-1].start()

    yield launch
    for server in servers:
        server.stop()


@pytest.fixture
def make_tcp_peer():
    peers: list[TcpPeer] = []

    def make(address: str = PEER) -> TcpPeer:
        peers.append(TcpPeer(address))
        return peers[-1]

    yield make
    for each in peers:
        each.close()


def join(server: Server, transport: str, control, peer: TcpPeer):
    """A data connection to the peer, and the peer's end of it."""
    identifier = connect_to(control, peer.endpoint)
    connection, _ = peer.accept()
    return bind(client_of(server, transport), identifier), connection


def assert_passes(joined, connection) -> None:
    joined.send(b"there")
    assert receive_exactly(connection, 5) == b"there"
    connection.sendall(b"back")
    assert joined.receive(4) == b"back"


@pytest.mark.parametrize("shards", [1, 2])
def test_RELOAD_A17_a_denied_peer_loses_its_tcp_connection(start, make_tcp_peer, transport, shards):
    server = start(**ON, shards=shards)
    control = client_of(server, transport)
    allocate(control)
    denied, other = make_tcp_peer(), make_tcp_peer(OTHER_PEER)
    joined, connection = join(server, transport, control, denied)
    others_joined, others_connection = join(server, transport, control, other)
    assert_passes(joined, connection)
    reload(server, peers={"deny": [f"{PEER}/32"]})
    assert is_closed(connection)
    assert joined.read_to_end() == b""
    assert try_connect(control, denied.endpoint).error == 403
    assert control.try_create_permission(denied.endpoint).error == 403
    assert_passes(others_joined, others_connection)
    reload(server, peers={"deny": []})
    # From another port: the system remembers the old pair of addresses for a while.
    assert_passes(*join(server, transport, control, make_tcp_peer()))
    control.refresh(0)


# RELOADS protocol.tcp_relay
def test_RELOAD_tcp_relay(start, make_tcp_peer, transport):
    server = start()
    assert client_of(server, transport).try_allocate(protocol=TCP).error == 442
    reload(server, **ON)
    control, peer = client_of(server, transport), make_tcp_peer()
    allocate(control)
    joined, connection = join(server, transport, control, peer)
    assert_passes(joined, connection)
    reload(server, protocol={"tcp_relay": False})
    assert client_of(server, transport).try_allocate(protocol=TCP).error == 442
    assert_passes(joined, connection)
    with pytest.raises(NoAnswer):
        control.transact(control.signed(0x000A, lambda m: m.add_peer(peer.endpoint)).build(), 0.5)
    assert control.refresh(0).is_success


# RELOADS limits.connections_per_allocation
def test_RELOAD_connections_per_allocation(start, make_tcp_peer, transport):
    server = start(**ON)
    control, peers = client_of(server, transport), [make_tcp_peer() for _ in range(3)]
    allocate(control)
    pairs = [join(server, transport, control, peer) for peer in peers[:2]]
    reload(server, limits={"connections_per_allocation": 1})
    assert try_connect(control, peers[2].endpoint).error == 508
    for pair in pairs:
        assert_passes(*pair)
    reload(server, limits={"connections_per_allocation": 3})
    assert_passes(*join(server, transport, control, peers[2]))
    control.refresh(0)


def test_RELOAD_a_lower_bandwidth_delays_what_is_on_its_way_and_loses_nothing(start, make_tcp_peer, transport):
    server = start(**ON, limits={"bandwidth_per_allocation": "400kbit"})
    control, peer = client_of(server, transport), make_tcp_peer()
    allocate(control)
    joined, connection = join(server, transport, control, peer)
    payload = os.urandom(400_000)
    connection.settimeout(60.0)
    sender = threading.Thread(target=lambda: (connection.sendall(payload), connection.close()))
    sender.start()
    assert joined.receive(40_000, 30.0) == payload[:40_000]
    # Less in a second than is read at once.
    reload(server, limits={"bandwidth_per_allocation": "80kbit"})
    assert joined.receive(20_000, 30.0) == payload[40_000:60_000]
    reload(server, limits={"bandwidth_per_allocation": 0})
    assert joined.read_to_end(30.0) == payload[60_000:]
    sender.join()
    control.refresh(0)
