"""The order of packets while routes change between userspace and the kernel: numbered bursts, and a network that never
stays as it is."""

from __future__ import annotations

import itertools
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from network_namespaces import HostedServer
from relay_site import CHANNEL, PEER, RELAY, SERVER, Site, relayed, settings_of
from server_fixture import ALICE
from stun_message import ChannelData
from transports import open_transport
from turn_client import Peer, TurnClient

BURST = 24
PAUSE_SECONDS = 0.002
STREAM_SECONDS = 3.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(site, tmp_path_factory) -> Iterator[HostedServer]:
    settings = settings_of("tc", 3478)
    started = HostedServer(site.server, tmp_path_factory.mktemp("server"), settings).start()
    yield started
    started.stop()


@pytest.fixture
def make_client(site, server) -> Iterator[Callable[[], TurnClient]]:
    clients: list[TurnClient] = []

    def make() -> TurnClient:
        with site.client.inside():
            clients.append(TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def peer(site) -> Iterator[Peer]:
    with site.peer.inside():
        made = Peer(PEER)
    yield made
    made.close()


class Stream:
    """Sends numbered datagrams in bursts, from a thread of its own, until it is left."""

    def __init__(self, send: Callable[[bytes], None]):
        self._send = send
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def _run(self) -> None:
        while not self._stop.is_set():
            for _ in range(BURST):
                self._send(payload_of(self.sent))
                self.sent += 1
            time.sleep(PAUSE_SECONDS)

    def __enter__(self) -> Stream:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()


class Sink(threading.Thread):
    """Takes datagrams off a socket as they come, until it is silent after `finish`."""

    def __init__(self, receive: Callable[[float], bytes | None]):
        super().__init__()
        self._receive = receive
        self._finish = threading.Event()
        self.numbers: list[int] = []
        self.start()

    def run(self) -> None:
        while True:
            payload = self._receive(0.5)
            if payload is None and self._finish.is_set():
                return
            if payload is not None:
                self.numbers.append(number_of(payload))

    def finish(self) -> list[int]:
        self._finish.set()
        self.join()
        return self.numbers


def payload_of(number: int) -> bytes:
    return struct.pack("!I", number) * (10 + number % 30)


def number_of(payload: bytes) -> int:
    number = struct.unpack_from("!I", payload)[0]
    assert payload == payload_of(number), f"altered: {payload!r}"
    return number


def data_of(client: TurnClient, seconds: float) -> bytes | None:
    """Whatever a peer sent, as ChannelData or in an indication."""
    found = client.receive(seconds)
    if found is None:
        return None
    return found.payload if isinstance(found, ChannelData) else found.data


def lost_by_the_server(server: HostedServer) -> float:
    return server.metric("senso_turn_socket_receive_drops_total") + server.metric("senso_turn_dropped_packets_total")


def assert_in_order(numbers: list[int], sent: int, may_be_lost: float, what: str) -> None:
    assert len(set(numbers)) == len(numbers), f"{what}: some came twice"
    overtaken = [pair for pair in itertools.pairwise(numbers) if pair[0] > pair[1]]
    assert not overtaken, f"{what}: {len(overtaken)} of {sent} were overtaken, first {overtaken[0]}"
    assert sent - len(numbers) <= may_be_lost, f"{what}: {sent - len(numbers)} of {sent} were lost"


def both_paths(server: HostedServer) -> dict[tuple[str, str], float]:
    return {(direction, path): relayed(server, direction, path)
            for direction in ("client_to_peer", "peer_to_client") for path in ("kernel", "userspace")}


def run_both_ways(server: HostedServer, client: TurnClient, peer: Peer, disturb: Callable[[], object]) -> None:
    lost_before, before = lost_by_the_server(server), both_paths(server)

    def from_peer(seconds: float) -> bytes | None:
        found = peer.receive_from(seconds)
        return None if found is None else found[0]

    sinks = Sink(from_peer), Sink(lambda seconds: data_of(client, seconds))
    end = time.monotonic() + STREAM_SECONDS
    with (Stream(lambda payload: client.send_channel(CHANNEL, payload)) as up,
          Stream(lambda payload: peer.send(payload, client.relayed)) as down):
        while time.monotonic() < end:
            disturb()
    at_peer, at_client = (sink.finish() for sink in sinks)
    lost = lost_by_the_server(server) - lost_before
    assert_in_order(at_peer, up.sent, lost, "to the peer")
    assert_in_order(at_client, down.sent, lost, "to the client")
    after = both_paths(server)
    assert all(after[path] > before[path] for path in after), f"not every path was taken: {before}, {after}"


def test_nothing_is_overtaken_while_neighbours_are_forgotten_and_found(site, server, make_client, peer):
    client = make_client()
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)

    def forget() -> None:
        for neighbour, interface in ((PEER, "peers"), ("10.1.0.2", "clients")):
            # Only one whose address is known: with one that is still asked for, the system throws away what waits for it.
            site.server.ip(f"neigh flush to {neighbour} dev {interface} nud reachable nud stale nud delay")
            time.sleep(0.03)

    run_both_ways(server, client, peer, forget)


def test_nothing_is_overtaken_while_the_mtu_of_routes_changes(site, server, make_client, peer):
    client = make_client()
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    # What is longer leaves in fragments, by way of userspace.
    mtus = itertools.cycle((100, 1500))

    def set_mtus(mtu: int) -> None:
        for subnet, interface, address in (("10.2.0.0/24", "peers", RELAY), ("10.1.0.0/24", "clients", SERVER)):
            site.server.ip(f"route replace {subnet} dev {interface} proto kernel scope link src {address} mtu {mtu}")

    def change() -> None:
        set_mtus(next(mtus))
        time.sleep(0.03)

    try:
        run_both_ways(server, client, peer, change)
    finally:
        set_mtus(1500)
