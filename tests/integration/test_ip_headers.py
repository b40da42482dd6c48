"""IP header fields of what is relayed (RFC 8656 sections 13 to 16), as the receivers see them."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from server_fixture import LISTENER, LISTENER_V6, PEER, PEER_V6, free_port, needs_ipv6
from stun_message import IPV4, IPV6, Attribute, ChannelData, Message
from turn_client import Peer, TurnClient

EXPEDITED = 0xB8
ECT_1 = 0x01
ECT_0 = 0x02
CONGESTED = 0x03

DEFAULT_TTL = 64
IP_RECVTTL = 12  # Linux; the socket module does not know it

CHANNEL = 0x4000


# -- fields at both ends ----------------------------------------------------------------------------------------------


def tell_fields(of: socket.socket) -> None:
    if of.family == socket.AF_INET:
        of.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        of.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    else:
        of.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        of.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)


def send_with(of: socket.socket, tos: int | None = None, ttl: int | None = None) -> None:
    if of.family == socket.AF_INET:
        level, tos_option, ttl_option = socket.IPPROTO_IP, socket.IP_TOS, socket.IP_TTL
    else:
        level, tos_option, ttl_option = socket.IPPROTO_IPV6, socket.IPV6_TCLASS, socket.IPV6_UNICAST_HOPS
    for option, value in ((tos_option, tos), (ttl_option, ttl)):
        if value is not None:
            of.setsockopt(level, option, value)


def receive_with_fields(of: socket.socket) -> tuple[bytes, int, int]:
    """The next datagram, its TOS and its TTL."""
    of.settimeout(8)
    octets, ancillary, _, _ = of.recvmsg(4096, 400)
    found = {(level, kind): int.from_bytes(value[:4], "little") for level, kind, value in ancillary}
    if of.family == socket.AF_INET:
        return octets, found[socket.IPPROTO_IP, socket.IP_TOS], found[socket.IPPROTO_IP, socket.IP_TTL]
    level = socket.IPPROTO_IPV6
    return octets, found[level, socket.IPV6_TCLASS], found[level, socket.IPV6_HOPLIMIT]


# -- a client and two peers, one of them with a channel ---------------------------------------------------------------


class Way:
    """A client and a peer, of any address families, with the relay between them."""

    def __init__(self, client: TurnClient, peer: Peer, other: Peer):
        self.client = client
        self.peer = peer
        self.other = other
        family = IPV6 if ":" in peer.endpoint[0] else IPV4
        client.allocate(family=family)
        client.channel_bind(CHANNEL, peer.endpoint)
        client.create_permission(other.endpoint)
        for end in (client.transport.socket, peer.socket, other.socket):
            tell_fields(end)

    def up(self, tos: int | None = None, ttl: int | None = None) -> list[tuple[int, int]]:
        """What the peers see of one ChannelData message and one Send indication."""
        send_with(self.client.transport.socket, tos, ttl)
        self.client.send_channel(CHANNEL, b"x")
        self.client.send_indication(self.other.endpoint, b"x")
        seen = [receive_with_fields(peer.socket) for peer in (self.peer, self.other)]
        assert [octets for octets, _, _ in seen] == [b"x", b"x"]
        return [(tos, ttl) for _, tos, ttl in seen]

    def down(self, tos: int | None = None, ttl: int | None = None) -> list[tuple[int, int]]:
        """What the client sees of one ChannelData message and one Data indication."""
        seen = []
        for peer, kind in ((self.peer, ChannelData), (self.other, Message)):
            send_with(peer.socket, tos, ttl)
            peer.send(b"x", self.client.relayed)
            octets, *fields = receive_with_fields(self.client.transport.socket)
            unit = kind.parse(octets)
            assert (unit.payload if kind is ChannelData else unit.data) == b"x"
            seen.append(tuple(fields))
        return seen


WAYS = {
    "4-to-4": (LISTENER, IPV4),
    "4-to-6": (LISTENER, IPV6),
    "6-to-4": (LISTENER_V6, IPV4),
    "6-to-6": (LISTENER_V6, IPV6),
}


@pytest.fixture(params=[name if name == "4-to-4" else pytest.param(name, marks=needs_ipv6) for name in WAYS])
def way(request, connect, make_peer) -> Way:
    listener, family = WAYS[request.param]
    places = [PEER, PEER] if family == IPV4 else [PEER_V6, PEER_V6]
    # Permissions are by address: both peers have the same.
    return Way(connect("udp", address=listener), *[make_peer(place) for place in places])


@pytest.mark.parametrize("tos", [0, EXPEDITED, 0x28, 0xFC])
def test_IPH_01_dscp_is_copied_both_ways(way, tos):
    for seen in way.up(tos) + way.down(tos):
        assert seen[0] == tos


@pytest.mark.parametrize("ecn", [0, ECT_1, ECT_0, CONGESTED])
def test_IPH_02_ecn_is_copied_both_ways_and_never_invented(way, ecn):
    for seen in way.up(EXPEDITED | ecn) + way.down(EXPEDITED | ecn):
        assert seen[0] == EXPEDITED | ecn


def test_IPH_01_IPH_02_each_packet_has_its_own_fields(way):
    for tos in (EXPEDITED, 0, CONGESTED, 0, 0x48):
        assert {seen[0] for seen in way.up(tos) + way.down(tos)} == {tos}


@pytest.mark.parametrize("ttl", [2, 64, 99, 255])
def test_IPH_07_X12_ttl_is_one_less(way, ttl):
    for seen in way.up(0, ttl) + way.down(0, ttl):
        assert seen[1] == ttl - 1


def test_IPH_07_X12_ttl_that_would_be_0_is_the_end(way, server):
    before = server.metric("senso_turn_dropped_packets_total", reason="hop_limit")
    send_with(way.client.transport.socket, ttl=1)
    way.client.send_channel(CHANNEL, b"never")
    way.client.send_indication(way.other.endpoint, b"never")
    for peer in (way.peer, way.other):
        send_with(peer.socket, ttl=1)
        peer.send(b"never", way.client.relayed)
    # What comes behind them arrives first.
    assert {seen[1] for seen in way.up(0, 3) + way.down(0, 3)} == {2}
    assert server.metric("senso_turn_dropped_packets_total", reason="hop_limit") == before + 4


def test_IPH_07_requests_are_answered_whatever_their_ttl(connect):
    client = connect("udp")
    send_with(client.transport.socket, ttl=1)
    assert client.binding().is_success
    assert client.allocate().is_success


def test_IPH_07_X12_MISC_05_each_relay_on_the_way_takes_one(connect, peer):
    """Two allocations in a row: a circle of them would come to its end."""
    near, far = connect("udp"), connect("udp")
    near.allocate()
    far.allocate()
    near.channel_bind(CHANNEL, far.relayed)
    far.channel_bind(CHANNEL, near.relayed)
    tell_fields(far.transport.socket)
    for ttl in (3, 64):
        send_with(near.transport.socket, EXPEDITED, ttl)
        near.send_channel(CHANNEL, b"x")
        octets, tos, seen = receive_with_fields(far.transport.socket)
        assert ChannelData.parse(octets).payload == b"x"
        assert (tos, seen) == (EXPEDITED, ttl - 2)
    send_with(near.transport.socket, ttl=2)
    near.send_channel(CHANNEL, b"never")
    far.assert_silence()


def test_IPH_01_IPH_07_X12_hop_limit_can_be_left_to_the_system(launch, connect, make_peer):
    way = Way(connect("udp", at=launch(relay={"hop_limit": "default"})), make_peer(), make_peer())
    for ttl in (1, 20):
        for seen in way.up(EXPEDITED, ttl) + way.down(EXPEDITED, ttl):
            assert seen == (EXPEDITED, DEFAULT_TTL)


@needs_ipv6
def test_IPH_01_IPH_02_IPH_07_ipv4_client_of_an_ipv6_socket(launch, connect, make_peer):
    """An IPv6 wildcard without an IPv4 one beside it takes IPv4 clients, too."""
    at = launch(listeners=[{"transport": "udp", "address": "::", "port": free_port("::")}])
    for address in (LISTENER, LISTENER_V6):
        way = Way(connect("udp", at=at, address=address), make_peer(PEER), make_peer(PEER))
        for seen in way.up(EXPEDITED | CONGESTED, 20) + way.down(EXPEDITED | CONGESTED, 20):
            assert seen == (EXPEDITED | CONGESTED, 19)


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connected", ["tcp", "tls", "dtls", "wss"])
def test_IPH_05_what_a_connection_carried_has_the_systems_fields(connect, make_peer, connected):
    if connected == "dtls":
        pytest.importorskip("OpenSSL", reason="DTLS needs the package python3-openssl")
    client = connect(connected)
    client.allocate()
    first, second = make_peer(), make_peer()
    client.channel_bind(CHANNEL, first.endpoint)
    send_with(client.transport.socket, EXPEDITED, 33)
    client.send_channel(CHANNEL, b"x")
    client.send_indication(second.endpoint, b"x")
    for peer in (first, second):
        tell_fields(peer.socket)
    client.send_channel(CHANNEL, b"y")
    client.send_indication(second.endpoint, b"y")
    for peer in (first, second):
        assert peer.receive() == b"x"
        assert receive_with_fields(peer.socket) == (b"y", 0, DEFAULT_TTL)


def test_IPH_06_last_hop_does_not_matter_to_a_connection(connect, peer, stream_transport):
    client = connect(stream_transport)
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    send_with(peer.socket, CONGESTED, 1)
    peer.send(b"x", client.relayed)
    assert client.receive_channel_data().payload == b"x"


# -- as they are on the wire ------------------------------------------------------------------------------------------


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
    send_with(client.transport.socket, EXPEDITED, 20)
    supported = client.try_allocate(dont_fragment=True).is_success
    if not supported:
        client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"x", lambda m: m.add(Attribute.DONT_FRAGMENT))
    if supported:
        packet = captured(capture, peer)
        assert packet[6] & 0x40
        assert (packet[1], packet[8]) == (EXPEDITED, 19), "it has the other fields as well"
    client.send_indication(peer.endpoint, b"y")
    assert captured(capture, peer)[-1:] == b"y"


def test_IPH_04_ip_options_are_not_carried_across(connect, peer, capture):
    client = connect("udp")
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    record_route = bytes([7, 7, 4, 0, 0, 0, 0, 0])
    client.transport.socket.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, record_route)
    # One after the other: two that leave together are one packet here.
    client.send_channel(CHANNEL, b"x")
    assert captured(capture, peer)[0] == 0x45
    client.send_indication(peer.endpoint, b"x")
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
