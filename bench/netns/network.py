"""The network of a run: client - server - peer, three namespaces joined by two veth cables."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HANDLES = Path("/run/netns")  # where `ip netns` keeps them
CLIENT, CLIENT_GATEWAY = "10.77.1.2", "10.77.1.1"
PEER, PEER_GATEWAY = "10.77.2.2", "10.77.2.1"
LISTENER, RELAY = CLIENT_GATEWAY, PEER_GATEWAY  # of every server
BLOCK = "10.77.0.0/16"
TO_CLIENT, TO_PEER, TO_SERVER = "to-client", "to-peer", "to-server"

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def call(*command: str) -> str:
    """What the command says; an error with its last words if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip() or f'exit code {done.returncode}'}")
    return done.stdout


def set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """One network namespace with loopback up."""

    def __init__(self, role: str):
        self.name = f"senso-turn-bench-{os.getpid()}-{role}"
        self.file = HANDLES / self.name
        call("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> str:
        return call("ip", "-n", self.name, *arguments)

    def set(self, key: str, value: str) -> None:
        """A system setting such as net/ipv4/ip_forward."""
        with self.entered():
            Path("/proc/sys", key).write_text(value)

    def link_address(self, device: str) -> str:
        words = self.ip("-o", "link", "show", "dev", device).split()
        return words[words.index("link/ether") + 1]

    def index_of(self, device: str) -> int:
        with self.entered():
            return socket.if_nametoindex(device)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile belong to the namespace, for as long as they live."""
        with open("/proc/thread-self/ns/net") as home, self.file.open() as there:
            set_namespace(there.fileno())
            try:
                yield
            finally:
                set_namespace(home.fileno())

    def close(self) -> None:
        call("ip", "netns", "del", self.name)


class Network:
    def __init__(self) -> None:
        self._namespaces: list[Namespace] = []
        try:
            for role in ("client", "server", "peer"):
                self._namespaces.append(Namespace(role))
            self.client, self.server, self.peer = self._namespaces
            self._wire(self.client, CLIENT, TO_CLIENT, CLIENT_GATEWAY)
            self._wire(self.peer, PEER, TO_PEER, PEER_GATEWAY)
            self.set_forwarding(False)
        except BaseException:
            self.close()
            raise

    def _wire(self, end: Namespace, address: str, device: str, gateway: str) -> None:
        call("ip", "link", "add", device, "netns", self.server.name, "type", "veth",
             "peer", "name", TO_SERVER, "netns", end.name)  # fmt: skip
        self.server.ip("addr", "add", f"{gateway}/24", "dev", device)
        self.server.ip("link", "set", device, "up")
        end.ip("addr", "add", f"{address}/24", "dev", TO_SERVER)
        end.ip("link", "set", TO_SERVER, "up")
        end.ip("route", "add", "default", "via", gateway)
        end.set("net/ipv4/ip_local_port_range", "1024 65535")

    def set_forwarding(self, on: bool) -> None:
        self.server.set("net/ipv4/ip_forward", "1" if on else "0")

    @contextmanager
    def straight(self) -> Iterator[None]:
        """Client and peer address their packets to each other's cards, as if one cable joined them: for a redirect that
        changes nothing in a packet."""
        ends = ((self.client, CLIENT_GATEWAY, self.peer), (self.peer, PEER_GATEWAY, self.client))
        for end, gateway, other in ends:
            end.ip("neigh", "replace", gateway, "lladdr", other.link_address(TO_SERVER), "dev", TO_SERVER,
                   "nud", "permanent")  # fmt: skip
        try:
            yield
        finally:
            for end, gateway, _ in ends:
                end.ip("neigh", "del", gateway, "dev", TO_SERVER)

    def close(self) -> None:
        for namespace in self._namespaces:
            namespace.close()
        self._namespaces = []
