"""Compares ways from client to peer, interleaved in one go in network namespaces. Started by ./run."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import machine
import plan
import plot
import summary
import table
from measure import IN_FLIGHT, Failed, Meter
from network import HANDLES, Network
from paths import PATHS, Baseline
from way import Tools, Unavailable, Way

ROOT = Path(__file__).resolve().parents[2]
FORMAT_VERSION = 1


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)  # fmt: skip
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="quick",
                      help="the loads that say most: minutes")
    size.add_argument("--full", dest="size", action="store_const", const="full", help="every load: hours")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny",
                      help="once through everything, to see that it works; the figures mean nothing")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which medians are taken")
    names = [path.name for path in PATHS]
    parser.add_argument("--paths", type=_list(str), default=names, help=f"of {','.join(names)}")
    parser.add_argument("--figures", type=_list(str), help="of cost,rate,overload,latency,setup,memory; default: all")
    parser.add_argument("--transports", type=_list(str), help="of udp,tcp,tls; default: all")
    parser.add_argument("--lanes", type=_list(str), help="of up,down,across,echo; default: all")
    parser.add_argument("--allocations", type=_list(int), help="only these numbers of allocations")
    parser.add_argument("--sizes", type=_list(int), help="only these payloads, in bytes")
    parser.add_argument("--server", type=Path, default=ROOT / "build/release/senso-turn", help="the server")
    parser.add_argument("--generator", type=Path, default=ROOT / "build/release/senso-turn-load", help="the generator")
    parser.add_argument("--turnserver", default="turnserver", help="coturn's server")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench", help="folder for results.json and .svg")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.paths if name not in names]:
        parser.error(f"no path is named {unknown[0]}; there are {', '.join(names)}")
    if not 1 <= options.rounds <= 1000:
        parser.error("--rounds: 1 to 1000")
    return options


def _list(kind: type):
    def values(text: str) -> list:
        return [kind(item) for item in text.split(",") if item]

    return values


def chosen_plan(options: argparse.Namespace) -> plan.Plan:
    whole = {"quick": lambda: plan.quick(options.rounds), "full": lambda: plan.full(options.rounds), "tiny": plan.tiny}
    return plan.narrowed(whole[options.size](), transports=options.transports, lanes=options.lanes,
                         allocations=options.allocations, sizes=options.sizes, figures=options.figures)  # fmt: skip


def make_certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "server.crt", directory / "server.key"
    subprocess.run(["openssl", "req", "-x509", "-noenc", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-subj", "/CN=bench.example.test", "-days", "10", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True, timeout=30)  # fmt: skip
    return certificate, key


class Bench:
    def __init__(self, options: argparse.Namespace, tools: Tools):
        self.options = options
        self.plan = chosen_plan(options)
        self.sums_tasks = machine.charges_interrupts_to_tasks(machine.kernel_options())
        self.meter = Meter(tools.network, options.generator, self.plan.pace, self.sums_tasks)
        self.notes = tools.notes
        self.samples: list[summary.Sample] = []
        self.problems: list[str] = []
        self.skipped: dict[str, str] = {}
        self.paths: list[Way] = [Baseline(tools)]
        for kind in PATHS:
            if kind.name in options.paths:
                self._add(kind(tools))

    def _add(self, path: Way) -> None:
        try:
            path.check()
        except Unavailable as reason:
            self.skipped[path.name] = str(reason)
            print(f"SKIPPED {path.name} ({path.title}): {reason}", flush=True)
        else:
            self.paths.append(path)

    def run(self) -> None:
        """Round by round, load by load, and there path by path, so that what disturbs one disturbs its neighbours."""
        cells = [cell for cell in self.plan.cells if self._fits(cell)]
        began = time.monotonic()
        for number in range(self.plan.rounds):
            for position, cell in enumerate(cells):
                print(f"round {number + 1} of {self.plan.rounds}, load {position + 1} of {len(cells)}: {cell.figure}: "
                      f"{cell.name} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)  # fmt: skip
                for path in self.paths:
                    if path.refusal(cell) is None:
                        self._measure(number, path, cell)

    def _fits(self, cell: plan.Cell) -> bool:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if plan.descriptors_needed(cell) <= limit:
            return True
        self.notes.append(f"left out for want of descriptors ({limit}): {cell.figure}: {cell.name}")
        return False

    def _measure(self, number: int, path: Way, cell: plan.Cell) -> None:
        try:
            figures = self.meter.measure(path, cell)
        except (Failed, OSError) as problem:
            self.problems.append(f"round {number + 1}, {path.name}, {cell.figure}: {cell.name}: {problem}")
            print(f"FAILED {self.problems[-1]}", file=sys.stderr, flush=True)
        else:
            self.samples.append(summary.Sample(number, cell.name, path.name, figures))

    def report(self) -> dict:
        samples = summary.with_own_cost(self.samples)
        return {
            "version": FORMAT_VERSION,
            "machine": machine.description(),
            "limits": machine.limits(),
            "versions": {"senso-turn": machine.first_line(str(self.options.server), "--version"),
                         "coturn": machine.coturn_version(self.options.turnserver)},
            "asked": {"size": self.options.size, "rounds": self.plan.rounds, "in_flight": IN_FLIGHT,
                      "pace_seconds": asdict(self.plan.pace), "generator_cpus": sorted(self.meter.near),
                      "other_cpus": sorted(self.meter.others),
                      "cost_is": "time of all tasks" if self.sums_tasks else "elapsed time of one busy processor"},
            "paths": {path.name: path.title for path in self.paths},
            "skipped": self.skipped,
            "notes": self.notes,
            "problems": self.problems,
            "samples": [asdict(sample) for sample in samples],
            "results": [asdict(result) for result in summary.summarize(samples)],
        }  # fmt: skip


def describe(report: dict) -> str:
    made_on, limits = report["machine"], report["limits"]
    lines = [
        f"machine   {made_on['processor']}, {made_on['processors']} {'virtual ' if made_on['virtual'] else ''}"
        f"processors, {made_on['memory_mib']} MiB, {made_on['system']}, kernel {made_on['kernel']},"
        f" load {made_on['load_before']} when it began, niceness {made_on['niceness']}",
        "limits    " + ", ".join(f"{name} {value}" for name, value in limits.items()),
        "versions  " + ", ".join(f"{name}: {value}" for name, value in report["versions"].items()),
        f"method    medians of {report['asked']['rounds']} interleaved rounds; cost is {report['asked']['cost_is']}"
        f" for a packet, {IN_FLIGHT} packets in flight; own cost is that less the baseline's",
    ]
    lines += [f"skipped   {name}: {reason}" for name, reason in report["skipped"].items()]
    lines += [f"note      {note}" for note in report["notes"]]
    lines += [f"FAILED    {problem}" for problem in report["problems"]]
    return "\n".join(lines) + "\n"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if not os.access(options.generator, os.X_OK):
        print(f"bench: there is no program at {options.generator}; ./dev build makes it", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    machine.raise_descriptor_limit()
    before = machine.description()
    HANDLES.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="senso-turn-bench-") as folder:
        directory = Path(folder)
        certificate, key = make_certificate(directory)
        network = Network()
        try:
            bench = Bench(options, Tools(network, directory, options.server.absolute(), options.turnserver, certificate,
                                         key))  # fmt: skip
            try:
                bench.run()
            except KeyboardInterrupt:
                bench.problems.append("interrupted: the rounds are not complete")
        finally:
            network.close()
    report = {**bench.report(), "machine": before}
    results = [summary.Result(**result) for result in report["results"]]
    names = [path.name for path in bench.paths]
    text = f"{describe(report)}\n{table.tables(results, names)}"
    print(f"\n{text}", end="")
    (options.output / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    (options.output / "results.txt").write_text(text)
    (options.output / "results.svg").write_text(plot.draw(results, names))
    print(f"\nresults.json, results.txt and results.svg are in {options.output}")
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
