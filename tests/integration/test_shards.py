"""What must not depend on the shard that a source port leads to. Like every test, these run with one shard as well."""

import pytest

from server_fixture import ALICE, BOB, LISTENER, POOL, RELAY
from stun_message import Attribute
from turn_client import TurnClient

# So many source ports hash to the same one of two shards once in 2^15 runs.
MANY = 16


def test_SHARD_whole_session(connect, transport, peer):
    client = connect(transport)
    assert client.binding().mapped == client.local
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"out")
    assert peer.receive_from() == (b"out", client.relayed)
    peer.send(b"in", client.relayed)
    assert client.receive_data().data == b"in"
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(100):
        client.send_channel(0x4000, bytes([number]))
        assert peer.receive() == bytes([number])
        peer.send(bytes([number]), client.relayed)
        assert client.receive_channel_data().payload == bytes([number])
    assert client.refresh().is_success
    assert client.refresh(0).lifetime == 0


def test_SHARD_many_clients_at_once(connect, transport, make_peer):
    sessions = []
    for number in range(MANY):
        client, peer = connect(transport), make_peer()
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
        sessions.append((client, peer))
    for number, (client, peer) in enumerate(sessions):
        client.send_channel(0x4000, bytes([number]))
        peer.send(bytes([number]), client.relayed)
    for number, (client, peer) in enumerate(sessions):
        assert peer.receive_from() == (bytes([number]), client.relayed)
        assert client.receive_channel_data().payload == bytes([number])


@pytest.mark.parametrize("giving", ["udp", "tcp"])
def test_SHARD_TURN_16_token_is_redeemed_from_any_port(connect, transport, peer, giving):
    giver = connect(giving)
    for _ in range(MANY):
        given = giver.allocate(even_port=0x80)
        token = given.find(Attribute.RESERVATION_TOKEN)
        taker = connect(transport)
        taken = taker.allocate(token=token)
        assert taken.relayed == (RELAY, given.relayed[1] + 1)
        taker.create_permission(peer.endpoint)
        peer.send(b"hello", taken.relayed)
        assert taker.receive_data().data == b"hello"
        taker.send_indication(peer.endpoint, b"back")
        assert peer.receive_from() == (b"back", taken.relayed)
        assert connect(transport).try_allocate(token=token).error == 508
        taker.refresh(0)
        giver.refresh(0)


def test_SHARD_TURN_25_quota_of_a_user_spans_the_shards(launch, connect):
    at = launch(limits={"allocations_per_user": MANY})
    clients = [connect("tcp" if number % 2 else "udp", at=at) for number in range(2 * MANY)]
    outcomes = [client.try_allocate().error for client in clients]
    assert outcomes.count(None) == MANY and outcomes.count(486) == MANY
    assert outcomes[:MANY] == [None] * MANY
    for client in clients[:MANY]:
        client.refresh(0)
    assert [client.try_allocate().error for client in clients[MANY:]] == [None] * MANY


def test_SHARD_TURN_27_shards_share_one_pool_of_ports(launch, connect, transport):
    at = launch(relay={"addresses": [POOL], "ports": {"min": 58000, "max": 58000 + MANY - 1}})
    clients = [connect(transport, at=at) for _ in range(MANY + 4)]
    ports = {client.allocate().relayed[1] for client in clients[:MANY]}
    assert len(ports) == MANY
    assert {client.try_allocate().error for client in clients[MANY:]} == {508}


def test_SHARD_AUTH_05_nonces_are_good_on_every_shard(connect):
    """A nonce belongs to an address and port, not to a shard: TCP and UDP from the same port may share one."""
    for _ in range(MANY):
        client = connect("udp")
        client.challenge()
        assert client.allocate().is_success
        assert client.stale_answers == 0


def test_SHARD_A8_allocations_of_different_shards_reach_each_other(connect):
    hub = connect("udp", ALICE)
    hub.allocate()
    others: list[TurnClient] = []
    for number in range(MANY):
        other = connect("tcp" if number % 2 else "udp", BOB, local=(LISTENER, 0))
        other.allocate()
        hub.channel_bind(0x4000 + number, other.relayed)
        other.channel_bind(0x4000, hub.relayed)
        others.append(other)
    for number, other in enumerate(others):
        hub.send_channel(0x4000 + number, bytes([number]))
        assert other.receive_channel_data().payload == bytes([number])
        other.send_channel(0x4000, b"back")
        found = hub.receive_channel_data()
        assert (found.channel, found.payload) == (0x4000 + number, b"back")
