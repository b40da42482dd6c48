"""Network namespaces joined by veth pairs: hosts of their own for a server, its clients and their peers."""

from __future__ import annotations

import contextlib
import ctypes
import enum
import fcntl
import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator

from server_fixture import Server
from waiting import eventually

CLONE_NEWNET = 0x40000000  # linux/sched.h; Python has os.setns from 3.12 on
SIOCETHTOOL = 0x8946  # linux/sockios.h
ETH_P_ALL = 3  # linux/if_ether.h
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/socket.h, linux/if_packet.h

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Feature(enum.IntEnum):
    """Of an interface, by the command that sets it (linux/ethtool.h)."""

    CHECKSUMS_LEFT_OPEN = 0x17  # ETHTOOL_STXCSUM: what is sent is to be summed by the interface, which is no real one
    POLLING = 0x2C  # ETHTOOL_SGRO: a veth interface takes frames by NAPI


class Host:
    """A network namespace that ends with `close`."""

    def __init__(self):
        # Holds the namespace until it is killed.
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.path = f"/proc/{self._holder.pid}/ns/net"
        own = os.stat("/proc/self/ns/net").st_ino
        assert eventually(lambda: os.stat(self.path).st_ino != own), "no namespace"
        self.ip("link set lo up")

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()

    def run(self, *command: str) -> str:
        done = subprocess.run(["nsenter", f"--net={self.path}", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def ip(self, command: str) -> str:
        return self.run("ip", *command.split())

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and the sockets and processes that it makes, are on the host."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(before)
            os.close(there)

    @contextlib.contextmanager
    def packet_filter(self, chain: str) -> Iterator[None]:
        """A chain of nft, for IPv4, which is there meanwhile."""
        self.run("nft", f"table ip meanwhile {{\n{chain}\n}}")
        try:
            yield
        finally:
            self.run("nft", "delete table ip meanwhile")

    def set_feature(self, device: str, feature: Feature, is_on: bool) -> None:
        value = ctypes.create_string_buffer(struct.pack("=II", feature, is_on))
        request = struct.pack("16sP8x", device.encode(), ctypes.addressof(value))
        with self.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)

    def link_address(self, device: str) -> bytes:
        address = json.loads(self.ip(f"-json link show {device}"))[0]["address"]
        return bytes.fromhex(address.replace(":", ""))

    def packet_socket(self, device: str) -> socket.socket:
        """Sees every frame that comes in there, and sends what it is given."""
        with self.inside():
            packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        packets.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        packets.bind((device, ETH_P_ALL))
        return packets

    def connect(self, name: str, other: Host, other_name: str, *addresses: tuple[str, str]) -> None:
        """A cable between two hosts; of each pair of addresses with prefix lengths, this host has the first."""
        self.ip(f"link add {name} type veth peer name {other_name} netns {other.path}")
        for host, device, which in ((self, name, 0), (other, other_name, 1)):
            host.ip(f"link set {device} up")
            for pair in addresses:
                nodad = " nodad" if ":" in pair[which] else ""
                host.ip(f"address add {pair[which]} dev {device}{nodad}")


class HostedServer(Server):
    """A server that runs on a host of its own."""

    def __init__(self, host: Host, *arguments, **settings):
        self.host = host
        super().__init__(*arguments, **settings)

    def start(self) -> HostedServer:
        with self.host.inside():
            super().start()
        return self

    def get(self, path: str) -> tuple[int, str]:
        with self.host.inside():
            return super().get(path)
