#!/usr/bin/env python3
"""Finds the built libFuzzer targets and runs them: `./dev fuzz`, and five seconds of each in `./dev test`.

A target is an executable named NAME_fuzz in a preset's build, asan-ubsan unless told otherwise; its corpus is tests/fuzz/corpus/NAME, if
there is one. New inputs are collected under build/, never in the repository: what is worth keeping is copied by hand.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = "_fuzz"
PRESET = "asan-ubsan"
# For one input, by the clock of the wall: a machine that does other things as well is slow.
INPUT_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Amount:
    """How long a target runs: for so many seconds, or, if that is not None, for so many executions."""

    seconds: int = 60
    runs: int | None = None

    def option(self) -> str:
        return f"-max_total_time={self.seconds}" if self.runs is None else f"-runs={self.runs}"

    def __str__(self) -> str:
        if self.runs == 0:
            return "each input once"
        return f"{self.seconds} s" if self.runs is None else f"{self.runs:,} executions"


@dataclass(frozen=True)
class Figures:
    """What a run came to, as libFuzzer says it."""

    executions: int
    edges: int
    inputs: int  # that reach something of their own

    def __str__(self) -> str:
        return f"{self.executions:,} executions, {self.edges:,} edges, {self.inputs:,} inputs"


def targets(build: Path) -> list[Path]:
    return sorted(path for path in (build / "fuzz").glob(f"*{SUFFIX}") if path.is_file() and os.access(path, os.X_OK))


def command(target: Path, amount: Amount, output: Path) -> list[str]:
    name = target.name.removesuffix(SUFFIX)
    found = output / "found" / name
    crashes = output / "crashes" / name
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    corpus = ROOT / "tests" / "fuzz" / "corpus" / name
    return [str(target), amount.option(), f"-timeout={INPUT_TIMEOUT_SECONDS}", "-rss_limit_mb=2048", "-print_final_stats=1",
            f"-artifact_prefix={crashes}/", str(found), *([str(corpus)] if corpus.is_dir() else [])]


def figures(log: str) -> Figures | None:
    """None: it did not come to its end."""
    executions = re.search(r"^stat::number_of_executed_units:\s*(\d+)", log, re.MULTILINE)
    states = re.findall(r"^#\d+\s.*\bcov: (\d+) .*\bcorp: (\d+)", log, re.MULTILINE)
    if executions is None or not states:
        return None
    edges, inputs = states[-1]
    return Figures(int(executions[1]), int(edges), int(inputs))


def run(target: Path, amount: Amount, output: Path) -> tuple[bool, str]:
    """Whether nothing was found, and a line about it. What libFuzzer says goes to a log."""
    log = output / f"{target.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as written:
        code = subprocess.run(command(target, amount, output), stdout=written, stderr=subprocess.STDOUT).returncode
    came_to = figures(log.read_text(errors="replace"))
    if code == 0 and came_to is not None:
        return True, f"{target.name}: {came_to}"
    return False, f"{target.name}: FOUND SOMETHING, see {log}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="Runs fuzz targets, as many side by side as there are cores.")
    parser.add_argument("target", nargs="?", default="all", help="one target, or all of them")
    parser.add_argument("seconds", nargs="?", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--runs", type=int, metavar="N", help="so many executions of each target instead")
    parser.add_argument("--preset", default=PRESET, help=f"whose build (default: {PRESET}; fuzz has no sanitizer, and is fast)")
    parser.add_argument("--again", action="store_true", help="only what has been collected and the corpus, each input once")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    built = targets(ROOT / "build" / arguments.preset)
    chosen = [target for target in built if arguments.target in ("all", target.name, target.name.removesuffix(SUFFIX))]
    if not chosen:
        print(f"no fuzz target {arguments.target}; there are: {' '.join(target.name for target in built) or 'none'}")
        return 2
    amount = Amount(arguments.seconds, 0 if arguments.again else arguments.runs)
    output = ROOT / "build" / "log" / "fuzz"
    print(f"{len(chosen)} {'target' if len(chosen) == 1 else 'targets'}, {amount} each; their logs are in {output} …", flush=True)
    talking = threading.Lock()
    done: list[bool] = []

    def run_and_tell(target: Path) -> None:
        is_clean, line = run(target, amount, output)
        with talking:
            done.append(is_clean)
            print(f"[{len(done)}/{len(chosen)}] {line}", flush=True)

    with ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        list(pool.map(run_and_tell, chosen))
    print("nothing found" if all(done) else f"{done.count(False)} of {len(done)} targets found something")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
