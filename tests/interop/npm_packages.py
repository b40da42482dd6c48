#!/usr/bin/env python3
"""Fetches the npm packages that clients here are made of into build/interop: `npm ci` from the lock file in npm/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).resolve().parent / "npm"
DIRECTORY = ROOT / "build" / "interop" / "npm"
FAILURE = DIRECTORY / "failure.txt"
STAMP = DIRECTORY / "stamp"


def why_missing() -> str | None:
    """The reason to skip what needs node and its packages, if there is one."""
    if not shutil.which("node"):
        return "node (package nodejs) is missing"
    if STAMP.exists():
        return None
    return FAILURE.read_text() if FAILURE.exists() else "the npm packages were not fetched"


def fetch() -> str | None:
    """What went wrong, if anything did."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return None
    if not shutil.which("npm"):
        return "npm is missing"
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, DIRECTORY)
    try:
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=DIRECTORY,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        return "npm ci took more than 180 s"
    if done.returncode != 0:
        return f"npm ci failed: {' '.join(done.stderr.split())[-300:]}"
    STAMP.write_text(wanted)
    return None


if __name__ == "__main__":
    problem = fetch()
    if problem:
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        FAILURE.write_text(problem)
        sys.exit(f"npm packages: {problem}")
