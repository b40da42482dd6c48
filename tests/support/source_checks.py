"""What the analysers have in common: each of the product's sources is a test of its own, side by side."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("protocol", "auth", "server", "bench")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("sources", nargs="*", type=Path)
    return parser.parse_args()


def run(name: str, check: Callable[[Path], tuple[Path, str]], arguments: argparse.Namespace) -> int:
    """Calls `check` for each source, which gives its warnings; prints a line each, and returns the exit code."""
    sources = arguments.sources or sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.cc"))
    passed = failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for source, warnings in pool.map(check, (source.absolute() for source in sources)):
            path = source.relative_to(ROOT)
            if warnings:
                failed += 1
                print(f"{warnings}\nFAIL {name}: {path}", flush=True)
            else:
                passed += 1
                print(f"PASS {name}: {path}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0
