"""A control group whose processes get so much memory and no more, as a container's do."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


class Unavailable(Exception):
    """Why there can be none here."""


def _own_group(base: Path, kind: str) -> Path:
    """Of this process; where that is not to be seen, as in a container, the highest that is."""
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    path = next((each[2] for each in lines if each[1] == kind), "/")
    group = base / path.lstrip("/")
    return group if (group / "cgroup.procs").exists() else base


class MemoryGroup:
    """Of either version of control groups. Whoever leaves it is where this process began."""

    def __init__(self, octets: int):
        is_unified = (ROOT / "cgroup.controllers").exists()
        base = ROOT if is_unified else ROOT / "memory"
        self._home = _own_group(base, "" if is_unified else "memory")
        # In version 2 a group with processes in it has no groups below.
        self._folder = (base if is_unified else self._home) / f"senso-turn-test-{os.getpid()}"
        self._limit = "memory.max" if is_unified else "memory.limit_in_bytes"
        self._events = "memory.events" if is_unified else "memory.oom_control"
        try:
            if is_unified and "memory" not in (ROOT / "cgroup.subtree_control").read_text().split():
                (ROOT / "cgroup.subtree_control").write_text("+memory")
            self._folder.mkdir()
            (self._folder / self._limit).write_text(str(octets))
        except OSError as problem:
            self.close()
            raise Unavailable(f"memory control groups: {problem}") from None

    def add(self, pid: int) -> None:
        """What it has is counted where it was; what it takes from now on, and its children, are counted here."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def remove(self, pid: int) -> None:
        (self._home / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """How many processes the system has ended for want of memory."""
        lines = (self._folder / self._events).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def used_octets(self) -> int:
        name = "memory.current" if self._limit == "memory.max" else "memory.usage_in_bytes"
        return int((self._folder / name).read_text())

    def most_octets(self) -> int:
        """Used at once since it began."""
        name = "memory.peak" if self._limit == "memory.max" else "memory.max_usage_in_bytes"
        return int((self._folder / name).read_text())

    def close(self) -> None:
        if not self._folder.exists():
            return
        for pid in (self._folder / "cgroup.procs").read_text().split():
            self.remove(int(pid))
        self._folder.rmdir()
