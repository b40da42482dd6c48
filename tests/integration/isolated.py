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
from pathlib import Path

import private_network

HERE = Path(__file__).resolve().parent

def summarise(report: Path) -> int:
    passed, failed, skipped = 0, [], []
    for case in ElementTree.parse(report).iter("testcase"):
        test = (case.get("name") or "").partition("@")[0]  # pytest-xdist adds the group
        name = f"{case.get('classname', '').rpartition('.')[2]}::{test}"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        skip = case.find("skipped")
        if problem is not None:
            failed.append(f"FAIL {name}: {' '.join((problem.get('message') or '').split())[:300]}")
        elif skip is not None:
            skipped.append(f"SKIP {name}: {' '.join((skip.get('message') or 'no reason given').split())}")
        else:
            passed += 1
    for line in skipped + failed:
        print(line)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or passed == 0 else 0


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
        arguments = ["-q", "-rN", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}", *parallel()]
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments, *sys.argv[1:], str(HERE)], check=False)
        if not report.exists():
            print(f"FAIL integration: pytest ended with {done.returncode} before it could run anything")
            print("0 passed, 1 failed, 0 skipped")
            return 1
        sys.stdout.flush()
        code = summarise(report)
    # Anything but "a test failed" is a failure of the run itself.
    return code if done.returncode in (0, 1) else 1


if __name__ == "__main__":
    sys.exit(main())
