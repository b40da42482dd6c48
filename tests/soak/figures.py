"""What a soak has measured, and what is to be said of it. Pure: nothing here runs anything."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field

KIB_PER_MIB = 1024
# A shorter time says nothing about an hour.
LEAST_SLOPE_SECONDS = 1800
MOST_SLOPE_MIB_PER_HOUR = 1.0
LEAST_SENT = 0.9  # of what was due


@dataclass(frozen=True)
class Sample:
    """The process that serves, at one moment."""

    second: float  # since the beginning
    pid: int
    resident_kib: int
    descriptors: int
    allocations: int


@dataclass(frozen=True)
class Probe:
    """Round trips of a few calls beside the load."""

    second: float
    p50_us: float
    p99_us: float
    sent: int
    lost: int
    asked: int = 0  # what was to be sent
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    second: float
    what: str
    ends_process: bool = False  # another one serves from here on


@dataclass
class LoadResult:
    """What one load generator has to say at its end."""

    name: str
    sent: int = 0
    not_sent: int = 0  # that were due: the generator, or whoever does not read, was too slow
    lost: int = 0
    corrupt: int = 0
    duplicated: int = 0
    set_up: int = 0
    refreshed: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class Soak:
    asked: dict
    warm_up_seconds: float
    wanted: dict[str, int] = field(default_factory=dict)  # events, and how often at least
    samples: list[Sample] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    loads: list[LoadResult] = field(default_factory=list)
    # Before the load, and when it has ended.
    descriptors_before: int = 0
    descriptors_after: int = 0
    ports_after: int = 0
    allocations_after: int = 0
    # What ended it early, or went wrong besides.
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Slope:
    mib_per_hour: float
    seconds: float  # of the samples that it is from


def slope_of(samples: list[Sample]) -> Slope:
    """Of resident memory: the line that fits best (least squares)."""
    if len(samples) < 2:
        return Slope(0.0, 0.0)
    line = statistics.linear_regression([sample.second for sample in samples], [sample.resident_kib for sample in samples])
    return Slope(line.slope * 3600 / KIB_PER_MIB, samples[-1].second - samples[0].second)


def longest_of_one_process(soak: Soak) -> list[Sample]:
    """The samples of the process that served longest, from when it and the load had warmed up."""
    by_process: dict[int, list[Sample]] = {}
    for sample in soak.samples:
        by_process.setdefault(sample.pid, []).append(sample)
    warm = [[sample for sample in samples if sample.second >= samples[0].second + soak.warm_up_seconds]
            for samples in by_process.values()]  # fmt: skip
    return max(warm, key=lambda samples: samples[-1].second - samples[0].second if samples else -1.0, default=[])


def drift_of(probes: list[Probe]) -> tuple[Probe, Probe] | None:
    """The median probe of the first third and of the last."""
    third = len(probes) // 3
    if third == 0:
        return None

    def median(some: list[Probe]) -> Probe:
        return sorted(some, key=lambda probe: probe.p99_us)[len(some) // 2]

    return median(probes[:third]), median(probes[-third:])


@dataclass(frozen=True)
class Judgement:
    what: str
    figure: str
    is_good: bool | None  # None: it is a figure, no more
    reason: str = ""  # why it is no more this time


def judge(soak: Soak) -> list[Judgement]:
    lost = sum(load.lost for load in soak.loads) + sum(probe.lost for probe in soak.probes)
    sent = sum(load.sent for load in soak.loads) + sum(probe.sent for probe in soak.probes)
    wrong = sum(load.corrupt + load.duplicated for load in soak.loads)
    problems = [f"{load.name}: {problem}" for load in soak.loads for problem in load.problems]
    problems += [f"the probe: {problem}" for probe in soak.probes for problem in probe.problems]
    too_few = [load.name for load in soak.loads if load.sent <= LEAST_SENT * (load.sent + load.not_sent)]
    too_few += ["the probe"] * any(probe.sent < LEAST_SENT * probe.asked for probe in soak.probes)
    happened = [event.what for event in soak.events]
    missing = [what for what, count in soak.wanted.items() if happened.count(what) < count]
    slope = slope_of(longest_of_one_process(soak))
    counts = slope.seconds >= LEAST_SLOPE_SECONDS
    found = [
        Judgement("the run", "; ".join(soak.problems) or "came to its end", not soak.problems),
        Judgement("what was to happen", f"missing: {', '.join(missing)}" if missing else "did", not missing),
        Judgement("packets to be sent", f"not sent by: {', '.join(too_few)}" if too_few else "were", not too_few and sent > 0),
        Judgement("packets lost", f"{lost:,} of {sent:,}", lost == 0),
        Judgement("packets corrupt or twice", f"{wrong:,}", wrong == 0),
        Judgement("requests that failed", "; ".join(problems) or "none", not problems),
        Judgement("resident memory, slope", f"{slope.mib_per_hour:+.2f} MiB an hour over {slope.seconds / 60:.0f} min",
                  slope.mib_per_hour < MOST_SLOPE_MIB_PER_HOUR if counts else None,
                  "" if counts else f"{slope.seconds:.0f} s of one process say nothing about an hour"),
        Judgement("descriptors left over", f"{soak.descriptors_after - soak.descriptors_before} "
                  f"({soak.descriptors_before} before, {soak.descriptors_after} after)",
                  soak.descriptors_after <= soak.descriptors_before),
        Judgement("relay ports left over", f"{soak.ports_after}", soak.ports_after == 0),
        Judgement("allocations left over", f"{soak.allocations_after}", soak.allocations_after == 0),
    ]  # fmt: skip
    if (drift := drift_of(soak.probes)) is not None:
        first, last = drift
        found.append(Judgement("round trips of the probe", f"p50 {first.p50_us:.0f} then {last.p50_us:.0f} us, p99 {first.p99_us:.0f} "
                                                           f"then {last.p99_us:.0f} us", None))  # fmt: skip
    return found


def as_json(soak: Soak) -> dict:
    return {**asdict(soak), "judgements": [asdict(each) for each in judge(soak)]}


def as_table(soak: Soak) -> str:
    def row(*cells: object) -> str:
        return f"| {' | '.join(str(cell) for cell in cells)} |"

    lines = [row("What", "Figure", "Holds"), row("---", "---", "---")]
    holds = {True: "yes", False: "NO", None: "–"}
    lines += [row(each.what, each.figure, holds[each.is_good]) for each in judge(soak)]
    lines += ["", row("Load", "Sent", "Lost", "Set up", "Refreshed"), row(*["---"] * 5)]
    lines += [row(load.name, f"{load.sent:,}", f"{load.lost:,}", f"{load.set_up:,}", f"{load.refreshed:,}") for load in soak.loads]
    counts: dict[str, int] = {}
    for event in soak.events:
        counts[event.what] = counts.get(event.what, 0) + 1
    lines += ["", "Meanwhile: " + (", ".join(f"{count} × {what}" for what, count in counts.items()) or "nothing") + "."]
    return "\n".join(lines) + "\n"
