"""What deploy/systemd/senso-turn.service says, and which system calls it lets through."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "systemd"
UNIT = FOLDER / "senso-turn.service"

needs_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze (package systemd) is missing"
)


def values_of(key: str) -> list[str]:
    """Of each line with this key, in their order."""
    lines = (line.partition("=") for line in UNIT.read_text().splitlines() if not line.startswith("#"))
    return [value.strip() for name, _, value in lines if name == key]


def capabilities() -> list[str]:
    """As setpriv spells them: "net_admin"."""
    (line,) = values_of("AmbientCapabilities")
    return [name.removeprefix("CAP_").lower() for name in line.split()]


@functools.cache
def _members(group: str) -> frozenset[str]:
    done = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    found: set[str] = set()
    for line in done.stdout.splitlines()[1:]:
        word = line.split("#")[0].strip()
        if word:
            found |= _members(word) if word.startswith("@") else {word}
    return frozenset(found)


def allowed_system_calls() -> set[str]:
    """systemd.exec(5), SystemCallFilter: the first line makes a list of what is allowed; ~ takes out of it."""
    allowed: set[str] = set()
    for line in values_of("SystemCallFilter"):
        is_taken_out = line.startswith("~")
        for word in line.removeprefix("~").split():
            members = _members(word) if word.startswith("@") else {word}
            allowed = allowed - members if is_taken_out else allowed | members
    return allowed
