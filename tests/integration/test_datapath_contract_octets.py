"""What userspace and the kernel owe alike: for the same packet in, the same packet out, octet by octet."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time

import pytest

from datapath_call import Call
from datapath_fixtures import datapath, group_of, make_call, serve, site  # noqa: F401
from ip_packets import Datagram, ip_packet, read_frame, udp_datagram
from network_namespaces import Feature
from relay_site import CHANNEL, PEER, PEER_V6, SERVER, SERVER_V6, down, from_relay, up, warmed_up_between
from stun_message import channel_data

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")

FAMILIES = pytest.mark.parametrize(("server_address", "peer_address"), [(SERVER, PEER), (SERVER_V6, PEER_V6)],
                                   ids=["IPv4", "IPv6"])  # fmt: skip
EVERY_PAIR = pytest.mark.parametrize(("server_address", "peer_address"),
                                     list(itertools.product((SERVER, SERVER_V6), (PEER, PEER_V6))))  # fmt: skip
EXPEDITED = 0xB9  # DSCP EF, ECT(1)
IP_RECVTTL = 12
IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 66, 67, 51, 52


@EVERY_PAIR
def test_payloads_of_every_size_are_unaltered_and_counted(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    sizes = [*range(0, 20), 100, 501, 1000, 1199, 1400]
    before = {direction: call.counted(direction) for direction in ("client_to_peer", "peer_to_client")}
    octets = call.counted_octets()
    for size in sizes:
        payload = os.urandom(size)
        assert up(call.client, call.peer, payload) == payload
        assert down(call.client, call.peer, payload) == payload
    for direction, count in before.items():
        assert call.counted(direction) - count == len(sizes)
    assert call.counted_octets() - octets == 2 * sum(sizes)


# -- frames as they leave ---------------------------------------------------------------------------------------------


@pytest.fixture(params=["summed by the sender", "left open by the sender"])
def checksums(request, site, datapath):
    """The server's interfaces have no way to sum, so that what leaves by them is whole."""
    leaves_open = request.param == "left open by the sender"
    if leaves_open and datapath == "xdp":
        pytest.skip("XDP has no note of what a sender on the same machine left open")
    senders = [(site.client, "uplink"), (site.peer, "uplink")]
    for host, device in [(site.server, "clients"), (site.server, "peers"), *([] if leaves_open else senders)]:
        host.set_feature(device, Feature.CHECKSUMS_LEFT_OPEN, False)
    yield
    for host, device in [(site.server, "clients"), (site.server, "peers"), *([] if datapath == "xdp" else senders)]:
        host.set_feature(device, Feature.CHECKSUMS_LEFT_OPEN, True)


def next_datagram(link: socket.socket, destination: tuple[str, int]) -> Datagram:
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        found = read_frame(link.recv(65536))
        if found is not None and found.destination == destination:
            return found
    raise AssertionError(f"no datagram for {destination} on the link")


@EVERY_PAIR
def test_every_octet_of_what_leaves_is_right(make_call, site, checksums, server_address, peer_address):
    call = make_call(server_address, peer_address)
    listener = call.server.endpoint("udp", server_address)
    before = call.counted()
    payloads = [bytes(size) for size in (0, 1, 4)] + [b"\xff" * 9] + [os.urandom(size) for size in (3, 8, 160, 1201)]
    with (contextlib.closing(site.peer.packet_socket("uplink")) as at_peer,
          contextlib.closing(site.client.packet_socket("uplink")) as at_client):  # fmt: skip
        for link in (at_peer, at_client):
            link.settimeout(8)
        for payload in payloads:
            assert up(call.client, call.peer, payload) == payload
            assert next_datagram(at_peer, call.peer.endpoint) == Datagram(
                site.peer.link_address("uplink"), site.server.link_address("peers"), call.client.relayed,
                call.peer.endpoint, 63, payload)  # fmt: skip
            assert down(call.client, call.peer, payload) == payload
            assert next_datagram(at_client, call.client.local) == Datagram(
                site.client.link_address("uplink"), site.server.link_address("clients"), listener, call.client.local,
                63, channel_data(CHANNEL, payload))  # fmt: skip
    assert call.counted() - before == 2 * len(payloads)


@FAMILIES
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
    before = call.counted()
    call.send_both_ways(b"marked", packets=1)
    for end in ends:
        _, notes, _, _ = end.recvmsg(2048, 512)
        fields = {kind: value[0] for _, kind, value in notes}
        hops = fields[socket.IP_TTL if is_v4 else IPV6_HOPLIMIT]
        assert (fields[socket.IP_TOS if is_v4 else IPV6_TCLASS], hops) == (EXPEDITED, 16)
    assert call.counted() - before == 2


# -- what the kernel leaves to userspace ------------------------------------------------------------------------------


@FAMILIES
@pytest.mark.parametrize(("size", "upwards", "downwards"), [
    (1400, None, None),  # fits either way, with either IP
    (4000, "fragment", "fragment"),
], ids=["fits", "in fragments"])  # fmt: skip
def test_what_is_long_arrives_whole(make_call, server_address, peer_address, size, upwards, downwards):
    call = make_call(server_address, peer_address)
    payload = os.urandom(size)
    fragments = 3
    for send, reason in ((up, upwards), (down, downwards)):
        before = call.counted()
        with call.passes(reason, fragments) if reason else contextlib.nullcontext():
            assert send(call.client, call.peer, payload) == payload
        assert reason or call.counted() == before + 1


@FAMILIES
def test_what_is_too_long_with_its_channel_header_arrives(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    fits = 1500 - (20 if peer_address == PEER else 40) - 8
    for size in (fits - 3, fits):
        payload = os.urandom(size)
        with call.passes("over_mtu"):
            assert down(call.client, call.peer, payload) == payload
        call.takes_its_path()
    before = call.counted()
    payload = os.urandom(fits - 4)
    assert down(call.client, call.peer, payload) == payload
    assert call.counted() == before + 1


def test_padding_after_channel_data_is_left_out(make_call):
    call = make_call()
    with call.passes("padded"):
        call.client.send_raw(channel_data(CHANNEL, b"abc") + b"\0")
        assert call.peer.receive() == b"abc"
    call.is_untouched()


def by_hand(call: Call, server_address: str, *, wrong: int | None = 0, options: bytes = b"") -> bytes:
    listener = call.server.endpoint("udp", server_address)
    datagram = udp_datagram(call.client.local, listener, channel_data(CHANNEL, b"by hand"), wrong=wrong)
    return ip_packet(call.client.local, listener, datagram, options=options)


@pytest.mark.parametrize(("server_address", "wrong", "options", "reason"), [
    (SERVER, 0, b"", None),
    (SERVER, None, b"", None),
    (SERVER, 0, b"\x01\x01\x01\x00", "ip_options"),
    (SERVER_V6, 0, b"", None),
    (SERVER_V6, 0, b"\x01\x04\0\0\0\0", "ip_options"),  # PadN
], ids=["IPv4", "IPv4 without a checksum", "IPv4 with options", "IPv6", "IPv6 with an extension header"])  # fmt: skip
def test_packets_made_by_hand_arrive(make_call, server_address, wrong, options, reason):
    call = make_call(server_address)
    before = call.counted("client_to_peer")
    with call.passes(reason) if reason else contextlib.nullcontext():
        call.send_packet(by_hand(call, server_address, wrong=wrong, options=options))
        assert call.peer.receive() == b"by hand"
    assert reason or call.counted("client_to_peer") == before + 1
    call.is_untouched()


def test_udp_over_ipv6_without_a_checksum_reaches_nobody(make_call):
    """RFC 8200 section 8.1: the kernel leaves it to the system, which drops it."""
    call = make_call(SERVER_V6)
    with call.passes("zero_checksum"):
        call.send_packet(by_hand(call, SERVER_V6, wrong=None))
        call.reaches_nobody()
    call.is_untouched()


# -- from relay to relay ----------------------------------------------------------------------------------------------


@EVERY_PAIR
def test_two_relays_of_this_server_reach_each_other(make_call, server_address, peer_address):
    call, other = make_call(server_address, peer_address), make_call(server_address, peer_address)
    left, right = call.client, other.client
    channel = CHANNEL + 1
    left.channel_bind(channel, right.relayed)
    right.channel_bind(channel, left.relayed)
    if call.path == "kernel":
        warmed_up_between(call.server, left, right, channel)
    sizes = (0, 1, 160, 1200)
    before = call.counted()
    for size in sizes:
        payload = os.urandom(size)
        for sender, receiver in ((left, right), (right, left)):
            sender.send_channel(channel, payload)
            assert from_relay(receiver, channel) == payload
    # Each counts at both allocations.
    assert call.counted() - before == 4 * len(sizes)


def test_a_relay_that_has_gone_gets_nothing(make_call):
    call, other = make_call(), make_call()
    channel = CHANNEL + 1
    call.client.channel_bind(channel, other.client.relayed)
    other.client.channel_bind(channel, call.client.relayed)
    if call.path == "kernel":
        warmed_up_between(call.server, call.client, other.client, channel)
    other.client.refresh(0)
    before = call.counted("peer_to_client")
    for _ in range(5):
        call.client.send_channel(channel, b"late")
    assert other.client.drain() == []
    assert call.counted("peer_to_client") == before
    call.goes_on()
