"""A test that fails is run once more by itself: what passes then is told, and what fails again stays a failure."""

from __future__ import annotations

import pytest

import isolated
from suite_results import of_output

FAILS_FIRST = """
import pathlib, pytest
HERE = pathlib.Path(__file__).parent

@pytest.mark.parametrize("address", ["fd01::1 and more"])
def test_is_late(address):
    seen = HERE / "seen"
    was_there = seen.exists()
    seen.touch()
    assert was_there, "late"
"""
ALWAYS_FAILS = "def test_is_broken():\n    assert False, 'broken'\n"
CRASHES = "import os, pathlib\ndef test_crashes():\n    seen = pathlib.Path(__file__).parent / 'seen'\n" \
          "    if seen.exists(): os._exit(1)\n    seen.touch()\n    assert False, 'first'\n"  # fmt: skip
PASSES = "def test_passes():\n    pass\n"


@pytest.fixture
def suite(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(isolated, "HERE", tmp_path)

    def run(**modules: str) -> tuple[int, str]:
        for name, text in modules.items():
            (tmp_path / f"test_{name}.py").write_text(text)
        report = tmp_path / "report.xml"
        isolated.run(report, str(tmp_path))
        outcome = isolated.read(report)
        code = isolated.summarise(outcome, isolated.give_second_chances(outcome, report))
        return code, capfd.readouterr().out

    return run


def test_who_fails_again_has_failed(suite):
    code, said = suite(broken=ALWAYS_FAILS, good=PASSES)
    assert code == 1
    assert "FAIL test_broken::test_is_broken: AssertionError: broken" in said
    assert said.endswith("1 passed, 1 failed, 0 skipped\n")


def test_who_ends_the_run_has_failed(suite):
    code, said = suite(crash=CRASHES, good=PASSES)
    assert code == 1
    assert said.endswith("1 passed, 1 failed, 0 skipped\n")


def test_many_failures_get_no_second_chance(suite):
    modules = {f"late{number}": FAILS_FIRST.replace('"seen"', f'"seen{number}"') for number in range(4)}
    code, said = suite(**modules)
    assert code == 1
    assert said.endswith("0 passed, 4 failed, 0 skipped\n")


def test_who_passes_then_has_passed_and_is_named(suite, tmp_path):
    code, said = suite(late=FAILS_FIRST, good=PASSES)
    assert code == 0
    log = tmp_path / "suite.log"
    log.write_text(said)
    results = of_output("suite", log, code)
    assert (results.passed, results.failed, results.skipped) == (2, [], [])
    assert len(results.again) == 1
    assert results.again[0].startswith("test_late::test_is_late[fd01::1 and more]: AssertionError: late")
