#!/usr/bin/env python3
"""Generated documents say what the code says: compares docs/ with what the program and the test list generate.

`check_documents.py --write` brings them up to date. One line a document; the last line is the usual one.
"""

from __future__ import annotations

import difflib
import os
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


def main() -> int:
    failed = 0
    for document, command in GENERATED.items():
        problem = check(document, command, "--write" in sys.argv)
        failed += problem is not None
        print(f"{'FAIL' if problem else 'PASS'} documents: {document}{f': {problem}' if problem else ''}")
    print(f"{len(GENERATED) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
