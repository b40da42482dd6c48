"""What userspace and the kernel owe alike: what one of them lets nobody have, the other does not relay either."""

from __future__ import annotations

import os
import socket
import time

import pytest

from datapath_call import QUIET_SECONDS, Call, over_the_limit
from datapath_fixtures import STRANGER, datapath, group_of, make_call, serve, site  # noqa: F401
from ip_packets import ip_packet, udp_datagram
from reloading import reload
from relay_site import CHANNEL, PEER, PEER_V6, SERVER, SERVER_V6
from stun_message import ChannelData, channel_data
from turn_client import Peer
from waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")

FAMILIES = pytest.mark.parametrize(("server_address", "peer_address"), [(SERVER, PEER), (SERVER_V6, PEER_V6)],
                                   ids=["IPv4", "IPv6"])  # fmt: skip
SOMEBODY_ELSE = bytes.fromhex("020000000999")  # a link-layer address that nobody has


# -- what is no channel data of a client ------------------------------------------------------------------------------


@FAMILIES
@pytest.mark.parametrize(("octets", "reason"), [
    (channel_data(0x4001, b"unbound"), "miss"),
    (channel_data(0x5000, b"reserved"), "control"),
    (channel_data(CHANNEL, b"longer than it is")[:-1], "malformed"),
    (channel_data(CHANNEL, b"x")[:3], "control"),
    (b"\x40", "control"),
], ids=["unbound channel", "reserved channel", "length beyond the end", "half a header", "one octet"])  # fmt: skip
def test_what_is_no_channel_data_of_this_client_goes_nowhere(make_call, server_address, peer_address, octets, reason):
    call = make_call(server_address, peer_address)
    with call.passes(reason):
        call.client.send_raw(octets)
        call.reaches_nobody()
    call.is_untouched()


def test_another_client_cannot_use_the_channel(make_call, site):
    call = make_call()
    with (call.passes("miss", 5), site.client.inside(),
          socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger):  # fmt: skip
        for _ in range(5):
            stranger.sendto(channel_data(CHANNEL, b"stranger"), call.server.endpoint("udp", SERVER))
        call.reaches_nobody()
    call.is_untouched()


# -- who may not send -------------------------------------------------------------------------------------------------


def test_a_peer_without_permission_reaches_nobody(make_call, site):
    call = make_call()
    with site.peer.inside():
        stranger = Peer(STRANGER)
    try:
        with call.passes("miss", 5):
            for _ in range(5):
                stranger.send(b"stranger", call.client.relayed)
            call.reaches_nobody()
        call.is_untouched()
    finally:
        stranger.close()


def test_another_port_of_the_peer_is_permitted_but_not_bound(make_call, site):
    call = make_call()
    with site.peer.inside():
        other = Peer(PEER)
    try:
        with call.passes("miss"):
            other.send(b"other port", call.client.relayed)
            indication = call.client.receive_data()
        assert not isinstance(indication, ChannelData) and indication.data == b"other port"
    finally:
        other.close()
    call.is_untouched()


def test_a_deleted_allocation_carries_nothing(make_call):
    call = make_call()
    call.client.refresh(0)
    with call.passes("miss", 5):  # the relay's port is nobody's any more
        call.carries_nothing()


def test_a_peer_that_a_reload_denies_is_cut_off(make_call, serve):
    call = make_call(at=serve())
    reload(call.server, peers={"deny": [f"{PEER}/32"]})
    call.becomes_silent()  # a shard hears of a reload in its own time
    call.carries_nothing()
    reload(call.server, peers={"deny": []})
    call.client.channel_bind(CHANNEL, call.peer.endpoint)
    call.takes_its_path()


# -- what is for others -----------------------------------------------------------------------------------------------


@FAMILIES
def test_a_frame_for_another_machine_is_not_relayed(make_call, site, server_address, peer_address):
    """An interface that listens to everything shows it to the datapath nevertheless."""
    call = make_call(server_address, peer_address)
    listener = call.server.endpoint("udp", server_address)
    datagram = udp_datagram(call.client.local, listener, channel_data(CHANNEL, b"for another"))
    packet = ip_packet(call.client.local, listener, datagram)
    site.server.ip("link set clients promisc on")
    try:
        before = call.counted()
        for _ in range(5):
            call.send_packet(packet, to=SOMEBODY_ELSE)
        call.reaches_nobody()
        assert call.counted() == before
        # Nothing else was wrong with it.
        call.send_packet(packet)
        assert call.peer.receive() == b"for another"
    finally:
        site.server.ip("link set clients promisc off")
    call.is_untouched()


@FAMILIES
def test_a_wrong_udp_checksum_is_not_made_right(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    listener = call.server.endpoint("udp", server_address)
    for wrong in (1, 0x0100, 0x7FFF):
        datagram = udp_datagram(call.client.local, listener, channel_data(CHANNEL, b"damaged"), wrong=wrong)
        call.send_packet(ip_packet(call.client.local, listener, datagram))
    call.is_untouched()


@FAMILIES
def test_the_last_hop_ends_it(make_call, server_address, peer_address):
    call = make_call(server_address, peer_address)
    option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if ":" in peer_address else (socket.IPPROTO_IP,
                                                                                          socket.IP_TTL)  # fmt: skip
    senders = (call.client.transport.socket, call.peer.socket)
    before = call.dropped("hop_limit")
    for sender in senders:
        sender.setsockopt(*option, 1)
    call.send_both_ways(b"last hop", packets=1)
    call.reaches_nobody()
    assert call.dropped("hop_limit") - before == 2
    for sender in senders:
        sender.setsockopt(*option, 64)
    call.is_untouched()


# -- limits -----------------------------------------------------------------------------------------------------------


def directions_of(call: Call, payload: bytes):
    return (
        ("client_to_peer", lambda: call.client.send_channel(CHANNEL, payload), call.peer.receive_from),
        ("peer_to_client", lambda: call.peer.send(payload, call.client.relayed), call.client.receive),
    )


def second_has_leaked_away() -> None:
    time.sleep(1.2)


@pytest.mark.parametrize(("limits", "octets", "within_a_second", "sent"), [
    ({"packets_per_allocation": 50}, 1, 50, 400),
    ({"bandwidth_per_allocation": "160kbit"}, 1000, 20, 200),
    # The last one would be over by an octet.
    ({"bandwidth_per_allocation": "160kbit"}, 1001, 19, 200),
    ({"bandwidth_per_user": "160kbit"}, 1000, 20, 200),
    ({"bandwidth_total": "160kbit"}, 1000, 20, 200),
    ({"packets_per_user": 50}, 1, 50, 400),
    ({"packets_total": 50}, 1, 50, 400),
], ids=["packets", "octets", "octets that do not add up", "octets of the user", "octets of all", "packets of the user",
        "packets of all"])  # fmt: skip
def test_a_sender_over_the_limit_is_stopped_in_each_direction(make_call, serve, limits, octets, within_a_second, sent):
    call = make_call(at=serve(limits=limits))
    second_has_leaked_away()
    for direction, send, receive in directions_of(call, b"x" * octets):
        dropped, counted, counted_octets = call.dropped("over_limit"), call.counted(direction), call.counted_octets()
        began = time.monotonic()
        passed = over_the_limit(send, receive, sent)
        # What comes at once, and what leaks away while it comes.
        assert within_a_second <= passed <= (within_a_second + 1) * (1 + time.monotonic() - began)
        assert call.dropped("over_limit") - dropped == sent - passed
        assert call.counted(direction) - counted == passed
        assert call.counted_octets() - counted_octets == passed * octets


@pytest.mark.parametrize(("limits", "octets", "within_a_second"), [
    ({"packets_per_allocation": 50}, 1, 50),
    ({"bandwidth_per_allocation": "160kbit"}, 1000, 20),
], ids=["packets", "octets"])  # fmt: skip
def test_what_is_within_the_limit_passes_at_once(make_call, serve, limits, octets, within_a_second):
    call = make_call(at=serve(limits=limits))
    second_has_leaked_away()
    before = call.dropped("over_limit")
    for _, send, receive in directions_of(call, b"x" * octets):
        assert over_the_limit(send, receive, within_a_second) == within_a_second
    assert call.dropped("over_limit") == before


def test_a_voice_loses_nothing_to_a_flood_that_takes_all_bandwidth(make_call, serve):
    at = serve(limits={"bandwidth_total": "2Mbit"})
    flood, voice = make_call(at=at), make_call(at=at)
    second_has_leaked_away()
    dropped = voice.dropped("over_limit")
    for number in range(50):
        for _ in range(50):
            flood.client.send_channel(CHANNEL, bytes(1000))
        # An answer comes when what was sent before it is read: what is lost then, the limit has taken.
        assert flood.client.refresh().is_success
        voice.client.send_channel(CHANNEL, number.to_bytes(2) + bytes(158))
        assert voice.peer.receive()[:2] == number.to_bytes(2)
    assert voice.dropped("over_limit") > dropped


def test_one_client_over_the_limit_does_not_stop_another(make_call, serve):
    limited = serve(limits={"packets_per_allocation": 20})
    first, second = make_call(at=limited), make_call(at=limited)
    second_has_leaked_away()
    for _ in range(100):
        first.client.send_channel(CHANNEL, b"x")
    second.goes_on()
    assert eventually(lambda: first.dropped("over_limit") > 0)
    assert first.peer.receive_from(QUIET_SECONDS) is not None
