#!/usr/bin/env python3
"""The npm packages that clients here are made of: fetched into build/interop from the lock file in npm/."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from npm_ci import NpmPackages  # noqa: E402

DIRECTORY = ROOT / "build" / "interop" / "npm"
PACKAGES = NpmPackages(Path(__file__).resolve().parent / "npm", DIRECTORY)


def why_missing() -> str | None:
    """The reason to skip what needs node and its packages, if there is one."""
    return PACKAGES.why_missing()


if __name__ == "__main__":
    problem = PACKAGES.fetch()
    if problem:
        sys.exit(f"npm packages: {problem}")
