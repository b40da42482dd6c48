#!/usr/bin/env python3
"""Documents say what the code says: compares those that are generated with what the program and the test list generate,
and looks for the tests that docs/known-holes.md names.

`check_documents.py --write` brings the generated ones up to date. One line a document; the last line is the usual one.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENSO_TURN = os.environ.get("SENSO_TURN") or str(ROOT / "build" / "dev" / "senso-turn")

# Document -> the command that prints it.
GENERATED = {
    "docs/configuration.md": [SENSO_TURN, "generate", "configuration"],
    "docs/firewall.md": [SENSO_TURN, "generate", "firewall"],
    "docs/metrics.md": [SENSO_TURN, "generate", "metrics"],
    "docs/coturn-options.md": [SENSO_TURN, "generate", "migration"],
    "docs/dependencies.md": [sys.executable, "tests/support/dependencies_document.py"],
    "docs/compliance.md": [sys.executable, "tests/integration/compliance_report.py"],
}

HOLES = "docs/known-holes.md"


def check(document: str, command: list[str], write: bool) -> str | None:
    """What is wrong with it, if anything."""
    generated = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if generated.returncode != 0:
        return f"{' '.join(command)} failed: {generated.stderr.strip()[-300:]}"
    file = ROOT / document
    if write:
        file.write_text(generated.stdout)
        return None
    if not file.exists():
        return "missing; tests/support/check_documents.py --write makes it"
    present = file.read_text()
    if present == generated.stdout:
        return None
    difference = difflib.unified_diff(present.splitlines(), generated.stdout.splitlines(), document, "generated", n=0, lineterm="")
    print("\n".join(list(difference)[:20]))
    return "not current; tests/support/check_documents.py --write corrects it"


def is_defined(name: str, source: str) -> bool:
    """A function of Python, a test of GoogleTest as Suite.Name, or the entry of a fuzz target."""
    suite, _, case = name.partition(".")
    test = rf"TEST(_F|_P)?\(\s*{suite},\s*{case}\s*\)" if case else rf"(def|extern .* int) {re.escape(name)}\("
    return re.search(f"^{test}", source, re.M) is not None


def check_named_tests() -> str | None:
    """What is wrong with docs/known-holes.md: each hole names tests, and each of them is in the file before it."""
    wrong = []
    for line in (ROOT / HOLES).read_text().splitlines():
        if not line.startswith("| ") or line.startswith("| hole "):
            continue
        hole, file, count = line.split(" | ")[0][2:], None, 0
        for path, name in re.findall(r"([\w/]+\.(?:py|cc)):|`([^`]+)`", line.rsplit(" | ", 1)[1]):
            if path:
                file = ROOT / "tests" / path
            elif file is None or not file.exists() or not is_defined(name, file.read_text()):
                wrong.append(f"{hole}: there is no {name} in {file and file.relative_to(ROOT)}")
            count += bool(name)
        if count == 0:
            wrong.append(f"{hole}: no test")
    return "; ".join(wrong) or None


def main() -> int:
    problems = {document: check(document, command, "--write" in sys.argv) for document, command in GENERATED.items()}
    problems[HOLES] = check_named_tests()
    for document, problem in problems.items():
        print(f"{'FAIL' if problem else 'PASS'} documents: {document}{f': {problem}' if problem else ''}")
    failed = sum(problem is not None for problem in problems.values())
    print(f"{len(problems) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
