"""Ways from client to peer without any TURN, and the list of all that are compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import network
from network import call
from plan import LATENCY, MEMORY, SETUP, Cell
from servers import Coturn, Kernel, Userspace
from summary import BASELINE
from way import Running, Tools, Unavailable, Way


class WithoutServer(Way):
    """Bare payloads between clients and peers."""

    peer_namespace = "peer"

    def refusal(self, cell: Cell) -> str | None:
        if cell.figure in (SETUP, MEMORY):
            return "there are no allocations"
        if cell.transport != "udp":
            return "only UDP goes from client to peer"
        return "there are no relays" if cell.lane == "across" else None

    def arguments(self) -> list[str]:
        peers = self.tools.network.peer if self.peer_namespace == "peer" else self.tools.network.server
        address = network.PEER if self.peer_namespace == "peer" else network.LISTENER
        return ["--mode", "direct", "--peer", address, "--peer-netns", str(peers.file)]


class Baseline(WithoutServer):
    name = BASELINE
    title = "generator and one veth hop, no relay"
    peer_namespace = "server"

    def refusal(self, cell: Cell) -> str | None:
        if cell.figure == LATENCY:
            return "its latency is nobody's yardstick"
        # Relay to relay is compared with the same hop.
        return None if cell.lane == "across" and cell.transport == "udp" else super().refusal(cell)

    @contextmanager
    def standing(self, cell: Cell, processors: set[int]) -> Iterator[Running]:
        yield Running(self.arguments())


class Forwarding(WithoutServer):
    name = "forwarding"
    title = "plain kernel IP forwarding"

    @contextmanager
    def standing(self, cell: Cell, processors: set[int]) -> Iterator[Running]:
        self.tools.network.set_forwarding(True)
        try:
            yield Running(self.arguments())
        finally:
            self.tools.network.set_forwarding(False)


class Redirect(WithoutServer):
    name = "redirect"
    title = "bare tc redirect, no logic"

    def __init__(self, tools: Tools):
        super().__init__(tools)
        self._by_bpf = False

    def check(self) -> None:
        try:
            for target in (network.TO_CLIENT, network.TO_PEER):
                index = self.tools.network.server.index_of(target)
                machine = f"-I/usr/include/{os.uname().machine}-linux-gnu"
                call("clang-16", "-O2", "-target", "bpf", machine, f"-DTARGET={index}", "-c",
                     str(Path(__file__).parent / "redirect.bpf.c"), "-o", str(self._object(target)))  # fmt: skip
            self._by_bpf = True
            self._attach()
        except OSError as problem:
            self._by_bpf = False
            self.tools.notes.append(f"the bare redirect is tc's mirred action, not a BPF program: {problem}")
            self._detach()
            try:
                self._attach()
            except OSError as other:
                raise Unavailable(f"tc cannot redirect: {other}") from other
        finally:
            self._detach()

    def _object(self, target: str) -> Path:
        return self.tools.directory / f"redirect-{target}.o"

    def _attach(self) -> None:
        for source, target in ((network.TO_CLIENT, network.TO_PEER), (network.TO_PEER, network.TO_CLIENT)):
            action = ["bpf", "direct-action", "object-file", str(self._object(target)), "section", "classifier"] \
                if self._by_bpf else ["matchall", "action", "mirred", "egress", "redirect", "dev", target]
            tc = ("tc", "-n", self.tools.network.server.name)
            call(*tc, "qdisc", "replace", "dev", source, "clsact")
            call(*tc, "filter", "add", "dev", source, "ingress", "protocol", "ip", *action)

    def _detach(self) -> None:
        for device in (network.TO_CLIENT, network.TO_PEER):
            try:
                call("tc", "-n", self.tools.network.server.name, "qdisc", "del", "dev", device, "clsact")
            except OSError:
                pass  # it was never there

    @contextmanager
    def standing(self, cell: Cell, processors: set[int]) -> Iterator[Running]:
        try:
            self._attach()
            with self.tools.network.straight():
                yield Running(self.arguments())
        finally:
            self._detach()


PATHS = (Userspace, Kernel, Coturn, Forwarding, Redirect)
