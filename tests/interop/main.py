"""Runs the interoperability suites inside the namespaces that tests/interop/run made for them."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import browser
import namespaces
import turnutils

ROOT = Path(__file__).resolve().parents[2]
SUITES = {"turnutils": turnutils.run, "chromium": browser.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/interop/run")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--server", type=Path, default=Path(os.environ.get("SENSO_TURN") or ROOT / "build/dev/senso-turn"))
    parser.add_argument("--against", choices=["senso-turn", "coturn"], default="senso-turn",
                        help="coturn: tries these suites on a server known to be right")
    arguments = parser.parse_args()
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}

    def report(name: str, outcome: turnutils.Outcome) -> None:
        word, reason = outcome
        counts[word] += 1
        print(f"{word} {name}{': ' if reason else ''}{reason}", flush=True)

    program = arguments.server.absolute() if arguments.against == "senso-turn" else None
    if program is not None and not os.access(program, os.X_OK):
        report("interop", ("SKIP", f"there is no server at {program}: build it, or set SENSO_TURN"))
    else:
        try:
            namespaces.prepare()
            for name in arguments.suites or SUITES:
                began = time.monotonic()
                directory = ROOT / "build" / "log" / "interop" / name
                subprocess.run(["rm", "-rf", str(directory)], check=True)
                directory.mkdir(parents=True)
                SUITES[name](directory, program, report)
                print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)
        except (OSError, subprocess.CalledProcessError) as problem:
            report("interop: the network namespaces", ("SKIP", f"they cannot be made here: {problem}"))
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    # Ended from outside, the way out still leads through the `finally` clauses.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
