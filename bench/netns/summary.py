"""From samples to results: medians over rounds, spreads, ratios. Knows nothing of networks."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass

REFERENCE = "coturn"
BASELINE = "baseline"
# Figures for which more is better; of all others, less.
MORE_IS_BETTER = {"rate_pps", "overload_pps", "round_trips_per_second", "setups_per_second", "setups_per_core"}
# Own costs below this, in microseconds, cannot be told from nothing.
NOISE_US = 0.1
# Figures that each path has at a load of its own.
NOT_COMPARABLE = ("70percent", "overload_offered")


@dataclass(frozen=True)
class Sample:
    """What one path did in one round: `cell` is the name of the load, `figures` are numbers by name."""

    round: int
    cell: str
    path: str
    figures: dict[str, float]


@dataclass(frozen=True)
class Result:
    cell: str
    path: str
    figure: str
    median: float
    least: float
    most: float
    rounds: int
    # How many times better than coturn in the median: 2 is half its cost, or twice its rate.
    times_better: float | None = None


def with_own_cost(samples: list[Sample]) -> list[Sample]:
    """Adds `own_us`: the cost of a packet less that of the baseline in the same round and cell. Noise may make it
    negative; it stays so."""
    base = {(sample.round, sample.cell): sample.figures["total_us"]
            for sample in samples if sample.path == BASELINE and "total_us" in sample.figures}  # fmt: skip
    completed = []
    for sample in samples:
        figures = dict(sample.figures)
        key = (sample.round, sample.cell)
        if sample.path != BASELINE and "total_us" in figures and key in base:
            figures["own_us"] = figures["total_us"] - base[key]
        completed.append(Sample(sample.round, sample.cell, sample.path, figures))
    return completed


def times_better(figure: str, value: float, reference: float) -> float | None:
    """None where a ratio says nothing: something is not above zero, or not above noise, or the loads differ."""
    least = NOISE_US if figure == "own_us" else 0.0
    if value <= least or reference <= least or figure.startswith(NOT_COMPARABLE):
        return None
    return value / reference if figure in MORE_IS_BETTER else reference / value


def summarize(samples: list[Sample]) -> list[Result]:
    """In the order in which cells, paths and figures first occur."""
    gathered: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for sample in samples:
        for figure, value in sample.figures.items():
            gathered[sample.cell, sample.path, figure].append(value)
    medians = {key: statistics.median(values) for key, values in gathered.items()}
    results = []
    for (cell, path, figure), values in gathered.items():
        reference = medians.get((cell, REFERENCE, figure))
        better = None if reference is None or path in (REFERENCE, BASELINE) else \
            times_better(figure, medians[cell, path, figure], reference)
        results.append(Result(cell, path, figure, medians[cell, path, figure], min(values), max(values), len(values),
                              better))  # fmt: skip
    return results
