"""relay.datapath is changed while calls go on: the kernel takes them over and gives them back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from network_namespaces import HostedServer
from relay_site import CHANNEL, PEER, SERVER, Site, bound, relayed, settings_of, until_in_the_kernel, warmed_up
from reloading import change, reload, reload_command
from server_fixture import ALICE, binary
from test_kernel_datapath import programs_at
from transports import open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture
def peer(site) -> Iterator[Peer]:
    with site.peer.inside():
        made = Peer(PEER)
    yield made
    made.close()


@pytest.fixture
def client(site, server) -> Iterator[TurnClient]:
    with site.client.inside():
        made = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
    yield made
    made.close()


@pytest.fixture
def server(site, tmp_path) -> Iterator[HostedServer]:
    """It began with the kernel, so that it has kept the rights to that."""
    made = HostedServer(site.server, tmp_path, settings_of("tc", 3478)).start()
    reload(made, relay={"datapath": "userspace"})
    yield made
    if made.is_running:
        made.stop()


def mode(server: HostedServer) -> str | None:
    for line in server.get("/metrics")[1].splitlines():
        if line.startswith("senso_turn_kernel_datapath_info{"):
            return line.split('"')[1]
    return None


def passes_in_userspace(server: HostedServer, client: TurnClient, peer: Peer) -> None:
    before = relayed(server, "client_to_peer", "userspace")
    client.send_channel(CHANNEL, b"in userspace")
    assert peer.receive() == b"in userspace"
    assert relayed(server, "client_to_peer", "userspace") == before + 1


# RELOADS relay.datapath
def test_RELOAD_datapath_of_live_channels(site, server, client, peer):
    bound(client, peer)
    passes_in_userspace(server, client, peer)
    assert mode(server) is None and programs_at(site.server, "clients") == 0

    reload(server, relay={"datapath": "tc"})
    warmed_up(server, client, peer)
    assert mode(server) in ("tcx", "clsact")
    in_kernel = relayed(server, "client_to_peer")

    reload(server, relay={"datapath": "xdp"})
    assert mode(server) == "xdp"
    assert programs_at(site.server, "clients") == programs_at(site.server, "peers") == 0

    reload(server, relay={"datapath": "userspace"})
    assert mode(server) is None
    assert "xdp" not in site.server.ip("link show clients")
    passes_in_userspace(server, client, peer)
    # What the kernel has relayed still counts.
    assert relayed(server, "client_to_peer") >= in_kernel

    reload(server, relay={"datapath": "auto"})
    warmed_up(server, client, peer)
    assert relayed(server, "client_to_peer") > in_kernel


def test_RELOAD_datapath_and_the_channels_that_end_meanwhile(server, client, peer):
    bound(client, peer)
    reload(server, relay={"datapath": "tc"})
    warmed_up(server, client, peer)
    client.refresh(0)
    client.send_channel(CHANNEL, b"late")
    peer.send(b"late", client.relayed)
    peer.assert_silence()
    assert client.drain() == []


def test_RELOAD_datapath_loses_nothing(server, client, peer):
    """A numbered stream while the kernel takes it over and gives it back, packet by packet."""
    bound(client, peer)
    client.send_channel(CHANNEL, b"warm")
    assert peer.receive() == b"warm"
    number = 0
    for datapath in ("tc", "userspace", "tc", "userspace"):
        change(server, relay={"datapath": datapath})
        with server.host.inside():
            command = [str(binary()), "reload", "--socket", server.settings["admin"]["socket"]]
            reloading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        after = 0
        while after < 200:
            client.send_channel(CHANNEL, number.to_bytes(4, "big"))
            assert peer.receive() == number.to_bytes(4, "big")
            number += 1
            after += reloading.poll() is not None
        assert reloading.returncode == 0, reloading.stdout.read()
        reloading.stdout.close()


def test_RELOAD_many_channels_are_taken_over(site, server, peer):
    """More than the shards show to the kernel in one go."""
    clients = []
    peers = []
    try:
        for _ in range(4):
            with site.client.inside():
                clients.append(TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE))
            clients[-1].allocate()
        with site.peer.inside():
            peers = [Peer(PEER) for _ in range(40)]
        for client in clients:
            for number, one in enumerate(peers):
                client.channel_bind(CHANNEL + number, one.endpoint)
        reload(server, relay={"datapath": "tc"})

        def exchange() -> None:
            for client in clients:
                for number, one in enumerate(peers):
                    client.send_channel(CHANNEL + number, b"x")
                    assert one.receive() == b"x"

        until_in_the_kernel(server, exchange, up=len(clients) * len(peers), down=0)
    finally:
        for one in clients + peers:
            one.close()


def test_RELOAD_refuses_a_datapath_that_may_not_be_had(site, tmp_path):
    server = HostedServer(site.server, tmp_path, settings_of("userspace", 3478))
    server.write_configuration()
    command = ["setpriv", "--bounding-set=-bpf,-net_admin,-sys_admin", str(binary()), "serve", "--config",
               str(server.configuration_file)]
    with site.server.inside(), server.log_file.open("wb") as log:
        server.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=server.directory)
    with site.server.inside():
        assert eventually(server.is_ready, 30)
    change(server, relay={"datapath": "tc"}, limits={"allocations_per_user": 1})
    answer = reload_command(server)
    assert answer.returncode == 1
    assert "relay.datapath" in answer.stdout + answer.stderr
    assert "CAP_BPF and CAP_NET_ADMIN" in answer.stdout + answer.stderr
    assert mode(server) is None
    # Nothing else has changed either.
    with site.client.inside():
        clients = [TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE) for _ in range(2)]
    for each in clients:
        each.allocate()
        each.close()
    # And what may be had is had.
    reload(server, relay={"datapath": "auto"})
    assert "CAP_BPF and CAP_NET_ADMIN" in server.log()
    server.stop()


def test_RELOAD_refused_xdp_leaves_tc_as_it_is(site, server, client, peer):
    bound(client, peer)
    reload(server, relay={"datapath": "tc"})
    warmed_up(server, client, peer)
    # veth has no XDP for frames that are longer than a page.
    for interface, host, far in (("clients", site.client, "uplink"), ("peers", site.peer, "uplink")):
        host.ip(f"link set {far} mtu 9000")
        site.server.ip(f"link set {interface} mtu 9000")
    change(server, relay={"datapath": "xdp"})
    answer = reload_command(server)
    assert answer.returncode == 1 and "xdp" in answer.stdout + answer.stderr
    assert mode(server) in ("tcx", "clsact")
    warmed_up(server, client, peer)
