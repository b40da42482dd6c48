"""Runs the interoperability suites inside the namespaces that tests/interop/run made for them."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import aiortc_client
import bench
import browser
import certificates
import check_page
import firefox
import haproxy
import kernel_path
import libnice_client
import namespaces
import openssl_client
import turnutils
import websocket_client
from outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
SUITES = {
    "turnutils": turnutils.run,
    "kernel_path": kernel_path.run,
    "openssl": openssl_client.run,
    "haproxy": haproxy.run,
    "websocket": websocket_client.run,
    "aiortc": aiortc_client.run,
    "libnice": libnice_client.run,
    "chromium": browser.run,
    "check_page": check_page.run,
    "firefox": firefox.run,
}

LONG = {"check_page"}  # minutes each: only when they are named, as `./dev test --all` does


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/interop/run")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--server", type=Path, default=Path(os.environ.get("SENSO_TURN") or ROOT / "build/dev/senso-turn"))
    parser.add_argument("--against", choices=["senso-turn", "coturn"], default="senso-turn",
                        help="coturn: tries these suites on a server known to be right")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in SUITES:
            parser.error(f"no suite is named {name}; there are {', '.join(SUITES)}")
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}

    def report(name: str, outcome: Outcome) -> None:
        word, reason = outcome
        counts[word] += 1
        print(f"{word} {name}{': ' if reason else ''}{reason}", flush=True)

    program = arguments.server.absolute() if arguments.against == "senso-turn" else None
    if program is not None and not os.access(program, os.X_OK):
        report("interop", ("SKIP", f"there is no server at {program}: build it, or set SENSO_TURN"))
    else:
        try:
            namespaces.prepare({certificates.HOST: bench.SERVER_V4, certificates.OTHER_HOST: bench.SERVER_V4})
            namespaces.Namespace("trial").close()
        except (OSError, subprocess.CalledProcessError) as problem:
            report("interop: the network namespaces", ("SKIP", f"they cannot be made here: {problem}"))
            chosen = []
        else:
            chosen = arguments.suites or [name for name in SUITES if name not in LONG]
        for name in chosen:
            began = time.monotonic()
            directory = ROOT / "build" / "log" / "interop" / name
            subprocess.run(["rm", "-rf", str(directory)], check=True)
            directory.mkdir(parents=True)
            try:
                SUITES[name](directory, program, report)
            except Exception as problem:  # the other suites are not to suffer
                traceback.print_exc()
                report(f"{name}: the suite itself", ("FAIL", f"{type(problem).__name__}: {problem}"))
            print(f"{name} took {time.monotonic() - began:.0f} s", flush=True)
    print(f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    # Ended from outside, the way out still leads through the `finally` clauses.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
