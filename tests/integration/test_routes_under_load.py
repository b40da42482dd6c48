"""Routes come and go, next hops flap and the kernel's path is attached and detached while numbered streams run at full
load: each of them arrives complete, in order, unaltered and once."""

from __future__ import annotations

import array
import contextlib
import fcntl
import itertools
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from load_generator import generator, need_generator
from network_namespaces import HostedServer
from relay_site import CLIENT, PEER, SERVER, Site, settings_of
from reloading import reload
from server_fixture import ALICE, is_sanitized

SECONDS = 5
SWITCHING_SECONDS = 7
# Closed loops: `--window` packets of a flow are under way at once, however fast or slow the machine is, and all of them
# fit into what a virtual cable holds (256 frames). Flows both ways between clients and peers, from relay to relay (many
# of them, so that they wait in both sockets), and of allocations that come and go. The first two refresh their
# allocations, and bind their channels anew, all the time.
LOADS = {
    "bound": ("--allocations", "6", "--window", "6", "--refresh", "0.3"),
    "relay to relay": ("--allocations", "8", "--window", "16", "--refresh", "0.3", "--mode", "relay-to-relay"),
    "churn": ("--allocations", "40", "--window", "1", "--churn", "150"),
}
LANES = {"bound": ("up", "down"), "relay to relay": ("across",), "churn": ("up", "down")}
NO_LIMITS = {"allocations": 0, "allocations_per_user": 0, "challenges_per_source": {"rate": 0}}

SIOCETHTOOL, ETHTOOL_SGRO = 0x8946, 0x2C  # linux/sockios.h, linux/ethtool.h

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root"),
    pytest.mark.skipif(is_sanitized(), reason="an instrumented server is no match for the load"),
]


def poll_for_frames(interface: str) -> None:
    """By XDP, a virtual cable takes frames only if its far end polls for them, which it does for GRO."""
    value = array.array("I", [ETHTOOL_SGRO, 1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sP16x", interface.encode(), value.buffer_info()[0])
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    for host in (made.client, made.peer):
        with host.inside():
            poll_for_frames("uplink")
    yield made
    made.close()


@pytest.fixture
def serve(site, tmp_path) -> Iterator[Callable[[str], HostedServer]]:
    started: list[HostedServer] = []

    def start(datapath: str) -> HostedServer:
        settings = settings_of(datapath, 3478, limits=NO_LIMITS, shards=2)
        started.append(HostedServer(site.server, tmp_path, settings).start())
        return started[-1]

    yield start
    for server in started:
        if server.is_running:
            server.stop()


@dataclass
class Load:
    name: str
    process: subprocess.Popen

    def report(self) -> dict:
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, f"{self.name}: {errors[-2000:]}{output[-2000:]}"
        return json.loads(output)


@contextlib.contextmanager
def running(site: Site, seconds: int) -> Iterator[list[Load]]:
    need_generator()
    loads = []
    with site.client.inside():
        # A sender that moves to another processor is overtaken by itself, before any server is met.
        for (name, arguments), processor in zip(LOADS.items(), itertools.cycle(sorted(os.sched_getaffinity(0)))):
            command = [str(generator()), "--server", f"{SERVER}:3478", "--user", ALICE.username, "--password",
                       ALICE.password, "--duration", str(seconds), "--cpu", str(processor), "--json", "-", "--quiet",
                       *arguments]  # fmt: skip
            if "relay-to-relay" not in arguments:
                command += ["--peer", PEER, "--peer-netns", site.peer.path]
            loads.append(Load(name, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                     stderr=subprocess.PIPE, text=True)))  # fmt: skip
    try:
        yield loads
    finally:
        for load in loads:
            if load.process.poll() is None:
                load.process.kill()
            load.process.communicate()


def assert_whole(name: str, report: dict) -> None:
    for lane in LANES[name]:
        figures = report["traffic"][lane]
        wrong = {what: figures[what] for what in ("lost", "duplicated", "reordered", "corrupt") if figures[what] != 0}
        assert not wrong, f"{name}, {lane}: {wrong} of {figures['sent']}"
        assert figures["received"] == figures["sent"] > 1000
    assert report["keep"]["failed"]["total"] == report["churn"]["failed"]["total"] == 0
    if name == "churn":
        assert report["churn"]["set_up"] > 50
    else:
        assert report["keep"]["refreshed"] > 10, "channels were to be bound again"


def flap(site: Site) -> None:
    """The server's host does not know any more where a neighbour is, and has to ask. To delete the entry would not do:
    the system drops what is on its way through one that is deleted."""
    for neighbour, interface in ((PEER, "peers"), (CLIENT, "clients")):
        # Nor what waits for one that is being asked for.
        if "lladdr" in site.server.ip(f"neigh show {neighbour} dev {interface}"):
            site.server.ip(f"neigh change {neighbour} dev {interface} nud failed")


def relayed_by_path(server: HostedServer) -> dict[str, float]:
    return {path: server.metric("senso_turn_relayed_packets_total", path=path) for path in ("kernel", "userspace")}


def run(site: Site, seconds: int, disturb: Callable[[], object]) -> None:
    with running(site, seconds) as loads:
        while any(load.process.poll() is None for load in loads):
            disturb()
            time.sleep(0.05)
        for load in loads:
            assert_whole(load.name, load.report())


@pytest.mark.parametrize("datapath", ["userspace", "tc", "xdp"])
def test_streams_are_whole_while_routes_and_next_hops_come_and_go(site, serve, datapath):
    server = serve(datapath)
    run(site, SECONDS, lambda: flap(site))
    relayed = relayed_by_path(server)
    assert relayed["userspace"] > 1000
    assert (relayed["kernel"] > 1000) == (datapath != "userspace"), relayed


def test_streams_are_whole_while_the_kernels_path_is_attached_and_detached(site, serve):
    server = serve("tc")
    datapaths = itertools.cycle(("userspace", "tc"))
    switches = itertools.count()

    def switch() -> None:
        reload(server, relay={"datapath": next(datapaths)})
        next(switches)
        time.sleep(0.2)

    run(site, SWITCHING_SECONDS, switch)
    assert next(switches) > 1, "the kernel's path was to be attached and detached"
    assert all(count > 1000 for count in relayed_by_path(server).values()), relayed_by_path(server)
