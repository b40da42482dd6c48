"""The load generator senso-turn-load, run against a server of the tests."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from server_fixture import ALICE, PEER, REPOSITORY, Server


def generator() -> Path:
    return Path(os.environ.get("SENSO_TURN_LOAD") or REPOSITORY / "build" / "dev" / "senso-turn-load").absolute()


def need_generator() -> None:
    if not generator().exists():
        pytest.skip(f"there is no load generator at {generator()}: build it, or set SENSO_TURN_LOAD")


def run_load(server: Server, *arguments: str, seconds: int = 300) -> dict:
    """Every set-up and release must succeed and no payload may be damaged. Returns the generator's report."""
    need_generator()
    address, port = server.tls if "tls" in arguments else server.udp
    command = [str(generator()), "--server", f"{address}:{port}", "--user", ALICE.username,
               "--password", ALICE.password, "--peer", PEER, "--json", "-", *arguments]  # fmt: skip
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)
    assert run.returncode == 0, run.stderr[-3000:] + run.stdout[-3000:]
    report = json.loads(run.stdout)
    for lane in ("up", "down", "across"):
        if lane in report["traffic"]:
            assert report["traffic"][lane]["corrupt"] == 0
            assert report["traffic"][lane]["duplicated"] == 0
    return report
