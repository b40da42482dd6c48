"""IP header fields of what is relayed (RFC 8656 sections 14 to 16), as the peer sees them."""

import os
import socket
import struct

import pytest

from server_fixture import PEER
from stun_message import Attribute
from turn_client import Peer, TurnClient

EXPEDITED = 0xB8
ECT_0 = 0x02
CONGESTED = 0x03

DEFAULT_TTL = 64
IP_RECVTTL = 12  # Linux; the socket module does not know it


@pytest.fixture
def relaying(connect, peer) -> TurnClient:
    client = connect("udp")
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    peer.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    peer.socket.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    return client


def send_both_ways(client: TurnClient, peer: Peer) -> None:
    """By ChannelData and by Send: both must be relayed alike."""
    client.send_channel(0x4000, b"x")
    client.send_indication(peer.endpoint, b"x")


def header_fields(peer: Peer) -> tuple[int, int]:
    """TOS and TTL of the next datagram."""
    peer.socket.settimeout(5)
    payload, ancillary, _, _ = peer.socket.recvmsg(100, 200)
    assert payload == b"x"
    found = {kind: int.from_bytes(value[:4], "little") for _, kind, value in ancillary}
    return found[socket.IP_TOS], found[socket.IP_TTL]


def test_IPH_01_dscp_is_copied_or_constant(relaying, peer):
    relaying.transport.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED)
    send_both_ways(relaying, peer)
    seen = {header_fields(peer)[0] & 0xFC for _ in range(2)}
    assert seen <= {EXPEDITED, 0}


@pytest.mark.parametrize("sent", [0, 1, ECT_0])
def test_IPH_02_ecn_is_copied_or_cleared(relaying, peer, sent):
    relaying.transport.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, sent)
    send_both_ways(relaying, peer)
    for _ in range(2):
        assert header_fields(peer)[0] & 0x03 in (sent, 0)


def test_IPH_07_ttl_is_the_default_or_one_less(relaying, peer):
    for sent in (2, 99, 255):
        relaying.transport.socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, sent)
        send_both_ways(relaying, peer)
        for _ in range(2):
            assert header_fields(peer)[1] in (DEFAULT_TTL, sent - 1)


@pytest.fixture
def capture():
    try:
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    except PermissionError:
        pytest.skip("capturing packets needs root: use tests/integration/run")
    packets.bind(("lo", 0x0800))
    packets.settimeout(5)
    yield packets
    packets.close()


def captured(packets: socket.socket, peer: Peer) -> bytes:
    """The next IPv4 packet to the peer."""
    while True:
        packet = packets.recv(65536)
        octets_of_header = (packet[0] & 0x0F) * 4
        port = struct.unpack(">H", packet[octets_of_header + 2 : octets_of_header + 4])[0]
        if packet[9] == socket.IPPROTO_UDP and packet[16:20] == socket.inet_aton(PEER) and port == peer.endpoint[1]:
            return packet


def test_IPH_03_dont_fragment_sets_the_bit_where_it_is_supported(connect, peer, capture):
    client = connect("udp")
    supported = client.try_allocate(dont_fragment=True).is_success
    if not supported:
        client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"x", lambda m: m.add(Attribute.DONT_FRAGMENT))
    if supported:
        assert captured(capture, peer)[6] & 0x40
    client.send_indication(peer.endpoint, b"y")
    assert captured(capture, peer)[-1:] == b"y"


def test_IPH_04_ip_options_are_not_carried_across(relaying, peer, capture):
    record_route = bytes([7, 7, 4, 0, 0, 0, 0, 0])
    relaying.transport.socket.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, record_route)
    send_both_ways(relaying, peer)
    for _ in range(2):
        assert captured(capture, peer)[0] == 0x45
    assert peer.receive() == b"x"


def test_IPH_06_marked_fragments_reach_a_stream_client_whole(connect, peer):
    client = connect("tcp")
    client.allocate()
    client.create_permission(peer.endpoint)
    payload = os.urandom(3000)
    udp = struct.pack(">HHHH", peer.endpoint[1], client.relayed[1], 8 + len(payload), 0) + payload
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("raw sockets need root: use tests/integration/run")
    with raw:
        for offset in range(0, len(udp), 1480):
            piece = udp[offset : offset + 1480]
            more = 0x2000 if offset + 1480 < len(udp) else 0
            header = struct.pack(
                ">BBHHHBBH", 0x45, CONGESTED, 20 + len(piece), 4711, more | offset // 8, 64, socket.IPPROTO_UDP, 0
            )
            addresses = socket.inet_aton(PEER) + socket.inet_aton(client.relayed[0])
            raw.sendto(header + addresses + piece, (client.relayed[0], 0))
    assert client.receive_data().data == payload
