"""The inside of tests/integration/run: gives the empty network namespace its addresses, runs pytest, counts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Nothing leaves the namespace: everything is on its loopback interface. The local routes make ordinary addresses usable
# by peers without being addresses of an interface, which a server would take for the host's own.
NETWORK = [
    "link set lo up",
    *(f"-6 address add fd00:1::{number}/128 dev lo nodad" for number in range(1, 10)),
    "address add 45.1.0.1/32 dev lo",
    "-6 address add 2a00:2::1/128 dev lo nodad",
    "route add local 45.0.0.0/24 dev lo",
    "-6 route add local 2a00:1::/64 dev lo",
    "address add 46.0.0.10/24 dev lo",
    "route add default via 46.0.0.1 dev lo",
]


def prepare() -> None:
    for command in NETWORK:
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode != 0 and not command.startswith("-6"):
            sys.exit(f"ip {command}: {done.stderr}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def summarise(report: Path) -> int:
    passed, failed, skipped = 0, [], []
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
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


def main() -> int:
    server = Path(os.environ.get("SENSO_TURN") or HERE.parents[1] / "build" / "dev" / "senso-turn")
    if not server.exists():
        print(f"FAIL integration: there is no server at {server}: build it, or set SENSO_TURN")
        print("0 passed, 1 failed, 0 skipped")
        return 1
    prepare()
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        arguments = ["-q", "-rN", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={report}"]
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
