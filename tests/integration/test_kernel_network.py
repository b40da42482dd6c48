"""The network around the datapath in the kernel: interfaces that change under traffic, rules, 1:1 NAT."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator

import pytest

from network_namespaces import Host, HostedServer
from relay_site import CHANNEL, PEER, RELAY, SERVER, Site, bound, relayed, settings_of, up, warmed_up, warmed_up_between
from server_fixture import ALICE
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
def serve(site, tmp_path) -> Iterator[Callable[..., HostedServer]]:
    servers: list[HostedServer] = []

    def start(**relay) -> HostedServer:
        settings = settings_of("tc", 3478)
        settings["relay"] |= relay
        settings["peers"]["allow"] += ["198.51.100.0/24", "203.0.113.0/24"]
        servers.append(HostedServer(site.server, tmp_path, settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def ends(site) -> Iterator[Callable[..., tuple[TurnClient, Peer]]]:
    """A client of the server, and a peer."""
    opened: list[TurnClient | Peer] = []

    def make(server: HostedServer, host: Host, address: str = PEER) -> tuple[TurnClient, Peer]:
        with site.client.inside():
            opened.append(TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE))
        with host.inside():
            opened.append(Peer(address))
        return opened[-2], opened[-1]

    yield make
    for one in opened:
        one.close()


def goes_on(server: HostedServer, client: TurnClient, peer: Peer) -> None:
    """Packets arrive again, and then in the kernel."""

    numbers = itertools.count()

    def arrives() -> bool:
        sent = b"fresh %d" % next(numbers)
        client.send_channel(CHANNEL, sent)
        while (found := peer.receive_from(0.2)) is not None:
            if found[0] == sent:
                return True
        return False

    assert eventually(arrives)
    # What had to wait for a neighbour has come by now, or comes at once.
    while peer.receive_from(0.5) is not None:
        pass
    warmed_up(server, client, peer)


def rub(client: TurnClient, packets: int = 50) -> None:
    for _ in range(packets):
        client.send_channel(CHANNEL, b"while it changes")


def test_a_renamed_interface_goes_on(site, serve, ends):
    server = serve()
    client, peer = ends(server, site.peer)
    warmed_up(server, bound(client, peer), peer)
    site.server.ip("link set peers name renamed")
    goes_on(server, client, peer)
    assert programs_at(site.server, "renamed") == 1


def test_an_address_that_moves_to_another_interface_is_followed(site, serve, ends):
    server = serve()
    client, peer = ends(server, site.peer)
    warmed_up(server, bound(client, peer), peer)
    site.server.connect("other", site.peer, "other")
    for host, device, address in ((site.server, "peers", RELAY), (site.peer, "uplink", PEER)):
        host.ip(f"address del {address}/24 dev {device}")
        rub(client)
        host.ip(f"address add {address}/24 dev other")
    goes_on(server, client, peer)
    assert programs_at(site.server, "other") == 1


@pytest.mark.parametrize("number", ["", "index 4000 "])
def test_an_interface_that_is_made_anew_under_traffic_is_attached(site, serve, ends, number):
    site.server.ip("link del peers")

    def make() -> None:
        site.server.ip(f"link add peers {number}type veth peer name uplink netns {site.peer.path}")
        for host, device, address in ((site.server, "peers", RELAY), (site.peer, "uplink", PEER)):
            host.ip(f"link set {device} up")
            host.ip(f"address add {address}/24 dev {device}")

    make()
    server = serve(addresses=[RELAY])
    client, peer = ends(server, site.peer)
    warmed_up(server, bound(client, peer), peer)
    rub(client)
    site.server.ip("link del peers")
    rub(client)
    make()
    rub(client)
    goes_on(server, client, peer)
    assert programs_at(site.server, "peers") == 1


def received_packets(host: Host, device: str) -> int:
    return int(host.run("cat", "/proc/net/dev").split(f"{device}:")[1].split()[1])


def test_a_rule_for_the_source_decides_between_two_interfaces(site, serve, ends):
    far, second, gateway = "198.51.100.9", "10.3.0.1", "10.3.0.2"
    site.server.connect("second", site.peer, "second", (f"{second}/24", f"{gateway}/24"))
    site.peer.ip(f"address add {far}/32 dev lo")
    site.server.ip(f"route add default via {PEER}")
    site.server.ip(f"rule add from {second} table 7")
    site.server.ip(f"route add default via {gateway} table 7")
    server = serve(addresses=[second])
    client, peer = ends(server, site.peer, far)
    warmed_up(server, bound(client, peer), peer)
    before = {device: received_packets(site.peer, device) for device in ("uplink", "second")}
    in_kernel = relayed(server, "client_to_peer")
    for _ in range(100):
        assert up(client, peer, b"by the second") == b"by the second"
    assert relayed(server, "client_to_peer") == in_kernel + 100
    assert received_packets(site.peer, "second") >= before["second"] + 100
    assert received_packets(site.peer, "uplink") < before["uplink"] + 50
    # The rule goes, and packets take the other way, still in the kernel.
    site.server.ip(f"rule del from {second} table 7")

    def takes_the_other() -> bool:
        other = received_packets(site.peer, "uplink")
        for _ in range(100):
            client.send_channel(CHANNEL, b"y")
            peer.receive()
        return received_packets(site.peer, "uplink") >= other + 100

    assert eventually(takes_the_other)
    warmed_up(server, client, peer)


EXTERNAL, OUTSIDE_ROUTER, OUTSIDE_PEER = "203.0.113.7", "203.0.113.1", "203.0.113.2"
NAT = f"""
table ip nat {{
  chain in {{ type nat hook prerouting priority dstnat; ip daddr {EXTERNAL} dnat to {RELAY}; }}
  chain out {{ type nat hook postrouting priority srcnat; ip saddr {RELAY} snat to {EXTERNAL}; }}
}}
"""


@pytest.fixture
def outside(site, tmp_path) -> Iterator[Host]:
    """A host that knows the server's relay address by another one, which site.peer translates as a router."""
    if shutil.which("nft") is None:
        pytest.skip("1:1 NAT is made by nft, which is not installed (Debian package nftables)")
    rules = tmp_path / "nat.nft"
    rules.write_text(NAT)
    host = Host()
    site.peer.connect("outside", host, "uplink", (f"{OUTSIDE_ROUTER}/24", f"{OUTSIDE_PEER}/24"))
    site.peer.ip(f"address add {EXTERNAL}/24 dev outside")
    site.peer.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    site.peer.run("nft", "-f", str(rules))
    site.server.ip(f"route add default via {PEER}")
    yield host
    host.close()


def test_behind_1_to_1_nat_it_passes_in_the_kernel(site, serve, ends, outside):
    server = serve(addresses=[RELAY], external_addresses={RELAY: EXTERNAL})
    client, peer = ends(server, outside, OUTSIDE_PEER)
    warmed_up(server, bound(client, peer), peer)
    assert client.relayed[0] == EXTERNAL
    in_kernel = relayed(server, "client_to_peer")
    client.send_channel(CHANNEL, b"x")
    assert peer.receive_from() == (b"x", client.relayed)
    assert relayed(server, "client_to_peer") == in_kernel + 1


def test_behind_1_to_1_nat_relay_to_relay_passes_in_one_go(site, serve, ends, outside):
    server = serve(addresses=[RELAY], external_addresses={RELAY: EXTERNAL})
    left, _ = ends(server, outside, OUTSIDE_PEER)
    right, _ = ends(server, outside, OUTSIDE_PEER)
    left.allocate()
    right.allocate()
    left.channel_bind(CHANNEL, right.relayed)
    right.channel_bind(CHANNEL, left.relayed)
    assert right.relayed[0] == EXTERNAL
    warmed_up_between(server, left, right)
