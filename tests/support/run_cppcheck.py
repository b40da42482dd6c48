#!/usr/bin/env python3
"""cppcheck over the product's sources, each by itself: another pair of eyes beside clang-tidy. Each source is a test.

What is left out, and why: style and performance are clang-tidy's and the conventions'; what cppcheck cannot know about
foreign headers, which it is not shown; and each false alarm that is named below.
"""

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
CPPCHECK = "cppcheck"

OPTIONS = [
    "--language=c++", "--std=c++20", "--quiet", "--inline-suppr", "--error-exitcode=9",
    "--enable=warning,portability", f"-I{ROOT}",
    "-D__x86_64__", "-D__linux__", '-DSENSO_TURN_VERSION="0"',
    "--template={file}:{line}: {severity}: {message} [{id}]",
    # Not shown on purpose: foreign headers would take most of the time.
    "--suppress=missingInclude", "--suppress=missingIncludeSystem", "--suppress=unmatchedSuppression",
    # Macros of foreign headers.
    "--suppress=unknownMacro",
    # It gives up on constructs of C++20 that both compilers take.
    "--suppress=syntaxError", "--suppress=internalAstError", "--suppress=checkersReport",
]  # fmt: skip


def check(source: Path) -> tuple[Path, str]:
    done = subprocess.run([CPPCHECK, *OPTIONS, str(source)], cwd=ROOT, capture_output=True, text=True)
    return source, (done.stdout + done.stderr).strip() if done.returncode else ""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("sources", nargs="*", type=Path)
    arguments = parser.parse_args()
    if not shutil.which(CPPCHECK):
        print(f"SKIP cppcheck: {CPPCHECK} is missing\n0 passed, 0 failed, 1 skipped")
        return 0
    sources = arguments.sources or sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.cc"))
    passed = failed = 0
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for source, warnings in pool.map(check, (source.absolute() for source in sources)):
            name = source.relative_to(ROOT)
            if warnings:
                failed += 1
                print(f"{warnings}\nFAIL cppcheck: {name}", flush=True)
            else:
                passed += 1
                print(f"PASS cppcheck: {name}", flush=True)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
