"""Voices beside a flood: who asks for much is held down to the limit of an allocation, who asks for little has it whole,
in userspace and in the kernel.

`-s` prints the round trips of the voices alone, beside the flood, and beside the same flood when the host's firewall has
it: what the machine, and the generator that shares its cores, take from the voices without a server. Those are figures of
docs/reliability.md: nothing here depends on them. SENSO_TURN_TEST_FULL_LOAD=1 makes it 100 voices and 60,000 packets a
second, in turns, for a release build."""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from load_generator import need_generator
from network_namespaces import HostedServer
from relay_site import Site, settings_of
from server_fixture import BOB, is_sanitized
from site_load import SiteLoad
from waiting import eventually

FULL = os.environ.get("SENSO_TURN_TEST_FULL_LOAD") == "1"
VOICES, FLOOD_PACKETS_PER_SECOND = (100, 60_000) if FULL else (10, 15_000)
PACKETS_PER_SECOND = 50  # one each 20 ms
SECONDS, ROUNDS = (10, 5) if FULL else (2, 1)
LIMIT = 2000  # packets a second of one allocation
FLOOD_OCTETS = 1000
DISCARD = 9  # nobody listens at this port
HAS_FIREWALL = shutil.which("nft") is not None  # else that figure is missing

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root"),
    pytest.mark.skipif(is_sanitized(), reason="an instrumented server is no match for the load"),
]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(params=["userspace", "tc"])
def server(request, site, tmp_path) -> Iterator[HostedServer]:
    limits = {"packets_per_allocation": LIMIT, "bandwidth_per_allocation": 0}
    made = HostedServer(site.server, tmp_path / "server", settings_of(request.param, 3478, shards=2, limits=limits))
    made.start()
    yield made
    made.stop()


def voices(site: Site) -> dict:
    run = SiteLoad(site, "--allocations", str(VOICES), "--rate", str(VOICES * PACKETS_PER_SECOND), "--size", "160",
                   "--direction", "echo", user=BOB, seconds=SECONDS)  # fmt: skip
    try:
        report = run.report()
        echo = report["traffic"]["echo"]
        assert not report["problems"] and echo["sent"] > 0.9 * VOICES * PACKETS_PER_SECOND * SECONDS
        return echo
    finally:
        run.kill()


@contextmanager
def flood_to_the_firewall(site: Site) -> Iterator[None]:
    """What is sent to the server arrives at another port of the same host, where its packet filter drops it."""
    channel_data = 8 + 4 + FLOOD_OCTETS
    rules = {
        site.client: f"chain output {{\ntype filter hook output priority mangle\nudp length {channel_data} udp dport set {DISCARD}\n}}",
        site.server: f"chain prerouting {{\ntype filter hook prerouting priority raw\nudp dport {DISCARD} drop\n}}",
    }
    with ExitStack() as filters:
        for host, chain in rules.items():
            filters.enter_context(host.packet_filter(chain))
        yield


def round_trips(measured: list[dict]) -> str:
    if not measured:
        return "not measured, without nft"
    medians = {at: statistics.median(each["latency_us"][at] for each in measured) for at in ("p50", "p99")}
    return f"p50 {medians['p50']:.0f} us, p99 {medians['p99']:.0f} us"


def test_TURN_26_voices_lose_nothing_to_a_flood(site, server, request):
    need_generator()
    alone = [voices(site) for _ in range(ROUNDS)]
    flood = SiteLoad(site, "--allocations", "1", "--rate", str(FLOOD_PACKETS_PER_SECOND), "--size", str(FLOOD_OCTETS),
                     "--direction", "up")  # fmt: skip
    beside, without_server = [], []
    try:

        def refused() -> float:
            return server.metric("senso_turn_dropped_packets_total", reason="over_limit")

        assert eventually(lambda: refused() > LIMIT)
        for _ in range(ROUNDS):
            before = refused()
            beside.append(voices(site))
            assert refused() > before
            if not HAS_FIREWALL:
                continue
            with flood_to_the_firewall(site):
                before = refused()
                without_server.append(voices(site))
                # What was on its way, at most: the rest does not come to the server.
                assert refused() - before < FLOOD_PACKETS_PER_SECOND / 2
        held = flood.finish()["traffic"]
    finally:
        flood.kill()
    passed = held["up"]["received"] / held["seconds"]
    path = request.node.callspec.params["server"]
    print(f"\n{path}: {VOICES} voices, round trips alone {round_trips(alone)}; beside {held['up']['sent'] / held['seconds']:.0f} "
          f"packets/s, of which {passed:.0f} pass: {round_trips(beside)}; beside as many that the firewall has: "
          f"{round_trips(without_server)}", end="")  # fmt: skip
    assert all(each["lost"] == 0 for each in alone + beside + without_server)
    # A bucket holds what a second is worth, which passes at once. Who sends a flood has what is his.
    assert LIMIT * held["seconds"] / 2 <= held["up"]["received"] <= LIMIT * (held["seconds"] + 2)
    # What a filter throws away is not lost for want of room.
    assert server.metric("senso_turn_socket_receive_drops_total") == 0
