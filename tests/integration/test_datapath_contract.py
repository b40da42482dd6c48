"""What userspace and the kernel owe alike: for the same packet in, the same packet out, or none. Each test runs over
both, and sees in the counters that it was the one that it is about."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from network_namespaces import HostedServer
from server_fixture import ALICE
from stun_message import ChannelData
from test_kernel_datapath import (CHANNEL, CLIENT, PEER, PEER_V6, SERVER, SERVER_V6, Site, bound, down, relayed,
                                  settings_of, up, warmed_up)  # fmt: skip
from transports import open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

STRANGER = "10.2.0.9"  # a peer without permission
EXPEDITED = 0xB9  # DSCP EF, ECT(1)
IP_RECVTTL = 12
IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 66, 67, 51, 52
QUIET = 0.3

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")


@dataclass
class Call:
    """A client with a channel to a peer, whose packets take the way that the test is about."""

    site: Site
    server: HostedServer
    client: TurnClient
    peer: Peer
    path: str  # label of the metrics

    def counted(self, direction: str) -> float:
        return relayed(self.server, direction, self.path)

    def is_untouched(self) -> None:
        """Nothing has reached either end, and the call goes on."""
        assert self.peer.receive_from(QUIET) is None
        assert self.client.drain() == []
        assert up(self.client, self.peer, b"still here") == b"still here"
        assert down(self.client, self.peer, b"and here") == b"and here"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    made.peer.ip(f"address add {STRANGER}/24 dev uplink")
    yield made
    made.close()


@pytest.fixture(scope="module", params=["userspace", "tc"])
def datapath(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def serve(site, datapath, tmp_path_factory):
    servers: list[HostedServer] = []
    ports = itertools.count(3478)

    def start(**changes) -> HostedServer:
        servers.append(HostedServer(site.server, tmp_path_factory.mktemp("server"),
                                    settings_of(datapath, next(ports), **changes)))  # fmt: skip
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        if server.is_running:
            server.stop()


@pytest.fixture(scope="module")
def server(serve) -> HostedServer:
    return serve()


@pytest.fixture
def make_call(site, server, datapath):
    ends: list = []

    def make(server_address: str = SERVER, peer_address: str = PEER, at: HostedServer = server) -> Call:
        with site.peer.inside():
            ends.append(Peer(peer_address))
        peer = ends[-1]
        with site.client.inside():
            ends.append(TurnClient(open_transport("udp", at.endpoint("udp", server_address)), ALICE))
        client = bound(ends[-1], peer)
        if datapath == "tc":
            warmed_up(at, client, peer)
        return Call(site, at, client, peer, "kernel" if datapath == "tc" else "userspace")

    yield make
    for end in ends:
        end.close()


def channel_data(payload: bytes, channel: int = CHANNEL, length: int | None = None) -> bytes:
    return struct.pack("!HH", channel, len(payload) if length is None else length) + payload


# -- what must not pass -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [
    channel_data(b"unbound", channel=0x4001),
    channel_data(b"reserved", channel=0x5000),
    channel_data(b"longer than it is", length=100),
    channel_data(b"x")[:3],
    b"\x40",
], ids=["unbound channel", "reserved channel", "length beyond the end", "half a header", "one octet"])  # fmt: skip
def test_what_is_no_channel_data_of_this_client_goes_nowhere(make_call, octets):
    call = make_call()
    call.client.send_raw(octets)
    call.is_untouched()


def test_another_client_cannot_use_the_channel(make_call, site):
    call = make_call()
    with site.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(5):
            stranger.sendto(channel_data(b"stranger"), call.server.endpoint("udp", SERVER))
    call.is_untouched()


def test_a_peer_without_permission_reaches_nobody(make_call, site):
    call = make_call()
    with site.peer.inside():
        stranger = Peer(STRANGER)
    try:
        for _ in range(5):
            stranger.send(b"stranger", call.client.relayed)
        call.is_untouched()
    finally:
        stranger.close()


def test_another_port_of_the_peer_is_permitted_but_not_bound(make_call, site):
    call = make_call()
    with site.peer.inside():
        other = Peer(PEER)
    try:
        other.send(b"other port", call.client.relayed)
        indication = call.client.receive_data()
        assert not isinstance(indication, ChannelData) and indication.data == b"other port"
    finally:
        other.close()
    call.is_untouched()


def test_a_deleted_allocation_carries_nothing(make_call):
    call = make_call()
    relayed_address = call.client.relayed
    call.client.refresh(0)
    before = call.counted("client_to_peer"), call.counted("peer_to_client")
    for _ in range(5):
        call.client.send_channel(CHANNEL, b"late")
        call.peer.send(b"late", relayed_address)
    assert call.peer.receive_from(QUIET) is None
    assert call.client.drain() == []
    assert (call.counted("client_to_peer"), call.counted("peer_to_client")) == before


def test_an_expired_channel_carries_nothing_until_it_is_bound_again(make_call, serve):
    call = make_call(at=serve(lifetimes={"permission": "3s", "channel": "3s"}))

    def is_over() -> bool:
        call.client.send_channel(CHANNEL, b"x")
        return call.peer.receive_from(QUIET) is None

    assert eventually(is_over)
    before = call.counted("client_to_peer"), call.counted("peer_to_client")
    for _ in range(5):
        call.client.send_channel(CHANNEL, b"late")
        call.peer.send(b"late", call.client.relayed)
    assert call.peer.receive_from(QUIET) is None
    assert call.client.drain() == []
    assert (call.counted("client_to_peer"), call.counted("peer_to_client")) == before
    call.client.channel_bind(CHANNEL, call.peer.endpoint)
    assert up(call.client, call.peer, b"again") == b"again"


def test_a_sender_over_the_limit_is_stopped_in_each_direction(make_call, serve):
    limit, sent = 50, 400
    call = make_call(at=serve(limits={"packets_per_allocation": limit}))
    time.sleep(1.2)  # what came before has leaked away
    directions = (
        (lambda: call.client.send_channel(CHANNEL, b"x"), lambda: call.peer.receive_from(QUIET)),
        (lambda: call.peer.send(b"x", call.client.relayed), lambda: call.client.receive(QUIET)),
    )
    for send, receive in directions:
        dropped = call.server.metric("senso_turn_dropped_packets_total", reason="over_limit")
        began = time.monotonic()
        for _ in range(sent):
            send()
        passed = sum(1 for _ in iter(receive, None))
        assert limit <= passed <= limit * (2 + time.monotonic() - began)
        assert call.server.metric("senso_turn_dropped_packets_total", reason="over_limit") - dropped == sent - passed


def test_the_last_hop_ends_it(make_call):
    call = make_call()
    before = call.server.metric("senso_turn_dropped_packets_total", reason="hop_limit")
    for sender in (call.client.transport.socket, call.peer.socket):
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    call.client.send_channel(CHANNEL, b"last hop")
    call.peer.send(b"last hop", call.client.relayed)
    assert call.peer.receive_from(QUIET) is None
    assert call.client.drain() == []
    assert call.server.metric("senso_turn_dropped_packets_total", reason="hop_limit") - before == 2
    for sender in (call.client.transport.socket, call.peer.socket):
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
    call.is_untouched()


# -- what passes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("server_address", "peer_address"),
                         list(itertools.product((SERVER, SERVER_V6), (PEER, PEER_V6))))  # fmt: skip
def test_payloads_of_every_size_are_unaltered_and_counted(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    sizes = [*range(0, 20), 100, 501, 1000, 1199, 1400]
    before = {direction: call.counted(direction) for direction in ("client_to_peer", "peer_to_client")}
    octets = call.server.metric("senso_turn_relayed_bytes_total", path=call.path)
    for size in sizes:
        payload = os.urandom(size)
        assert up(call.client, call.peer, payload) == payload
        assert down(call.client, call.peer, payload) == payload
    for direction, count in before.items():
        assert call.counted(direction) - count == len(sizes)
    assert call.server.metric("senso_turn_relayed_bytes_total", path=call.path) - octets == 2 * sum(sizes)


def test_longer_than_the_link_takes_still_arrives(make_call):
    call = make_call()
    for size in (1468, 1469, 1472, 1473, 4000):
        payload = os.urandom(size)
        assert up(call.client, call.peer, payload) == payload
        assert down(call.client, call.peer, payload) == payload


def test_padding_after_channel_data_is_left_out(make_call):
    call = make_call()
    call.client.send_raw(channel_data(b"abc") + b"\0")
    assert call.peer.receive() == b"abc"
    call.is_untouched()


@pytest.mark.parametrize(("server_address", "peer_address"), [(SERVER, PEER), (SERVER_V6, PEER_V6)])
def test_dscp_ecn_and_one_hop_less(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    is_v4 = ":" not in peer_address
    ends = (call.client.transport.socket, call.peer.socket)
    for end in ends:
        if is_v4:
            options = {socket.IP_TOS: EXPEDITED, socket.IP_TTL: 17, socket.IP_RECVTOS: 1, IP_RECVTTL: 1}
        else:
            options = {IPV6_TCLASS: EXPEDITED, socket.IPV6_UNICAST_HOPS: 17, IPV6_RECVTCLASS: 1, IPV6_RECVHOPLIMIT: 1}
        for option, value in options.items():
            end.setsockopt(socket.IPPROTO_IP if is_v4 else socket.IPPROTO_IPV6, option, value)
        end.settimeout(5)
    before = call.counted("client_to_peer") + call.counted("peer_to_client")
    call.client.send_channel(CHANNEL, b"marked")
    call.peer.send(b"marked", call.client.relayed)
    for end in ends:
        _, notes, _, _ = end.recvmsg(2048, 512)
        fields = {kind: value[0] for _, kind, value in notes}
        hops = fields[socket.IP_TTL if is_v4 else IPV6_HOPLIMIT]
        assert (fields[socket.IP_TOS if is_v4 else IPV6_TCLASS], hops) == (EXPEDITED, 16)
    assert call.counted("client_to_peer") + call.counted("peer_to_client") - before == 2


def ipv4_packet(call: Call, payload: bytes, *, options: bytes = b"", check: int | None = 0) -> bytes:
    """From the client to the listener; `check` is what is wrong with the UDP checksum, or None for no checksum."""
    source, destination = call.client.local, call.server.endpoint("udp", SERVER)
    udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    pseudo = socket.inet_aton(source[0]) + socket.inet_aton(destination[0]) + struct.pack("!HH", 17, len(udp + payload))
    octets = pseudo + udp + payload + b"\0" * (len(payload) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    field = 0 if check is None else ((total ^ 0xFFFF) + check) & 0xFFFF
    udp = udp[:6] + struct.pack("!H", field)
    header = struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(udp + payload), 7, 0, 64,
                         17, 0, socket.inet_aton(source[0]), socket.inet_aton(destination[0]))  # fmt: skip
    return header + options + udp + payload


def send_raw_packet(call: Call, packet: bytes) -> None:
    """The system adds the checksum of IP."""
    with call.site.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (SERVER, 0))


def test_a_wrong_udp_checksum_is_not_made_right(make_call):
    call = make_call()
    assert call.client.local[0] == CLIENT
    for wrong in (1, 0x0100, 0x7FFF):
        send_raw_packet(call, ipv4_packet(call, channel_data(b"damaged"), check=wrong))
    call.is_untouched()


@pytest.mark.parametrize(("options", "check"), [(b"", 0), (b"", None), (b"\x01\x01\x01\x00", 0)],
                         ids=["plain", "without a checksum", "with IP options"])  # fmt: skip
def test_packets_made_by_hand_arrive(make_call, options, check):
    call = make_call()
    send_raw_packet(call, ipv4_packet(call, channel_data(b"by hand"), options=options, check=check))
    assert call.peer.receive() == b"by hand"
    call.is_untouched()


def test_two_relays_of_this_server_reach_each_other(site, server, datapath, make_call):
    left, right = make_call().client, make_call().client
    left.channel_bind(CHANNEL + 1, right.relayed)
    right.channel_bind(CHANNEL + 1, left.relayed)
    for size in (0, 1, 160, 1200):
        payload = os.urandom(size)
        for sender, receiver in ((left, right), (right, left)):
            sender.send_channel(CHANNEL + 1, payload)
            found = receiver.receive()
            assert isinstance(found, ChannelData)
            assert (found.channel, found.payload) == (CHANNEL + 1, payload)
