"""One tiny round of everything that ./dev bench compares, in real namespaces. Says nothing of speed: packets are
delivered, and the report has its fields."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77
SECONDS = 600


def program(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or ROOT / "build" / "dev" / name).absolute()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> dict:
    server, generator = program("SENSO_TURN", "senso-turn"), program("SENSO_TURN_LOAD", "senso-turn-load")
    for needed in (server, generator):
        if not needed.exists():
            pytest.skip(f"there is no program at {needed}: build it")
    if shutil.which("turnserver") is None:
        pytest.skip("coturn's turnserver is not installed")
    output = tmp_path_factory.mktemp("bench")
    command = [str(ROOT / "bench/netns/run"), "--tiny", "--server", str(server), "--generator", str(generator)]
    run = subprocess.run([*command, "--output", str(output)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=SECONDS)  # fmt: skip
    if run.returncode == SKIPPED:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    ElementTree.parse(output / "results.svg")
    return json.loads((output / "results.json").read_text())


def test_nothing_failed_and_every_payload_was_right(report):
    assert report["problems"] == []


def test_the_machine_its_limits_and_the_versions_are_described(report):
    assert {"processor", "processors", "kernel", "memory_mib"} <= set(report["machine"])
    assert report["limits"]["open_files_hard"] > 0
    assert report["versions"]["senso-turn"].startswith("senso-turn")
    assert report["versions"]["coturn"].startswith("coturn ")


def test_every_path_was_measured_or_says_why_not(report):
    measured = {sample["path"] for sample in report["samples"]}
    assert {"userspace", "coturn", "forwarding", "redirect", "baseline"} <= measured
    assert ("kernel" in measured) != ("kernel" in report["skipped"])


def test_servers_relayed_over_each_transport_in_each_direction(report):
    for path in ("userspace", "coturn"):
        cells = {sample["cell"] for sample in report["samples"] if sample["path"] == path}
        for transport in ("udp", "tcp", "tls"):
            for lane in ("up", "down", "across"):
                assert f"{transport} {lane}, 2 allocations, 160 bytes" in cells


def test_every_figure_is_there(report):
    figures = {result["figure"] for result in report["results"] if result["path"] == "userspace"}
    assert {"total_us", "own_us", "rate_pps", "overload_pps", "20kpps_p50_us", "20kpps_p999_us",
            "round_trips_per_second", "setups_per_second", "setups_per_core", "bytes_per_allocation"} <= figures  # fmt: skip


def test_nothing_is_left_behind(report):
    assert not [entry.name for entry in Path("/run/netns").glob("senso-turn-bench-*")]
