"""One figure of one load over one path: runs the generator as often as that takes, and trusts nothing that it says went
wrong."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import processes
from network import Network
from plan import COST, LATENCY, MEMORY, OVERLOAD, RATE, SETUP, Cell, Pace
from way import Running, Way

IN_FLIGHT = 64
QUIET_PPS = 20_000  # at which latency is looked at
FULL_LOAD = 0.7
# What the generator itself could not send in time may be so much of all, else the probe says nothing of the path.
MOST_NOT_SENT = 0.005
FIRST_PROBE_PPS = 100_000
OVERLOAD_PPS = 5_000_000  # more than the generator can send: it sends what it can
SET_UP_SECONDS = 120


class Failed(Exception):
    """Something was damaged, or did not go as it must."""


@dataclass(frozen=True)
class Probe:
    """One run in an open loop."""

    rate: float
    sent_pps: float
    is_good: bool


class Meter:
    def __init__(self, net: Network, generator: Path, pace: Pace, sums_tasks: bool):
        """`sums_tasks`: the tasks' times together are all the time that was spent (see
        machine.charges_interrupts_to_tasks); else the elapsed time of a busy processor stands for it."""
        usable = sorted(os.sched_getaffinity(0))
        self._network = net
        self._generator = generator
        self._pace = pace
        self._sums_tasks = sums_tasks
        self.near = {usable[0]}  # the generator's processor
        self.others = set(usable[1:]) or self.near
        self._interrupt_threads = processes.interrupt_threads(self.near)

    def measure(self, path: Way, cell: Cell) -> dict[str, float]:
        by_figure = {COST: self._cost, RATE: self._rate, OVERLOAD: self._overload, LATENCY: self._latency,
                     SETUP: self._setup, MEMORY: self._memory}  # fmt: skip
        with path.standing(cell, self.near if cell.figure == COST else self.others) as running:
            return by_figure[cell.figure](running, cell)

    def _run(self, running: Running, cell: Cell, seconds: float, *load: str, size: int | None = None,
             watched: list[int] | None = None) -> dict:  # fmt: skip
        direction = "both" if cell.lane == "across" and "relay-to-relay" in running.arguments else \
            "up" if cell.lane == "across" else cell.lane
        command = [str(self._generator), *running.arguments, "--allocations", str(cell.allocations), "--direction",
                   direction, "--size", str(size or cell.size), "--peers", str(min(4, cell.allocations)), "--duration",
                   str(seconds), "--cpu", str(min(self.near)), "--json", "-", "--quiet", *load]  # fmt: skip
        for pid in watched or []:
            command += ["--process", str(pid)]
        try:
            done = processes.run(self._network.client, self.near, command, SET_UP_SECONDS + 4 * seconds)
        except subprocess.TimeoutExpired as problem:
            raise Failed(f"the generator did not come to its end in {problem.timeout:.0f} s") from problem
        if done.returncode not in (0, 1) or not done.stdout:
            raise Failed(f"the generator: {done.stderr.strip()[-500:] or f'exit code {done.returncode}'}")
        report = json.loads(done.stdout)
        problems = list(report["problems"])
        for lane, figures in report["traffic"].items():
            if lane != "seconds" and figures["corrupt"] + figures["duplicated"] > 0:
                problems.append(f"{lane}: {figures['corrupt']} packets corrupt, {figures['duplicated']} duplicated")
        if problems:
            raise Failed("; ".join(problems))
        return report

    @staticmethod
    def _lane(report: dict) -> dict:
        lanes = [value for key, value in report["traffic"].items() if key != "seconds"]
        if len(lanes) != 1 or lanes[0]["received"] == 0:
            raise Failed("nothing was delivered")
        return lanes[0]

    def _cost(self, running: Running, cell: Cell) -> dict[str, float]:
        """The whole machine's time for a packet, in a closed loop on one processor."""
        watched = [*self._interrupt_threads, *([running.pid] if running.pid else [])]
        report = self._run(running, cell, self._pace.cost_seconds, "--in-flight", str(IN_FLIGHT), watched=watched)
        lane = self._lane(report)
        seconds = report["traffic"]["seconds"]
        packets = lane["received_pps"] * seconds
        tasks = report["cpu_seconds"]["traffic"] + report["cpu_seconds"]["processes_traffic"]
        elapsed_us, tasks_us = seconds / packets * 1e6, tasks / packets * 1e6
        return {"total_us": tasks_us if self._sums_tasks else elapsed_us, "elapsed_us": elapsed_us,
                "lost_percent": lane["loss_percent"]}  # fmt: skip

    def _probe(self, running: Running, cell: Cell, rate: float) -> Probe:
        report = self._run(running, cell, self._pace.probe_seconds, "--rate", f"{rate:.0f}")
        lane = self._lane(report)
        is_good = lane["lost"] == 0 and lane["not_sent"] <= MOST_NOT_SENT * lane["sent"]
        return Probe(rate, lane["sent_pps"], is_good)

    def _best_rate(self, running: Running, cell: Cell) -> float:
        return search(lambda rate: self._probe(running, cell, rate), FIRST_PROBE_PPS, self._pace.probes)

    def _rate(self, running: Running, cell: Cell) -> dict[str, float]:
        return {"rate_pps": self._best_rate(running, cell)}

    def _overload(self, running: Running, cell: Cell) -> dict[str, float]:
        """What arrives when the generator sends as fast as it can."""
        lane = self._lane(self._run(running, cell, self._pace.probe_seconds, "--rate", str(OVERLOAD_PPS)))
        return {"overload_offered_pps": lane["sent_pps"], "overload_pps": lane["received_pps"]}

    def _latency(self, running: Running, cell: Cell) -> dict[str, float]:
        best = self._best_rate(running, cell)
        figures = {"round_trips_per_second": best}
        for name, rate in (("20kpps", QUIET_PPS), ("70percent", FULL_LOAD * best)):
            if rate < 1:
                continue  # not even the slowest probe came through: there is no load to take a part of
            report = self._run(running, cell, self._pace.latency_seconds, "--rate", f"{rate:.0f}")
            latency = self._lane(report)["latency_us"]
            figures |= {f"{name}_{point}_us": latency[point] for point in ("p50", "p99", "p999")}
        return figures

    def _setup(self, running: Running, cell: Cell) -> dict[str, float]:
        """Allocations are ended and set up anew as fast as answers come."""
        report = self._run(running, cell, self._pace.setup_seconds, "--churn", "1000000", watched=[running.pid or 0])
        seconds = report["cpu_seconds"]["processes_traffic"]
        if report["churn"]["set_up"] == 0 or seconds <= 0:
            raise Failed("nothing was set up")
        return {"setups_per_second": report["churn"]["per_second"],
                "setups_per_core": report["churn"]["set_up"] / seconds}  # fmt: skip

    def _memory(self, running: Running, cell: Cell) -> dict[str, float]:
        """From the server's start to its highest mark, so that its buffers count, too."""
        if running.pid is None:
            raise Failed("there is no server")
        before = processes.resident_bytes(running.pid)
        self._run(running, cell, 0.2, "--hold")
        grown = processes.resident_bytes(running.pid, highest=True) - before
        return {"bytes_per_allocation": grown / cell.allocations}


def search(probe, first: float, probes: int) -> float:
    """The highest rate found at which a probe is good: doubles or halves until both sides are known, then bisects. 0 if
    no probe was good."""
    good, bad, rate = 0.0, 0.0, first
    best = 0.0
    for _ in range(probes):
        result = probe(rate)
        if result.is_good:
            good, best = rate, max(best, result.sent_pps)
        else:
            bad = rate
        if bad == 0:
            rate *= 2
        elif good == 0:
            rate /= 2
        else:
            rate = (good + bad) / 2
    return best
