"""Network namespaces for a test: made, wired, and taken down again."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def prepare(hosts: dict[str, str]) -> None:
    """`ip netns` keeps its handles under /run: a private one, which vanishes with our mount namespace, as does the
    file of host names, each with its address."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    file = Path("/run/hosts")
    # Chromium asks for the hosts of turn: and stun: with a dot behind them.
    file.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name} {name}.\n" for name, address in hosts.items()))
    subprocess.run(["mount", "--bind", str(file), "/etc/hosts"], check=True)


class Namespace:
    """One network namespace with loopback up. Its name includes the process id, so that two runs never meet."""

    def __init__(self, role: str):
        self.name = f"senso-turn-{os.getpid()}-{role}"
        self._processes: list[subprocess.Popen] = []
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")
        # Clients that share an address with relays keep out of the relays' ports: some want the next port as well, and
        # give up where it is a relay.
        _ip("netns", "exec", self.name, "sysctl", "-qw", "net.ipv4.ip_local_port_range=16384 49151")

    def add_address(self, device: str, address: str) -> None:
        flags = ["nodad"] if ":" in address else []
        _ip("-n", self.name, "addr", "add", address, "dev", device, *flags)

    def add_default_route(self, gateway: str) -> None:
        _ip("-n", self.name, *(["-6"] if ":" in gateway else []), "route", "add", "default", "via", gateway)

    def command(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def start(self, log: Path, *command: str, **options) -> subprocess.Popen:
        """Runs until the namespace closes."""
        with log.open("wb") as output:
            process = subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, **options)
        self._processes.append(process)
        return process

    def run(self, log: Path, *command: str, timeout: int, **options) -> int:
        """The exit code; 124 if it had to be ended."""
        with log.open("wb") as output:
            try:
                return subprocess.run(self.command(*command), stdin=subprocess.DEVNULL, stdout=output,
                                      stderr=subprocess.STDOUT, timeout=timeout, **options).returncode
            except subprocess.TimeoutExpired:
                output.write(f"\nended after {timeout} s\n".encode())
                return 124

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile belong to the namespace, for as long as they live."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())

    def close(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _ip("netns", "del", self.name)


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def connect(one: Namespace, device: str, other: Namespace, other_device: str) -> None:
    """A cable between the two."""
    _ip("link", "add", device, "netns", one.name, "type", "veth", "peer", "name", other_device, "netns", other.name)
    _ip("-n", one.name, "link", "set", device, "up")
    _ip("-n", other.name, "link", "set", other_device, "up")


def udp_socket(namespace: Namespace, family: int = socket.AF_INET) -> socket.socket:
    with namespace.entered():
        return socket.socket(family, socket.SOCK_DGRAM)
