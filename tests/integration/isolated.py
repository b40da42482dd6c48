"""The inside of tests/integration/run: gives the empty network namespace its addresses, runs pytest, counts.

The tests wait more than they compute, so that several modules run at once where pytest-xdist is there, and a module with
one shard beside itself with two: each worker has a network namespace of its own, and knows nothing of the others
(conftest.py).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import private_network

HERE = Path(__file__).resolve().parent

# So many tests that failed get a second chance, each by itself and with nothing beside it: on a machine whose cores are
# others' as well, one in some ten thousand fails by being late. A fault of the server's fails again, or is reported by a
# sanitizer; what failed first is told in any case.
MOST_SECOND_CHANCES = 3


@dataclass
class Outcome:
    """What a run has come to: by name of the test, the reason."""

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def read(report: Path) -> Outcome:
    outcome = Outcome()
    for case in ElementTree.parse(report).iter("testcase"):
        test = (case.get("name") or "").partition("@")[0]  # pytest-xdist adds the group
        name = f"{case.get('classname', '').rpartition('.')[2]}::{test}"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        skip = case.find("skipped")
        if problem is not None:
            # Of a test that fails twice, the second time on being taken down, the first reason is the one to tell.
            outcome.failed.setdefault(name, " ".join((problem.get("message") or "").split())[:300])
        elif skip is not None:
            outcome.skipped.append(f"{name}: {' '.join((skip.get('message') or 'no reason given').split())}")
        else:
            outcome.passed += 1
    return outcome


def summarise(outcome: Outcome, again: dict[str, str]) -> int:
    """`again`: what has passed the second time, and is not among the failures any more."""
    for name, reason in again.items():
        print(f"AGAIN {name}: {reason}")
    for line in outcome.skipped:
        print(f"SKIP {line}")
    for name, reason in outcome.failed.items():
        print(f"FAIL {name}: {reason}")
    print(f"{outcome.passed} passed, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped")
    return 1 if outcome.failed or outcome.passed == 0 else 0


def run(report: Path, *arguments: str) -> int:
    always = ["-q", "-rN", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}"]
    return subprocess.run([sys.executable, "-m", "pytest", *always, *arguments], check=False).returncode


def give_second_chances(outcome: Outcome, report: Path) -> dict[str, str]:
    """Takes those that pass now from the failures, and returns them."""
    if not 0 < len(outcome.failed) <= MOST_SECOND_CHANCES:
        return {}
    again: dict[str, str] = {}
    for name, reason in list(outcome.failed.items()):
        module, _, test = name.partition("::")
        report.unlink(missing_ok=True)
        print(f"once more, by itself: {name}", flush=True)
        run(report, f"{HERE / module}.py::{test}")
        if report.exists() and read(report) == Outcome(passed=1):
            again[name] = reason
            del outcome.failed[name]
            outcome.passed += 1
    return again


def parallel() -> list[str]:
    workers = os.environ.get("SENSO_TURN_TEST_WORKERS") or str(3 * (os.cpu_count() or 1))
    if workers == "1" or importlib.util.find_spec("xdist") is None:
        return []
    return ["-n", workers, "--dist", "loadgroup"]


def main() -> int:
    server = Path(os.environ.get("SENSO_TURN") or HERE.parents[1] / "build" / "dev" / "senso-turn")
    if not server.exists():
        print(f"FAIL integration: there is no server at {server}: build it, or set SENSO_TURN")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    private_network.prepare()
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        code = run(report, *parallel(), *sys.argv[1:], str(HERE))
        if not report.exists():
            print(f"FAIL integration: pytest ended with {code} before it could run anything")
            print("0 passed, 1 failed, 0 skipped")
            return 1
        outcome = read(report)
        again = give_second_chances(outcome, report)
        sys.stdout.flush()
        result = summarise(outcome, again)
    # Anything but "a test failed" is a failure of the run itself.
    return result if code in (0, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
