"""How fuzz targets are called, and what is read from what they say."""

from __future__ import annotations

from pathlib import Path

import fuzz
from fuzz import Amount, Figures

LOG = """INFO: Running with entropic power schedule (0xFF, 100).
#24	INITED cov: 310 ft: 402 corp: 22/1543b exec/s: 0 rss: 40Mb
#512	NEW    cov: 312 ft: 404 corp: 23/1550b lim: 4 exec/s: 256 rss: 41Mb L: 7/99 MS: 1 EraseBytes-
#1000	DONE   cov: 313 ft: 409 corp: 25/1570b lim: 8 exec/s: 500 rss: 42Mb
Done 1000 runs in 2 second(s)
stat::number_of_executed_units: 1000
stat::average_exec_per_sec:     500
"""


def test_a_log_without_an_end_has_no_figures():
    assert fuzz.figures("") is None
    assert fuzz.figures(LOG.split("Done")[0]) is None
    assert fuzz.figures("stat::number_of_executed_units: 7\n") is None


def test_figures_are_those_of_the_end():
    assert fuzz.figures(LOG) == Figures(executions=1000, edges=313, inputs=25)


def test_a_target_that_finds_something_is_not_clean(tmp_path):
    target = tmp_path / "broken_fuzz"
    target.write_text(f"#!/bin/sh\ncat <<'END'\n{LOG}END\nexit 77\n")
    target.chmod(0o755)
    is_clean, line = fuzz.run(target, Amount(runs=1), tmp_path / "output")
    assert not is_clean
    assert line.startswith("broken_fuzz: FOUND SOMETHING")


def test_a_target_that_ends_without_a_word_is_not_clean(tmp_path):
    target = tmp_path / "silent_fuzz"
    target.write_text("#!/bin/sh\n")
    target.chmod(0o755)
    assert not fuzz.run(target, Amount(runs=1), tmp_path / "output")[0]


def test_a_number_of_executions_takes_the_place_of_seconds(tmp_path):
    of_seconds = fuzz.command(Path("x/engine_fuzz"), Amount(seconds=5), tmp_path)
    of_runs = fuzz.command(Path("x/engine_fuzz"), Amount(seconds=5, runs=10_000_000), tmp_path)
    assert "-max_total_time=5" in of_seconds
    assert "-runs=10000000" in of_runs
    assert not any(argument.startswith("-max_total_time") for argument in of_runs)


def test_what_is_found_is_kept_outside_of_the_corpus(tmp_path):
    found, corpus = fuzz.command(Path("x/stun_message_fuzz"), Amount(), tmp_path)[-2:]
    assert Path(found) == tmp_path / "found" / "stun_message"  # libFuzzer writes to the first folder only
    assert Path(corpus) == fuzz.ROOT / "tests" / "fuzz" / "corpus" / "stun_message"


def test_every_target_of_the_sources_has_seeds():
    sources = {path.name.removesuffix("_fuzz.cc") for path in (fuzz.ROOT / "tests" / "fuzz").glob("*_fuzz.cc")}
    folders = {path.name for path in (fuzz.ROOT / "tests" / "fuzz" / "corpus").iterdir() if any(path.iterdir())}
    assert sources == folders
