"""From samples to results: what ./dev bench computes."""

from __future__ import annotations

import pytest

from measure import Probe, search
from summary import Result, Sample, summarize, times_better, with_own_cost


def cost(round_: int, path: str, total: float, cell: str = "load") -> Sample:
    return Sample(round_, cell, path, {"total_us": total})


def test_own_cost_is_less_the_baseline_of_the_same_round_and_load():
    samples = [cost(0, "baseline", 1.0), cost(0, "coturn", 3.0), cost(1, "baseline", 2.0), cost(1, "coturn", 3.5),
               cost(0, "coturn", 9.0, "other load")]  # fmt: skip
    own = [sample.figures.get("own_us") for sample in with_own_cost(samples)]
    assert own == [None, 2.0, None, 1.5, None]


def test_negative_own_cost_stays_negative():
    samples = with_own_cost([cost(0, "baseline", 2.0), cost(0, "kernel", 1.5)])
    assert samples[1].figures["own_us"] == -0.5


def test_figures_without_a_cost_are_left_as_they_are():
    samples = [cost(0, "baseline", 1.0), Sample(0, "load", "coturn", {"rate_pps": 5.0})]
    assert with_own_cost(samples)[1].figures == {"rate_pps": 5.0}


def test_median_and_spread_are_over_the_rounds():
    results = summarize([cost(round_, "coturn", value) for round_, value in enumerate((5.0, 1.0, 2.0))])
    assert results == [Result("load", "coturn", "total_us", 2.0, 1.0, 5.0, 3, None)]


def test_ratio_to_coturn_is_of_the_medians_and_greater_is_better():
    samples = [cost(0, "coturn", 4.0), cost(0, "userspace", 2.0),
               Sample(0, "rate", "coturn", {"rate_pps": 100.0}),
               Sample(0, "rate", "userspace", {"rate_pps": 300.0})]  # fmt: skip
    better = {(result.path, result.figure): result.times_better for result in summarize(samples)}
    assert better["userspace", "total_us"] == 2.0
    assert better["userspace", "rate_pps"] == 3.0
    assert better["coturn", "total_us"] is None


@pytest.mark.parametrize(("value", "reference"), [(0.0, 1.0), (1.0, 0.0), (-0.1, 1.0)])
def test_no_ratio_where_something_is_not_above_zero(value, reference):
    assert times_better("own_us", value, reference) is None


@pytest.mark.parametrize(("figure", "value", "reference"),
                         [("own_us", 0.05, 9.0), ("own_us", 9.0, 0.05), ("70percent_p50_us", 1.0, 2.0)])  # fmt: skip
def test_no_ratio_within_noise_and_between_different_loads(figure, value, reference):
    assert times_better(figure, value, reference) is None


def test_no_ratio_for_what_is_only_subtracted():
    results = summarize([cost(0, "coturn", 2.0), cost(0, "baseline", 1.0)])
    assert [result.times_better for result in results] == [None, None]


def test_no_ratio_without_coturn():
    assert summarize([cost(0, "userspace", 2.0)])[0].times_better is None


def limited(limit: float):
    tried = []

    def probe(rate: float) -> Probe:
        tried.append(rate)
        return Probe(rate, rate * 0.99, rate <= limit)

    return probe, tried


def test_search_doubles_then_bisects():
    probe, tried = limited(330.0)
    assert search(probe, 100.0, 6) == pytest.approx(325.0 * 0.99)
    assert tried == [100.0, 200.0, 400.0, 300.0, 350.0, 325.0]


def test_search_halves_when_the_first_probe_loses():
    probe, tried = limited(30.0)
    assert search(probe, 100.0, 3) == pytest.approx(25.0 * 0.99)
    assert tried == [100.0, 50.0, 25.0]


def test_search_without_any_good_probe_finds_nothing():
    probe, _ = limited(0.0)
    assert search(probe, 100.0, 5) == 0.0
