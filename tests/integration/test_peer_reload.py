"""Peers that a reload denies or allows, on live allocations (security row A17): what flowed stops both ways at once."""

from __future__ import annotations

import os
import signal

import pytest

from server_fixture import (
    ALICE,
    HAS_IPV6,
    OTHER_PEER,
    PEER,
    PEER_V6,
    Server,
    merged,
    run_command,
)
from stun_message import IPV6
from transports import listener_of, open_transport
from turn_client import Peer, TurnClient
from waiting import eventually


ALLOWED = ["127.0.0.0/8", "fd00::/8"]

# What `peers` becomes, and whom that hits.
CHANGES = {
    "one_address": ({"deny": [f"{PEER}/32"]}, PEER),
    "range": ({"deny": ["127.0.0.2/31"]}, PEER),
    "mapped": ({"deny": [f"::ffff:{PEER}/128"]}, PEER),
    "no_longer_allowed": ({"allow": [f"{OTHER_PEER}/32", "fd00::/8"]}, PEER),
    "one_v6_address": ({"deny": [f"{PEER_V6}/128"]}, PEER_V6),
    "v6_range": ({"deny": ["fd00:1::/64"]}, PEER_V6),
    "v6_no_longer_allowed": ({"allow": ["127.0.0.0/8"]}, PEER_V6),
}


class Route:
    """How data goes between a client and one peer."""

    def __init__(self, client: TurnClient, peer: Peer, relayed: tuple[str, int], channel: int | None):
        self.client, self.peer, self.relayed, self.channel = client, peer, relayed, channel

    def open(self) -> None:
        if self.channel is None:
            self.client.create_permission(self.peer.endpoint)
        else:
            self.client.channel_bind(self.channel, self.peer.endpoint)

    def say(self) -> None:
        if self.channel is not None:
            self.client.send_channel(self.channel, b"out")
        else:
            self.client.send_indication(self.peer.endpoint, b"out")

    def assert_open(self) -> None:
        self.say()
        assert self.peer.receive() == b"out"
        self.peer.send(b"in", self.relayed)
        if self.channel is None:
            assert self.client.receive_data().data == b"in"
        else:
            assert self.client.receive_channel_data().payload == b"in"

    def assert_closed(self) -> None:
        self.say()
        self.client.send_indication(self.peer.endpoint, b"out")
        self.peer.send(b"in", self.relayed)
        self.client.assert_silence(0.05)
        self.peer.assert_silence(0.05)


def reload(server: Server, peers: dict) -> None:
    """Returns when the process says that it has; the shards follow within their next turn."""
    server.settings = merged(server.settings, {"peers": {"allow": ALLOWED, "deny": [], **peers}})
    server.write_configuration()
    count = server.metric("senso_turn_config_reloads_total")
    os.kill(server.pid, signal.SIGHUP)
    assert eventually(lambda: server.metric("senso_turn_config_reloads_total") == count + 1)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by_channel", [False, True], ids=["permission", "channel"])
def test_A17_A12_denied_by_reload_stops_both_ways_at_once(launch, transport, make_peer, change, by_channel):
    at = launch(peers={"allow": ALLOWED, "deny": []}, node="reloads.example.test")
    peers, address = CHANGES[change]
    if ":" in address and not HAS_IPV6:
        pytest.skip(f"{PEER_V6} is not an address here: use tests/integration/run")
    reload(at, {"allow": [*ALLOWED, "192.0.2.0/24"]})  # something always changes
    client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport))), ALICE)
    response = client.allocate(**({"additional_family": IPV6} if HAS_IPV6 else {}))
    by_family = {":" in relayed[0]: relayed for relayed in response.xor_addresses(0x0016)}
    hit = Route(client, make_peer(address), by_family[":" in address], 0x4000 if by_channel else None)
    spared = Route(client, make_peer(OTHER_PEER), by_family[False], 0x4001 if by_channel else None)
    for route in (hit, spared):
        route.open()
        route.assert_open()

    reload(at, peers)
    assert eventually(lambda: client.try_create_permission(hit.peer.endpoint).error == 403)
    hit.assert_closed()
    assert client.try_channel_bind(0x4002, hit.peer.endpoint).error == 403
    assert client.try_channel_bind(0x4000, hit.peer.endpoint).error == 403
    assert client.try_create_permission(spared.peer.endpoint, hit.peer.endpoint).error == 403
    hit.assert_closed()
    spared.assert_open()
    assert client.refresh().is_success

    reload(at, {})
    assert eventually(lambda: client.try_create_permission(hit.peer.endpoint).is_success)
    Route(client, hit.peer, hit.relayed, None).say()
    assert hit.peer.receive() == b"out"
    spared.assert_open()
    client.refresh(0)
    client.close()
