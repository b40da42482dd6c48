#!/usr/bin/env python3
"""Finds the built libFuzzer targets and runs them: `./dev fuzz`, and five seconds of each in `./dev test`.

A target is an executable named NAME_fuzz in the asan-ubsan preset's build; its corpus is tests/fuzz/corpus/NAME, if
there is one. New inputs are collected under build/, never in the repository: what is worth keeping is copied by hand.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = "_fuzz"
PRESET = "asan-ubsan"


def targets(build: Path) -> list[Path]:
    return sorted(path for path in (build / "fuzz").glob(f"*{SUFFIX}") if path.is_file() and os.access(path, os.X_OK))


def command(target: Path, seconds: int, output: Path) -> list[str]:
    name = target.name.removesuffix(SUFFIX)
    found = output / "found" / name
    crashes = output / "crashes" / name
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    corpus = ROOT / "tests" / "fuzz" / "corpus" / name
    return [str(target), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
            f"-artifact_prefix={crashes}/", str(found), *([str(corpus)] if corpus.is_dir() else [])]


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz")
    parser.add_argument("--target", default="all")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    built = targets(ROOT / "build" / PRESET)
    chosen = [target for target in built if arguments.target in ("all", target.name, target.name.removesuffix(SUFFIX))]
    if not chosen:
        print(f"no fuzz target {arguments.target}; there are: {' '.join(target.name for target in built) or 'none'}")
        return 2
    failed = []
    for number, target in enumerate(chosen, 1):
        print(f"[{number}/{len(chosen)}] {target.name}, {arguments.seconds} s …", flush=True)
        if subprocess.run(command(target, arguments.seconds, ROOT / "build" / "log" / "fuzz")).returncode != 0:
            failed.append(target.name)
    print(f"failed: {' '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
