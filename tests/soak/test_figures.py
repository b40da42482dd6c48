"""What is said of a soak follows from its figures."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from drawing import draw  # noqa: E402
from figures import (  # noqa: E402
    Event,
    LoadResult,
    Probe,
    Sample,
    Soak,
    as_json,
    as_table,
    drift_of,
    judge,
    longest_of_one_process,
    slope_of,
)


def samples(pid: int, begin: int, end: int, kib_per_hour: float = 0.0, first_kib: int = 50_000) -> list[Sample]:
    return [Sample(second, pid, round(first_kib + kib_per_hour * (second - begin) / 3600), 100, 40)
            for second in range(begin, end, 10)]  # fmt: skip


def good() -> Soak:
    return Soak(asked={}, warm_up_seconds=600, samples=samples(1, 0, 200) + samples(2, 200, 3600),
                probes=[Probe(60.0 * i, 50, 90, 100, 0) for i in range(9)], events=[Event(200, "hand-over", True)],
                loads=[LoadResult("held", sent=1000, set_up=10)], descriptors_before=30, descriptors_after=30, wanted={"hand-over": 1})  # fmt: skip


def what_fails(soak: Soak) -> list[str]:
    return [each.what for each in judge(soak) if each.is_good is False]


def test_nothing_is_wrong_with_a_good_one():
    assert what_fails(good()) == []


@pytest.mark.parametrize(("spoil", "what"), [
    (lambda soak: setattr(soak.loads[0], "lost", 1), "packets lost"),
    (lambda soak: setattr(soak.loads[0], "sent", 0), "packets to be sent"),
    (lambda soak: setattr(soak.loads[0], "not_sent", 112), "packets to be sent"),
    (lambda soak: soak.probes.append(Probe(600, 50, 90, 100, 1)), "packets lost"),
    (lambda soak: soak.probes.append(Probe(600, 0, 0, 0, 0, asked=100)), "packets to be sent"),
    (lambda soak: soak.probes.append(Probe(600, 0, 0, 0, 0, problems=("10 set-ups failed (508: 10)",))), "requests that failed"),
    (lambda soak: soak.events.clear(), "what was to happen"),
    (lambda soak: soak.problems.append("the server has ended"), "the run"),
    (lambda soak: setattr(soak.loads[0], "corrupt", 1), "packets corrupt or twice"),
    (lambda soak: setattr(soak.loads[0], "duplicated", 1), "packets corrupt or twice"),
    (lambda soak: soak.loads[0].problems.append("1 set-ups failed (508: 1)"), "requests that failed"),
    (lambda soak: setattr(soak, "descriptors_after", 31), "descriptors left over"),
    (lambda soak: setattr(soak, "ports_after", 1), "relay ports left over"),
    (lambda soak: setattr(soak, "allocations_after", 1), "allocations left over"),
    (lambda soak: setattr(soak, "samples", samples(2, 0, 3600, kib_per_hour=1100)), "resident memory, slope"),
], ids=["a packet", "nothing was sent", "too little was sent", "a packet of the probe", "the probe sent nothing",
        "a request of the probe", "no hand-over", "the server", "corrupt", "twice", "a request", "a descriptor", "a port",
        "an allocation", "memory"])  # fmt: skip
def test_each_thing_that_is_wrong_is_found(spoil, what):
    soak = good()
    spoil(soak)
    assert what_fails(soak) == [what]


def test_the_slope_is_that_of_the_line():
    slope = slope_of(samples(1, 0, 3610, kib_per_hour=2048))
    assert slope.mib_per_hour == pytest.approx(2.0, rel=0.01) and slope.seconds == 3600
    assert slope_of([]).seconds == slope_of(samples(1, 0, 10)).seconds == 0


def test_the_slope_is_that_of_one_process_when_it_is_warm():
    soak = good()
    soak.samples = samples(1, 0, 900) + samples(2, 900, 3600)
    chosen = longest_of_one_process(soak)
    assert {sample.pid for sample in chosen} == {2} and chosen[0].second == 1500


def test_a_short_one_says_nothing_about_memory_and_why():
    soak = good()
    soak.samples = samples(1, 0, 1500, kib_per_hour=100_000)
    memory = next(each for each in judge(soak) if each.what == "resident memory, slope")
    assert memory.is_good is None and "890 s" in memory.reason


def test_drift_is_between_the_thirds():
    probes = [Probe(i, 10, 100 + i, 1, 0) for i in range(9)]
    first, last = drift_of(probes)
    assert (first.p99_us, last.p99_us) == (101, 107)
    assert drift_of(probes[:2]) is None


def test_it_is_told_as_a_table_a_drawing_and_for_programs():
    soak = good()
    soak.loads[0].lost = 3
    assert "| packets lost | 3 of 1,900 | NO |" in as_table(soak) and "1 × hand-over" in as_table(soak)
    assert any(each == {"what": "packets lost", "figure": "3 of 1,900", "is_good": False, "reason": ""}
               for each in as_json(soak)["judgements"])  # fmt: skip
    drawn = ElementTree.fromstring(draw(soak))
    lines = drawn.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 5  # twice two processes, and the probe
    assert ElementTree.fromstring(draw(Soak(asked={}, warm_up_seconds=0))) is not None
