#!/usr/bin/env python3
"""cppcheck over the product's sources, each by itself: another pair of eyes beside clang-tidy. Each source is a test.

What is left out, and why: style and performance are clang-tidy's and the conventions'; what cppcheck cannot know about
foreign headers, which it is not shown; and each false alarm that is named below.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import source_checks
from source_checks import ROOT

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
    arguments = source_checks.parse_arguments()
    if not shutil.which(CPPCHECK):
        print(f"SKIP cppcheck: {CPPCHECK} is missing\n0 passed, 0 failed, 1 skipped")
        return 0
    return source_checks.run("cppcheck", check, arguments)


if __name__ == "__main__":
    sys.exit(main())
