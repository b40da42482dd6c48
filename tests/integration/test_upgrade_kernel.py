"""`senso-turn upgrade` while packets pass in the kernel: not one of them is lost, and they stay in order."""

from __future__ import annotations

import itertools
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from network_namespaces import HostedServer
from relay_site import CHANNEL, PEER, SERVER, bound, relayed, settings_of, warmed_up
from server_fixture import ALICE, is_sanitized
from test_routes_under_load import NO_LIMITS, SECONDS, assert_whole, running, site  # noqa: F401
from transports import open_transport
from turn_client import Peer, TurnClient
from upgrading import UpgradableServer
from waiting import eventually

UPGRADES = 3

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")


class HostedUpgradableServer(HostedServer, UpgradableServer):
    """One that is upgraded, on a host of its own."""


@pytest.fixture
def start(site, tmp_path) -> Iterator[Callable[..., HostedUpgradableServer]]:
    servers: list[HostedUpgradableServer] = []

    def launch(datapath: str, **changes) -> HostedUpgradableServer:
        settings = settings_of(datapath, 3478, drain={"deadline": "20s"}, **changes)
        servers.append(HostedUpgradableServer(site.server, tmp_path / "server", settings))
        return servers[-1].start()

    yield launch
    for server in servers:
        server.stop()


@pytest.fixture
def client(site) -> Iterator[Callable[[HostedServer], TurnClient]]:
    clients: list[TurnClient] = []

    def make(server: HostedServer) -> TurnClient:
        with site.client.inside():
            clients.append(TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


@pytest.fixture
def peer(site) -> Iterator[Peer]:
    with site.peer.inside():
        made = Peer(PEER)
    yield made
    made.close()


class Flow:
    """Numbered datagrams one way, from a thread of its own."""

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[float], bytes | None]):
        self._send, self._receive = send, receive
        self._end, self._is_sent = threading.Event(), threading.Event()
        self.sent = 0
        self.numbers: list[int] = []
        self._threads = [threading.Thread(target=self._give), threading.Thread(target=self._take)]
        for thread in self._threads:
            thread.start()

    def _give(self) -> None:
        while not self._end.is_set():
            self._send(struct.pack("!I", self.sent) * 20)
            self.sent += 1
            time.sleep(0.001)
        self._is_sent.set()

    def _take(self) -> None:
        while (payload := self._receive(1.0)) is not None or not self._is_sent.is_set():
            if payload is not None:
                self.numbers.append(struct.unpack_from("!I", payload)[0])

    def finish(self) -> tuple[int, int]:
        """How many were lost, and how many overtaken by others."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        assert len(set(self.numbers)) == len(self.numbers)
        overtaken = sum(one > other for one, other in itertools.pairwise(self.numbers))
        return self.sent - len(self.numbers), overtaken


def both_ways(client: TurnClient, peer: Peer) -> list[Flow]:
    def at_peer(seconds: float) -> bytes | None:
        found = peer.receive_from(seconds)
        return None if found is None else found[0]

    def at_client(seconds: float) -> bytes | None:
        found = client.receive(seconds)
        return None if found is None else found.payload

    return [
        Flow(lambda payload: client.send_channel(CHANNEL, payload), at_peer),
        Flow(lambda payload: peer.send(payload, client.relayed), at_client),
    ]


@pytest.mark.parametrize("datapath", ["tc", "xdp"])
def test_no_packet_is_lost_and_they_pass_in_the_kernel_again(datapath, site, start, client, peer):
    if datapath == "xdp":
        site.suit_xdp()
    server = start(datapath)
    caller = bound(client(server), peer)
    warmed_up(server, caller, peer)
    flows = both_ways(caller, peer)
    for _ in range(UPGRADES):
        before = relayed(server, "client_to_peer")
        server.upgrade()
        assert relayed(server, "client_to_peer") >= before
        after = relayed(server, "client_to_peer")
        assert eventually(lambda: relayed(server, "client_to_peer") > after + 20)
    results = [flow.finish() for flow in flows]
    print(f"\n{datapath}, {UPGRADES} upgrades: lost and overtaken, to the peer and to the client: {results}, "
          f"of {[flow.sent for flow in flows]}")
    assert [lost for lost, _ in results] == [0, 0]
    assert [overtaken for _, overtaken in results] == [0, 0]
    warmed_up(server, caller, peer)


@pytest.mark.skipif(is_sanitized(), reason="an instrumented server is no match for the load")
@pytest.mark.parametrize("datapath", ["userspace", "tc", "xdp"])
def test_streams_under_load_are_whole(datapath, site, start):
    server = start(datapath, limits=NO_LIMITS, shards=2)
    with running(site, SECONDS) as loads:
        for _ in range(2):
            time.sleep(SECONDS / 4)
            print(f"\n{datapath}: {server.upgrade().strip()}")
        for load in loads:
            assert_whole(load.name, load.report())
