"""What userspace and the kernel owe alike: nobody is relayed a moment longer than he may be, and nobody less long."""

from __future__ import annotations

import os
import signal
import time

import pytest

from datapath_call import QUIET_SECONDS
from datapath_fixtures import datapath, group_of, make_call, serve, site  # noqa: F401
from relay_site import CHANNEL, PEER, PEER_V6, SERVER, SERVER_V6, from_relay, warmed_up_between
from server_fixture import is_sanitized
from stun_message import Message
from waiting import eventually

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root"),
    pytest.mark.skipif(is_sanitized(), reason="it waits for minutes, and how time passes is not the sanitizers' business"),
]

LIFETIME_SECONDS = 6
MARGIN_SECONDS = 2  # for machines that stall
SHORT = {"permission": f"{LIFETIME_SECONDS}s", "channel": f"{LIFETIME_SECONDS}s"}
SHORT_PERMISSIONS = {"permission": f"{LIFETIME_SECONDS}s", "channel": "600s"}
SHORT_CHANNELS = {"permission": "300s", "channel": f"{LIFETIME_SECONDS}s"}


# -- channels and permissions that lapse ------------------------------------------------------------------------------


def test_CHAN_07_an_expired_channel_carries_nothing_until_it_is_bound_again(make_call, serve):
    call = make_call(at=serve(lifetimes=SHORT))
    call.becomes_silent()
    call.carries_nothing()
    call.client.channel_bind(CHANNEL, call.peer.endpoint)
    call.takes_its_path()


def test_CHAN_07_a_channel_that_is_bound_again_in_time_goes_on(make_call, serve):
    call = make_call(at=serve(lifetimes=SHORT))
    for _ in range(2):
        time.sleep(LIFETIME_SECONDS - MARGIN_SECONDS)
        call.client.channel_bind(CHANNEL, call.peer.endpoint)
    before = call.counted()
    call.goes_on()
    assert call.counted() == before + 2  # without a way through userspace in between


def test_CHAN_10_a_channel_without_its_permission_carries_nothing(make_call, serve):
    call = make_call(at=serve(lifetimes=SHORT_PERMISSIONS))
    call.becomes_silent()
    call.carries_nothing()
    # The channel is still there.
    call.client.create_permission(call.peer.endpoint)
    call.takes_its_path()


def test_PERM_05_a_permission_alone_can_be_kept_up(make_call, serve):
    call = make_call(at=serve(lifetimes=SHORT_PERMISSIONS))
    for _ in range(2):
        time.sleep(LIFETIME_SECONDS - MARGIN_SECONDS)
        call.client.create_permission(call.peer.endpoint)
    before = call.counted()
    call.goes_on()
    assert call.counted() == before + 2


def test_CHAN_07_a_permission_without_the_channel_gives_data_indications(make_call, serve):
    call = make_call(at=serve(lifetimes=SHORT_CHANNELS))
    call.becomes_silent()
    before = call.counted("client_to_peer")
    call.client.send_channel(CHANNEL, b"late")
    call.peer.send(b"permitted", call.client.relayed)
    found = call.client.receive()
    assert isinstance(found, Message) and found.data == b"permitted"
    assert call.peer.receive_from(QUIET_SECONDS) is None
    assert call.counted("client_to_peer") == before


# -- with nobody to tell the kernel -----------------------------------------------------------------------------------


@pytest.fixture
def stopped(datapath):
    """Stops the server's process, which goes on at the end."""
    if datapath == "userspace":
        pytest.skip("a userspace that is stopped relays nothing")
    stopped_ones = []

    def stop(server) -> None:
        os.kill(server.pid, signal.SIGSTOP)
        stopped_ones.append(server.pid)

    yield stop
    for pid in stopped_ones:
        os.kill(pid, signal.SIGCONT)


def resume(server) -> None:
    os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize(("server_address", "peer_address"), [(SERVER, PEER), (SERVER_V6, PEER_V6)],
                         ids=["IPv4", "IPv6"])  # fmt: skip
def test_CHAN_07_the_program_knows_the_deadline_itself(make_call, serve, stopped, server_address, peer_address):
    call = make_call(server_address, peer_address, at=serve(lifetimes=SHORT))
    expired = call.passed("expired")
    stopped(call.server)
    call.goes_on()  # nobody but the program can have relayed that
    time.sleep(LIFETIME_SECONDS + MARGIN_SECONDS)
    call.send_both_ways()
    call.reaches_nobody()
    resume(call.server)
    assert eventually(lambda: call.passed("expired") - expired == 10)
    # What waited for the server has come too late as well.
    call.reaches_nobody()
    call.client.channel_bind(CHANNEL, call.peer.endpoint)
    call.takes_its_path()


def test_CHAN_07_from_relay_to_relay_both_deadlines_count(make_call, serve, stopped):
    """The one of the channel that it comes out of has passed; that of the channel that it came by has not."""
    call, other = (make_call(at=serve(lifetimes=SHORT)) for _ in range(2))
    left, right, channel = call.client, other.client, CHANNEL + 1
    left.channel_bind(channel, right.relayed)
    right.channel_bind(channel, left.relayed)
    warmed_up_between(call.server, left, right, channel)
    time.sleep(LIFETIME_SECONDS - MARGIN_SECONDS)
    left.channel_bind(channel, right.relayed)
    expired = call.passed("expired")
    stopped(call.server)
    left.send_channel(channel, b"in time")
    assert from_relay(right, channel) == b"in time"
    time.sleep(MARGIN_SECONDS + MARGIN_SECONDS / 2)
    left.send_channel(channel, b"late")
    assert right.drain() == []
    resume(call.server)
    assert eventually(lambda: call.passed("expired") > expired)
    assert right.drain() == []


# -- allocations that end ---------------------------------------------------------------------------------------------


def test_TURN_37_an_expired_allocation_carries_nothing(make_call, serve):
    call = make_call(at=serve(lifetimes={"default": f"{LIFETIME_SECONDS}s"}))
    call.becomes_silent()
    call.carries_nothing()


def test_a_drain_lets_calls_go_on_and_ends_with_them(make_call, serve):
    call = make_call(at=serve(drain={"deadline": "1h"}))
    call.server.terminate()
    assert eventually(lambda: call.server.metric("senso_turn_draining") == 1)
    call.takes_its_path()
    call.client.refresh(0)
    assert call.server.wait() == 0
    call.send_both_ways()
    call.reaches_nobody()


def test_a_drain_that_is_over_leaves_nothing(make_call, serve):
    call = make_call(at=serve(drain={"deadline": "2s"}))
    call.server.terminate()
    assert call.server.wait() == 0
    call.send_both_ways()
    call.reaches_nobody()


def test_nothing_is_relayed_after_a_kill(make_call, serve):
    call = make_call(at=serve())
    call.server.kill()
    # The kernel takes links away in its own time.
    call.becomes_silent()
    call.send_both_ways()
    call.reaches_nobody()
