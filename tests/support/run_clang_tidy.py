#!/usr/bin/env python3
"""clang-tidy over the product's sources, each by itself: what a unity build forgives, a missing include, shows here. Each
source is a test."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("protocol", "auth", "server", "bench")
TIDY = "clang-tidy-16"
BUILD = ROOT / "build" / "lint"  # configured, never built


def check(source: Path) -> tuple[Path, str]:
    """The warnings of one source, without clang's own count of those that it did not show."""
    done = subprocess.run([TIDY, "-p", str(BUILD), "--quiet", str(source)], cwd=ROOT, capture_output=True, text=True)
    output = done.stdout.strip()
    return source, output or (done.stderr.strip() if done.returncode else "")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("sources", nargs="*", type=Path)
    arguments = parser.parse_args()
    if not shutil.which(TIDY):
        print(f"SKIP lint: {TIDY} is missing\n0 passed, 0 failed, 1 skipped")
        return 0
    configured = subprocess.run(["cmake", "--preset", "dev", "-B", str(BUILD), "-DCMAKE_UNITY_BUILD=OFF"], cwd=ROOT,
                                capture_output=True, text=True)  # fmt: skip
    if configured.returncode != 0:
        print(f"{configured.stderr}\nFAIL lint: the sources cannot be configured\n0 passed, 1 failed, 0 skipped")
        return 1
    sources = arguments.sources or sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.cc"))
    passed = failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for source, warnings in pool.map(check, (source.absolute() for source in sources)):
            name = source.relative_to(ROOT)
            if warnings:
                failed += 1
                print(f"{warnings}\nFAIL lint: {name}", flush=True)
            else:
                passed += 1
                print(f"PASS lint: {name}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
