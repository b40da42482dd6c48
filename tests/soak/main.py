"""Hours under load, and what they leave behind: memory, descriptors, ports, lost packets. Started by ./run.

A server on a host of its own (in network namespaces) has thousands of allocations over every transport, of which some
come and go, and is reloaded, gets certificates and is handed over to new processes meanwhile."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import loads  # noqa: E402
from certificates import SERVER_NAME, CertificatePair, test_authority  # noqa: E402
from drawing import draw  # noqa: E402
from figures import Event, LoadResult, Probe, Sample, Soak, as_json, as_table, judge  # noqa: E402
from network_namespaces import HostedServer  # noqa: E402
from relay_site import SERVER, Site, settings_of  # noqa: E402
from reloading import reload  # noqa: E402
from site_load import SiteLoad  # noqa: E402
from upgrading import UpgradableServer  # noqa: E402
from waiting import eventually  # noqa: E402

PORTS = {"plain": 3478, "tls": 5349}
PROBE_ALLOCATIONS, PROBE_RATE, PROBE_SECONDS = 10, 500, 3.0
TOUCH_SECONDS = 2.0
IDLE_SECONDS = 60.0
LEAST_SECONDS = 5.0  # for which it is worth to begin


class SoakServer(HostedServer, UpgradableServer):
    """One over all its processes, on a host of its own."""

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def allocations(self) -> int:
        return int(self.metric("senso_turn_allocations"))


class Certificates:
    """Files that get other contents by rename, as certbot does it."""

    def __init__(self, directory: Path):
        self._directory = directory
        self._pair = CertificatePair(directory / "tls.crt", directory / "tls.key")
        self._count = 0
        self.replace()

    @property
    def setting(self) -> dict:
        return self._pair.setting

    def replace(self) -> None:
        self._count += 1
        new = test_authority().issue(f"soak-{self._count}", SERVER_NAME, days=5 + self._count)
        for source, target in ((new.certificate, self._pair.certificate), (new.private_key, self._pair.private_key)):
            written = target.with_suffix(".new")
            written.write_bytes(source.read_bytes())
            written.rename(target)


class Run:
    def __init__(self, arguments: argparse.Namespace, directory: Path):
        self._arguments = arguments
        self._seconds = arguments.hours * 3600
        self._certificates = Certificates(directory)
        self._site = Site()
        settings = settings_of(arguments.datapath, PORTS["plain"], shards=arguments.shards, drain={"deadline": "20s"},
                               limits={"allocations": 0, "allocations_per_user": 0, "connections_per_source": 0,
                                       "challenges_per_source": {"rate": 0}})  # fmt: skip
        settings["listeners"].append({"transport": "tls", "address": SERVER, "port": PORTS["tls"]})
        settings["tls"] = {"certificates": [self._certificates.setting]}
        # Relays are peers of each other.
        self._server = SoakServer(self._site.server, directory / "server", settings)
        self._loads: dict[loads.Kind, SiteLoad] = {}
        self._results: dict[str, LoadResult] = {}
        self._began = time.monotonic()
        asked = {name: str(value) if isinstance(value, Path) else value for name, value in vars(arguments).items()}
        wanted = {"reload": 1, "certificate": 1, "hand-over": arguments.hand_overs}
        self.soak = Soak(asked=asked, warm_up_seconds=min(900.0, 0.2 * self._seconds), wanted=wanted)

    def execute(self) -> Soak:
        """To its end, or until something is wrong, which is then among what was found."""
        try:
            self._go_through()
        except (AssertionError, AttributeError, OSError, RuntimeError, subprocess.SubprocessError, KeyboardInterrupt) as failure:
            self.soak.problems.append(str(failure)[-2000:] or type(failure).__name__)
        finally:
            self._end()
        return self.soak

    def _go_through(self) -> None:
        self._server.start()
        self._touch_everything()
        self._began = time.monotonic()
        for kind in loads.KINDS:
            self._start(kind)
        self._follow_the_schedule()
        for kind in list(self._loads):
            self._finish(kind)
        self._look_for_leftovers()

    def _end(self) -> None:
        self.soak.loads = list(self._results.values())
        for load in self._loads.values():
            load.kill()
        try:
            self._server.stop()  # which looks at how each process has ended, and at what it said
        except (AssertionError, OSError, subprocess.SubprocessError) as failure:
            self.soak.problems.append(f"the server did not end well: {failure}"[:2000])
        self._site.close()
        if self._server.log_file.exists():
            self._arguments.output.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._server.log_file, self._arguments.output / "server.log")

    # What happens to it

    def _follow_the_schedule(self) -> None:
        total = self._seconds
        # What comes how often, in seconds; hand-overs come early and late, and leave the time between to one process.
        due = {
            self._sample: min(10.0, total / 20),
            self._probe: min(60.0, total / 8),
            self._reload: min(300.0, total / 6),
            self._replace_certificate: min(600.0, total / 3),
        }
        next_time = dict(due)
        handovers = [max(0.05 * total, 15.0), 0.95 * total][: self._arguments.hand_overs]
        while self._second() < total:
            while handovers and self._second() >= handovers[0]:
                handovers.pop(0)
                self._hand_over()
            for action, interval in due.items():
                if self._second() >= next_time[action]:
                    action()
                    next_time[action] = self._second() + interval
            self._see_that_all_run()
            time.sleep(0.2)
        for _ in handovers:  # that a probe has kept from their turn
            self._hand_over()

    def _sample(self) -> None:
        server = self._server
        self.soak.samples.append(Sample(self._second(), server.pid, server.resident_kib(), server.descriptors(), server.allocations()))

    def _probe(self) -> None:
        probe = SiteLoad(self._site, "--allocations", str(PROBE_ALLOCATIONS), "--rate", str(PROBE_RATE), "--direction", "echo",
                         seconds=PROBE_SECONDS)  # fmt: skip
        try:
            report = probe.report()
        finally:
            probe.kill()
        echo = report["traffic"]["echo"]
        times = echo["latency_us"]
        self.soak.probes.append(Probe(self._second(), times["p50"], times["p99"], echo["sent"], echo["lost"],
                                      round(PROBE_RATE * PROBE_SECONDS), tuple(report["problems"])))  # fmt: skip
        if self.soak.samples:
            last = self.soak.samples[-1]
            self._say(f"{last.resident_kib / 1024:.1f} MiB, {last.descriptors:,} descriptors, {last.allocations:,} allocations; "
                      f"round trips p50 {times['p50']:.0f} us, p99 {times['p99']:.0f} us")  # fmt: skip

    def _reload(self) -> None:
        """A limit that is never met comes and goes."""
        self._note("reload")
        count = sum(event.what == "reload" for event in self.soak.events)
        reload(self._server, limits={"packets_per_allocation": 1_000_000 * (count % 2)})

    def _replace_certificate(self) -> None:
        self._note("certificate")
        self._certificates.replace()

    def _hand_over(self) -> None:
        """Who stays with the process before is at its end first."""
        leaving = [kind for kind in self._loads if not kind.survives_handover]
        for kind in leaving:
            self._finish(kind)
        self._note("hand-over", ends_process=True)
        self._say(self._server.upgrade().strip().replace("\n", "; "))
        if self._seconds - self._second() > LEAST_SECONDS:
            for kind in leaving:
                self._start(kind)

    # Loads

    def _touch_everything(self) -> None:
        """What is made once, at the first use, is there before descriptors are counted."""
        for kind in loads.KINDS:
            load = loads.start(self._site, kind, PORTS, 40, 400, seconds=TOUCH_SECONDS)
            try:
                result = loads.result_of(kind.name, load.report())
            finally:
                load.kill()
            if result.problems or result.sent == 0:
                raise RuntimeError(f"{kind.name} does not work at all: {result.problems or 'nothing was sent'}")
        if not eventually(lambda: self._server.allocations() == 0, IDLE_SECONDS):
            raise RuntimeError("allocations that have been released are still there")
        if self._arguments.hand_overs:
            self._server.upgrade()  # who has taken over holds a few more than who was started
        time.sleep(TOUCH_SECONDS)  # connections that asked for metrics have been closed
        self.soak.descriptors_before = self._server.descriptors()

    def _start(self, kind: loads.Kind) -> None:
        self._loads[kind] = loads.start(self._site, kind, PORTS, self._arguments.allocations, self._arguments.rate)

    def _finish(self, kind: loads.Kind) -> None:
        result = loads.result_of(kind.name, self._loads.pop(kind).finish())
        before = self._results.get(kind.name)
        if before is not None:
            for name in ("sent", "not_sent", "lost", "corrupt", "duplicated", "set_up", "refreshed"):
                setattr(result, name, getattr(result, name) + getattr(before, name))
            result.problems = before.problems + result.problems
        self._results[kind.name] = result

    def _see_that_all_run(self) -> None:
        if not self._server.is_running:
            raise RuntimeError(f"the server has ended:\n{self._server.log()[-4000:]}")
        for kind, load in self._loads.items():
            if not load.is_running:
                raise RuntimeError(f"{kind.name}: the generator has ended early: {load.report()['problems']}")

    def _look_for_leftovers(self) -> None:
        server, soak = self._server, self.soak
        eventually(lambda: server.allocations() == 0, IDLE_SECONDS)
        # Not asked for metrics meanwhile: that takes a descriptor for a moment.
        eventually(lambda: server.descriptors() <= soak.descriptors_before, IDLE_SECONDS)
        soak.descriptors_after = server.descriptors()
        soak.allocations_after = server.allocations()
        soak.ports_after = int(server.metric("senso_turn_relay_ports_in_use"))

    # Telling

    def _second(self) -> float:
        return time.monotonic() - self._began

    def _note(self, what: str, ends_process: bool = False) -> None:
        self.soak.events.append(Event(self._second(), what, ends_process))

    def _say(self, text: str) -> None:
        print(f"{self._second() / 60:6.1f} min: {text}", file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=1.0, help="how long (default: 1)")
    parser.add_argument("--minutes", type=float, help="how long, instead")
    parser.add_argument("--allocations", type=int, default=5000, help="at the same time (default: 5000)")
    parser.add_argument("--rate", type=float, default=5000, help="packets a second in all (default: 5000)")
    parser.add_argument("--datapath", choices=("userspace", "tc", "xdp"), default="tc")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--hand-overs", type=int, choices=(0, 1, 2), default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "soak", help="folder of soak.json, soak.md and soak.svg")
    arguments = parser.parse_args()
    if arguments.minutes is not None:
        arguments.hours = arguments.minutes / 60
    if arguments.hours <= 0 or arguments.allocations < 40 or arguments.rate <= 0:
        parser.error("a soak takes a while, and has 40 allocations at least, and packets")
    return arguments


def main() -> int:
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="senso-turn-soak-") as directory:
        soak = Run(arguments, Path(directory)).execute()
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "soak.json").write_text(json.dumps(as_json(soak), indent=1) + "\n")
    (arguments.output / "soak.md").write_text(as_table(soak))
    (arguments.output / "soak.svg").write_text(draw(soak))
    print(as_table(soak))
    judgements = judge(soak)
    for each in judgements:
        if each.is_good is False:
            print(f"FAIL {each.what}: {each.figure}")
        elif each.is_good is None and each.reason:
            print(f"SKIP {each.what}: {each.reason}")
    failed = sum(each.is_good is False for each in judgements)
    print(f"{sum(each.is_good is True for each in judgements)} passed, {failed} failed, "
          f"{sum(each.is_good is None and bool(each.reason) for each in judgements)} skipped")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
