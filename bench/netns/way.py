"""What every way from client to peer has in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from network import Network
from plan import Cell


class Unavailable(Exception):
    """Why a path cannot be measured here."""


@dataclass(frozen=True)
class Running:
    """A path that stands: how the generator reaches it, and the server, if there is one."""

    arguments: list[str]
    pid: int | None = None


@dataclass
class Tools:
    """What the paths are made of."""

    network: Network
    directory: Path  # for configurations and logs
    server: Path
    turnserver: str
    certificate: Path
    private_key: Path
    notes: list[str] = field(default_factory=list)


class Way:
    """A way from client to peer."""

    name = ""
    title = ""

    def __init__(self, tools: Tools):
        self.tools = tools

    def check(self) -> None:
        """Raises Unavailable."""

    def refusal(self, cell: Cell) -> str | None:
        """Why this load says nothing about this path."""
        return None

    @contextmanager
    def standing(self, cell: Cell, processors: set[int]) -> Iterator[Running]:
        """Ready for traffic; whatever computes for it stays on these processors."""
        raise NotImplementedError
