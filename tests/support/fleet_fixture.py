"""Relays that share a Redis, calls that must not notice what happens to it, and revocations as docs/fleet.md has them."""

from __future__ import annotations

import struct
import threading
import time
from pathlib import Path

from redis_server import RedisServer
from server_fixture import PEER, SHARED_SECRET, Server, merged
from stun_message import Endpoint
from turn_client import Credentials, NoAnswer, Peer, TurnClient, UdpTransport, timed_credentials
from waiting import eventually

SILENCE_SECONDS = 30.0  # to wait for what takes 6 seconds


class Relay(Server):
    """One that counts as started when it serves, ready or not."""

    def is_ready(self) -> bool:
        return self.answers_binding()

    def readiness(self) -> tuple[int, str]:
        return self.get("/readyz")


def make_relay(directory: Path, name: str, registry: str, **settings) -> Relay:
    base = {
        "node": name,
        "region": "eu",
        "fleet": {"registry": registry},
        "state": {"directory": str(directory / "state")},
        "shards": 2,
    }
    return Relay(directory, merged(base, settings))


def revoke(redis: RedisServer, kind: str, value: str, *, seconds: int = 3600, **how) -> None:
    now = int(time.time() * 1000)
    redis.ask(
        *("XADD", "senso-turn:revocations", "*", "kind", kind, "value", value),
        *("revoked_at", now, "forget_at", now + seconds * 1000),
        **how,
    )


def nodes_of(relay: Server) -> int:
    return int(relay.metric("senso_turn_fleet_nodes"))


def revocations_of(relay: Server) -> int:
    return int(relay.metric("senso_turn_fleet_revocations"))


def is_registry_up(relay: Server) -> bool:
    return relay.metric("senso_turn_fleet_registry_up", registry="0") == 1


class Call:
    """A client with a channel to a peer, with numbered packets both ways until it is hung up."""

    def __init__(self, server: Endpoint, who: str | Credentials, channel: int = 0x4000, peer_address: str = PEER):
        """`who`: a name that timed credentials are made for here, or credentials from elsewhere."""
        credentials = timed_credentials(SHARED_SECRET, name=who) if isinstance(who, str) else who
        self.client = TurnClient(UdpTransport(server), credentials)
        self.username = self.client.credentials.username
        self.peer = Peer(peer_address)
        self.channel = channel
        self.client.allocate()
        self.client.channel_bind(channel, self.peer.endpoint)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost: list[int] = []
        self.sent = 0

    def start(self) -> Call:
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()
        return self

    def _talk(self) -> None:
        while not self._ending.is_set():
            number = struct.pack(">I", self.sent)
            self.client.send_channel(self.channel, number)
            self.sent += 1
            if self.peer.receive_from(5) is None:
                self.lost.append(self.sent)
            self.peer.send(number, self.client.relayed)
            if self.client.receive(5) is None:
                self.lost.append(self.sent)
            self._ending.wait(0.01)

    def hang_up(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.client.try_refresh(0)
        except (NoAnswer, OSError):
            pass  # its relay is gone
        self.client.close()
        self.peer.close()

    def goes_through(self) -> bool:
        """Whether a packet comes over now; only while it is not talking."""
        self.client.send_channel(self.channel, b"hello?")
        return self.peer.receive_from(0.2) is not None

    def ends(self, seconds: float = 10.0) -> bool:
        return eventually(lambda: not self.goes_through(), seconds)
