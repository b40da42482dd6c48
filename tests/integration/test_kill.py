"""kill -9 in the middle of everything, and a start: the server serves again, and clients allocate again and go on."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from server_fixture import ALICE, Server, run_command
from stun_message import Method
from transports import listener_of, open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

CHANNEL = 0x4000
KILLS = 3


@pytest.fixture
def own_server(tmp_path, shards) -> Iterator[Server]:
    made = Server(tmp_path, {"shards": shards}).start()
    yield made
    made.stop()


def assert_goes_both_ways(client: TurnClient, peer: Peer) -> None:
    client.send_channel(CHANNEL, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back"


def kill_in_the_middle(server: Server, client: TurnClient, peer: Peer) -> None:
    """Of data and requests whose answers nobody waits for, at a random moment."""
    for _ in range(random.randrange(1, 300)):
        client.send_channel(CHANNEL, bytes(100))
        peer.send(bytes(100), client.relayed)
        client.send_raw(client.signed(Method.REFRESH).build())
    server.kill()


@pytest.mark.parametrize("kill", range(KILLS))
def test_after_a_kill_clients_allocate_again_and_go_on(own_server, transport, make_peer, kill):
    server, before, after = own_server, make_peer(), make_peer()
    listener = server.endpoint(listener_of(transport))
    client = TurnClient(open_transport(transport, listener), ALICE)
    client.allocate()
    client.channel_bind(CHANNEL, before.endpoint)
    assert_goes_both_ways(client, before)
    kill_in_the_middle(server, client, before)
    server.start()
    if transport == "udp":
        # Whoever has noticed nothing finds out by the next refresh.
        client.drain()
        assert client.try_refresh().error == 437
    else:
        # The system has ended the connection. An association of DTLS begins again at the same port.
        assert not client.is_stream or client.transport.is_closed_within(10)
        local = client.local if transport == "dtls" else None
        client.close()
        client = TurnClient(open_transport(transport, listener, local), ALICE)
    client.allocate()
    client.channel_bind(CHANNEL, after.endpoint)
    assert_goes_both_ways(client, after)
    client.refresh(0)
    client.close()
    # Nothing is left of the one that was killed, not even the socket for administration.
    assert eventually(lambda: server.metric("senso_turn_allocations") == 0)
    assert eventually(lambda: server.metric("senso_turn_relay_ports_in_use") == 0)
    assert "serving" in run_command("status", "--socket", server.settings["admin"]["socket"]).stdout
