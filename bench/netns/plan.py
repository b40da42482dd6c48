"""What a run measures: loads ("cells"), which figures of each, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace

COST, RATE, OVERLOAD, LATENCY = "cost", "rate", "overload", "latency"
SETUP, MEMORY = "setup", "memory"
TRANSPORTS = ("udp", "tcp", "tls")
# up: client to peer; down: peer to client; across: client to client over two relays; echo: there and back.
LANES = ("up", "down", "across", "echo")
NEAR_LIMIT = 10_000  # allocations; more than half of what 20,000 descriptors allow clients and a server in one machine


@dataclass(frozen=True)
class Cell:
    """One load and what of it is measured."""

    transport: str
    lane: str
    allocations: int
    size: int
    figure: str

    @property
    def name(self) -> str:
        if self.figure in (SETUP, MEMORY):
            return f"{self.figure}, {self.allocations} allocations"
        return f"{self.transport} {self.lane}, {self.allocations} allocations, {self.size} bytes"


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds, and how fine the search is."""

    cost_seconds: float = 2.0
    probe_seconds: float = 1.0
    probes: int = 9
    latency_seconds: float = 5.0
    setup_seconds: float = 4.0


@dataclass(frozen=True)
class Plan:
    cells: tuple[Cell, ...]
    pace: Pace
    rounds: int


def across(allocations: int) -> int:
    """Relay to relay needs pairs."""
    return max(2, allocations + allocations % 2)


def quick(rounds: int) -> Plan:
    cells = [Cell("udp", lane, allocations, 160, COST) for allocations in (1, 16, 1000) for lane in ("up", "down")]
    cells += [Cell("udp", "up", NEAR_LIMIT, 160, COST)]
    cells += [Cell("udp", lane, 16, 1200, COST) for lane in ("up", "down")]
    cells += [Cell("udp", "across", 16, 160, COST)]
    cells += [Cell(transport, lane, 16, 160, COST) for transport in ("tcp", "tls") for lane in ("up", "down")]
    cells += [Cell("udp", lane, 16, 160, figure) for figure in (RATE, OVERLOAD) for lane in ("up", "down")]
    cells += [Cell("udp", "echo", 16, 160, LATENCY)]
    cells += [Cell("udp", "up", 1000, 160, SETUP), Cell("udp", "up", NEAR_LIMIT, 160, MEMORY)]
    return Plan(tuple(cells), Pace(0.6, 0.4, 6, 1.5, 1.0), rounds)


def full(rounds: int) -> Plan:
    cells = []
    for transport in TRANSPORTS:
        for allocations in (1, 16, 1000, NEAR_LIMIT):
            for size in (160, 1200):
                for lane in LANES:
                    count = across(allocations) if lane == "across" else allocations
                    figures = (LATENCY,) if lane == "echo" else (COST, RATE, OVERLOAD)
                    cells += [Cell(transport, lane, count, size, figure) for figure in figures]
    cells += [Cell("udp", "up", 1000, 160, SETUP), Cell("udp", "up", NEAR_LIMIT, 160, MEMORY)]
    return Plan(tuple(cells), Pace(), rounds)


def tiny() -> Plan:
    """Everything once and as short as can be: whether it works, not how well."""
    cells = [Cell(transport, lane, 2, 160, COST) for transport in TRANSPORTS for lane in ("up", "down", "across")]
    cells += [Cell("udp", "up", 2, 160, figure) for figure in (RATE, OVERLOAD)]
    cells += [Cell("udp", "echo", 2, 160, LATENCY)]
    cells += [Cell("udp", "up", 4, 160, SETUP), Cell("udp", "up", 4, 160, MEMORY)]
    return Plan(tuple(cells), Pace(0.1, 0.1, 2, 0.1, 1.0), 1)


def narrowed(plan: Plan, *, transports: list[str] | None = None, lanes: list[str] | None = None,
             allocations: list[int] | None = None, sizes: list[int] | None = None,
             figures: list[str] | None = None) -> Plan:  # fmt: skip
    """Only the cells that all of the given lists name. Set-up and memory know only allocations."""

    def is_wanted(cell: Cell) -> bool:
        if figures is not None and cell.figure not in figures:
            return False
        if allocations is not None and cell.allocations not in allocations:
            return False
        if cell.figure in (SETUP, MEMORY):
            return True
        return ((transports is None or cell.transport in transports) and (lanes is None or cell.lane in lanes)
                and (sizes is None or cell.size in sizes))  # fmt: skip

    return replace(plan, cells=tuple(cell for cell in plan.cells if is_wanted(cell)))


def descriptors_needed(cell: Cell) -> int:
    """Of the generator; a server with a socket for each allocation needs about as many, in a process of its own."""
    return cell.allocations + 200
