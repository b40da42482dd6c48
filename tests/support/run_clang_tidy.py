#!/usr/bin/env python3
"""clang-tidy over the product's sources, each by itself: what a unity build forgives, a missing include, shows here. Each
source is a test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import source_checks
from source_checks import ROOT

TIDY = "clang-tidy-16"
BUILD = ROOT / "build" / "lint"  # configured, never built


def check(source: Path) -> tuple[Path, str]:
    """The warnings of one source, without clang's own count of those that it did not show."""
    done = subprocess.run([TIDY, "-p", str(BUILD), "--quiet", str(source)], cwd=ROOT, capture_output=True, text=True)
    output = done.stdout.strip()
    return source, output or (done.stderr.strip() if done.returncode else "")


def main() -> int:
    arguments = source_checks.parse_arguments()
    if not shutil.which(TIDY):
        print(f"SKIP lint: {TIDY} is missing\n0 passed, 0 failed, 1 skipped")
        return 0
    configured = subprocess.run(["cmake", "--preset", "dev", "-B", str(BUILD), "-DCMAKE_UNITY_BUILD=OFF"], cwd=ROOT,
                                capture_output=True, text=True)  # fmt: skip
    if configured.returncode != 0:
        print(f"{configured.stderr}\nFAIL lint: the sources cannot be configured\n0 passed, 1 failed, 0 skipped")
        return 1
    return source_checks.run("lint", check, arguments)


if __name__ == "__main__":
    sys.exit(main())
