"""A server between two Ethernet segments, clients on one and peers on the other: where the datapath in the kernel has
interfaces to work with. What passes there, and by which path."""

from __future__ import annotations

from collections.abc import Callable

from network_namespaces import Feature, Host, HostedServer
from stun_message import IPV6
from turn_client import Peer, TurnClient
from waiting import eventually

SERVER = "10.1.0.1"
CLIENT = "10.1.0.2"
RELAY = "10.2.0.1"
PEER = "10.2.0.2"
SERVER_V6 = "fd01::1"
CLIENT_V6 = "fd01::2"
RELAY_V6 = "fd02::1"
PEER_V6 = "fd02::2"

CHANNEL = 0x4000


class Site:
    """A server's host with the interfaces `clients` and `peers`, and a host at the end of each, at `uplink`."""

    def __init__(self):
        self.server = Host()
        self.client = Host()
        self.peer = Host()
        self.server.connect("clients", self.client, "uplink", (f"{SERVER}/24", f"{CLIENT}/24"),
                            (f"{SERVER_V6}/64", f"{CLIENT_V6}/64"))
        self.server.connect("peers", self.peer, "uplink", (f"{RELAY}/24", f"{PEER}/24"),
                            (f"{RELAY_V6}/64", f"{PEER_V6}/64"))
        # Relaying is not forwarding: it needs no leave to forward.
        self.server.run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0")

    def suit_xdp(self) -> None:
        """veth takes frames from XDP only where the far end polls, and XDP sees checksums as they are."""
        for host in (self.client, self.peer):
            host.set_feature("uplink", Feature.POLLING, True)
            host.set_feature("uplink", Feature.CHECKSUMS_LEFT_OPEN, False)

    def close(self) -> None:
        for host in (self.server, self.client, self.peer):
            host.close()


def settings_of(datapath: str, port: int, **changes) -> dict:
    return {
        "listeners": [
            {"transport": "udp", "address": SERVER, "port": port},
            {"transport": "udp", "address": SERVER_V6, "port": port},
            {"transport": "tcp", "address": SERVER, "port": port},
        ],
        "tls": None,
        "relay": {"addresses": [RELAY, RELAY_V6], "datapath": datapath},
        "peers": {"allow": ["10.0.0.0/8", "fd00::/8"]},
        **changes,
    }


# -- what has passed --------------------------------------------------------------------------------------------------


def relayed(server: HostedServer, direction: str, path: str = "kernel") -> float:
    return server.metric("senso_turn_relayed_packets_total", direction=direction, path=path)


def bound(client: TurnClient, peer: Peer, channel: int = CHANNEL) -> TurnClient:
    client.allocate(family=IPV6) if ":" in peer.endpoint[0] else client.allocate()
    client.channel_bind(channel, peer.endpoint)
    return client


def up(client: TurnClient, peer: Peer, payload: bytes) -> bytes:
    client.send_channel(CHANNEL, payload)
    return peer.receive()


def down(client: TurnClient, peer: Peer, payload: bytes) -> bytes:
    peer.send(payload, client.relayed)
    return from_relay(client)


def from_relay(client: TurnClient, channel: int = CHANNEL) -> bytes:
    found = client.receive_channel_data()
    assert found.channel == channel
    return found.payload


def until_in_the_kernel(server: HostedServer, exchange: Callable[[], object], *, up: int = 1, down: int = 1) -> None:
    """Until both neighbours are known, packets take the way through userspace. An `exchange` in the kernel alone counts
    `up` packets to peers and `down` to clients there."""

    def passes_in_the_kernel() -> bool:
        before = relayed(server, "client_to_peer"), relayed(server, "peer_to_client")
        exchange()
        after = relayed(server, "client_to_peer"), relayed(server, "peer_to_client")
        return (after[0] - before[0], after[1] - before[1]) == (up, down)

    assert eventually(passes_in_the_kernel), f"nothing passes in the kernel:\n{server.get('/metrics')[1]}"


def warmed_up(server: HostedServer, client: TurnClient, peer: Peer) -> None:
    def exchange() -> None:
        assert up(client, peer, b"first") == b"first" and down(client, peer, b"second") == b"second"

    until_in_the_kernel(server, exchange)


def warmed_up_between(server: HostedServer, left: TurnClient, right: TurnClient, channel: int = CHANNEL) -> None:
    """The same for two allocations of this server, each with a channel to the other."""

    def exchange() -> None:
        left.send_channel(channel, b"first")
        assert from_relay(right, channel) == b"first"
        right.send_channel(channel, b"second")
        assert from_relay(left, channel) == b"second"

    # Each packet counts at both allocations.
    until_in_the_kernel(server, exchange, up=2, down=2)
