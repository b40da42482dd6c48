"""A call that is relayed by one datapath: what a test sends into it, and what must have come of that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ip_packets import frame
from network_namespaces import HostedServer
from relay_site import CHANNEL, Site, down, relayed, up
from turn_client import Peer, TurnClient
from waiting import eventually

QUIET_SECONDS = 0.3
DIRECTIONS = ("client_to_peer", "peer_to_client")


@dataclass
class Call:
    """A client with a channel to a peer."""

    site: Site
    server: HostedServer
    client: TurnClient
    peer: Peer
    path: str  # label of the metrics: the way that its packets take

    # -- what was counted ---------------------------------------------------------------------------------------------

    def counted(self, *directions: str) -> float:
        return sum(relayed(self.server, direction, self.path) for direction in directions or DIRECTIONS)

    def counted_octets(self) -> float:
        return self.server.metric("senso_turn_relayed_bytes_total", path=self.path)

    def dropped(self, reason: str) -> float:
        return self.server.metric("senso_turn_dropped_packets_total", reason=reason)

    def passed(self, reason: str) -> float:
        return self.server.metric("senso_turn_kernel_pass_total", reason=reason)

    @contextlib.contextmanager
    def passes(self, reason: str, packets: int = 1) -> Iterator[None]:
        """So many packets go on from the kernel to userspace meanwhile, for this reason."""
        before = self.passed(reason)
        yield
        assert self.passed(reason) - before == (packets if self.path == "kernel" else 0), self.server.get("/metrics")[1]

    # -- what passes --------------------------------------------------------------------------------------------------

    def reaches_nobody(self) -> None:
        assert self.peer.receive_from(QUIET_SECONDS) is None
        assert self.client.drain() == []

    def goes_on(self) -> None:
        assert up(self.client, self.peer, b"still here") == b"still here"
        assert down(self.client, self.peer, b"and here") == b"and here"

    def is_untouched(self) -> None:
        """Nothing has reached either end, and the call goes on."""
        self.reaches_nobody()
        self.goes_on()

    def send_up(self, payload: bytes) -> None:
        """Whether or not there is a server to take it."""
        with contextlib.suppress(ConnectionRefusedError):
            self.client.send_channel(CHANNEL, payload)

    def send_both_ways(self, payload: bytes = b"late", packets: int = 5) -> None:
        for _ in range(packets):
            self.send_up(payload)
            self.peer.send(payload, self.client.relayed)

    def carries_nothing(self) -> None:
        before = self.counted()
        self.send_both_ways()
        self.reaches_nobody()
        assert self.counted() == before

    def becomes_silent(self) -> None:
        def is_silent() -> bool:
            self.send_up(b"x")
            return self.peer.receive_from(QUIET_SECONDS) is None

        assert eventually(is_silent, 30)
        self.client.drain()

    def takes_its_path(self) -> None:
        """Both ways, by the datapath that the test is about."""
        before = {direction: self.counted(direction) for direction in DIRECTIONS}

        def has_taken_it() -> bool:
            self.goes_on()
            return all(self.counted(direction) > count for direction, count in before.items())

        assert eventually(has_taken_it), self.server.get("/metrics")[1]

    # -- by hand ------------------------------------------------------------------------------------------------------

    def send_packet(self, packet: bytes, *, to: bytes | None = None) -> None:
        """An IP packet from the client's host, as it is, to the server's link-layer address or another."""
        client, server = self.site.client, self.site.server
        with client.packet_socket("uplink") as link:
            link.send(frame(to or server.link_address("clients"), client.link_address("uplink"), packet))


def over_the_limit(send: Callable[[], object], receive: Callable[[float], object], packets: int) -> int:
    """Sends so many at once; how many have passed."""
    for _ in range(packets):
        send()
    return sum(1 for _ in iter(lambda: receive(QUIET_SECONDS), None))
