"""Datagrams that wait together leave together; nobody can tell but by the load."""

from __future__ import annotations

import subprocess

import pytest

from server_fixture import LISTENER, LISTENER_V6, PEER, PEER_V6, needs_ipv6
from stun_message import IPV4, IPV6
from turn_client import ANSWER_SECONDS

CHANNEL = 0x4000

# Equal ones, a shorter one that ends them, longer ones, empty ones, and more than a message may hold.
SIZES = {
    "equal": [160] * 20,
    "shorter-last": [160] * 9 + [20],
    "mixed": [160, 160, 20, 160, 900, 900, 160, 1, 1, 900],
    "empty": [160, 0, 160, 160, 0, 0, 20],
    "many": [40] * 150,
}


def payload(number: int, size: int) -> bytes:
    return bytes((number * 31 + place * 7) % 251 for place in range(size))


def pair(connect, make_peer, listener: str, place: str, **options):
    client, peer = connect("udp", address=listener, **options), make_peer(place)
    client.allocate(family=IPV6 if ":" in place else IPV4)
    client.channel_bind(CHANNEL, peer.endpoint)
    return client, peer


@pytest.fixture(
    params=[
        (LISTENER, PEER),
        pytest.param((LISTENER, PEER_V6), marks=needs_ipv6),
        pytest.param((LISTENER_V6, PEER), marks=needs_ipv6),
        pytest.param((LISTENER_V6, PEER_V6), marks=needs_ipv6),
    ],
    ids=["4-to-4", "4-to-6", "6-to-4", "6-to-6"],
)
def ends(request, connect, make_peer):
    return pair(connect, make_peer, *request.param)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_CHAN_22_a_burst_reaches_the_peer_as_it_was_sent(server, ends, sizes):
    client, peer = ends
    sent = [payload(number, size) for number, size in enumerate(sizes)]
    with server.held():
        for octets in sent:
            client.send_channel(CHANNEL, octets)
    assert [peer.receive_from() for _ in sent] == [(octets, client.relayed) for octets in sent]
    peer.assert_silence()


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_DATA_11_a_burst_reaches_the_client_as_it_was_sent(server, ends, sizes):
    client, peer = ends
    sent = [payload(number, size) for number, size in enumerate(sizes)]
    with server.held():
        for octets in sent:
            peer.send(octets, client.relayed)
    assert [client.receive_channel_data().payload for _ in sent] == sent
    client.assert_silence()


def test_DATA_11_bursts_of_many_flows_keep_their_order_each(server, connect, make_peer):
    flows = [pair(connect, make_peer, LISTENER, PEER) for _ in range(6)]
    sent = [payload(number, 60 if number % 5 else 30) for number in range(25)]
    with server.held():
        for octets in sent:
            for client, peer in flows:
                client.send_channel(CHANNEL, octets)
                peer.send(octets, client.relayed)
    for client, peer in flows:
        assert [peer.receive_from() for _ in sent] == [(octets, client.relayed) for octets in sent]
        assert [client.receive_channel_data().payload for _ in sent] == sent


@pytest.mark.parametrize("sizes", [SIZES["equal"], SIZES["mixed"], SIZES["many"]], ids=["equal", "mixed", "many"])
@pytest.mark.parametrize("transport", ["tls", "edge"])
def test_DATA_11_a_burst_for_a_tls_client_comes_with_one_message_in_each_record(
    server, connect, make_peer, transport, sizes
):
    """turnutils_uclient takes what a record holds for one message."""
    client, peer = connect(transport), make_peer(PEER)
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    sent = [payload(number, size) for number, size in enumerate(sizes)]
    with server.held():
        for octets in sent:
            peer.send(octets, client.relayed)
    client.transport.socket.settimeout(ANSWER_SECONDS)
    records = [client.transport.socket.recv(65536) for _ in sent]
    headers = [CHANNEL.to_bytes(2, "big") + size.to_bytes(2, "big") for size in sizes]
    padding = [bytes(-size % 4) for size in sizes]
    assert records == [b"".join(parts) for parts in zip(headers, sent, padding)]


def test_CHAN_22_channels_and_indications_of_one_peer_keep_their_order(server, connect, make_peer):
    client, peer = pair(connect, make_peer, LISTENER, PEER)
    sent = [payload(number, 50) for number in range(20)]
    with server.held():
        for number, octets in enumerate(sent):
            if number % 3:
                client.send_channel(CHANNEL, octets)
            else:
                client.send_indication(peer.endpoint, octets)
    assert [peer.receive() for _ in sent] == sent


@pytest.fixture
def narrow_place():
    """An address to which the way is narrow: only fragments of longer datagrams pass."""
    address = "45.1.9.1"
    command = ["ip", "route", "add", "local", address, "dev", "lo", "mtu", "600"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command)}: {done.stderr}")
    yield address
    subprocess.run(["ip", "route", "del", "local", address], check=True)


def test_DATA_11_a_burst_of_datagrams_longer_than_the_path_takes_arrives(server, connect, make_peer, narrow_place):
    client, peer = pair(connect, make_peer, LISTENER, PEER, local=(narrow_place, 0))
    sent = [payload(number, 700 if number != 12 else 100) for number in range(30)]
    before = server.metric("senso_turn_dropped_packets_total", reason="send_failed")
    for _ in range(3):
        with server.held():
            for octets in sent:
                peer.send(octets, client.relayed)
        assert [client.receive_channel_data().payload for _ in sent] == sent
    assert server.metric("senso_turn_dropped_packets_total", reason="send_failed") == before
