"""The report of the compliance rows: what it takes for a test, and what it finds wrong."""

import compliance_report
from compliance_report import CoveringTest, problems_of, rows_of

ROWS = [{"id": "STUN-14", "section": "8489 §6.3.1", "level": "MUST", "requirement": "x"}]
COVERED = {"STUN-14": [CoveringTest("tests/x_test.cc", "X.STUN_14_Y")]}


def test_rows_are_found_wherever_they_stand_in_a_name():
    assert rows_of("test_STUN_14_unknown_attribute") == ["STUN-14"]
    assert rows_of("test_AUTH_07_AUTH_08_missing") == ["AUTH-07", "AUTH-08"]
    assert rows_of("Engine.V6_01_NoWish") == ["V6-01"]
    assert rows_of("test_SHARD_TURN_16_token") == ["TURN-16"]


def test_what_only_looks_like_a_row_is_none():
    assert rows_of("test_STUN_140") == []
    assert rows_of("test_XSTUN_14") == []
    assert rows_of("test_HTTP_14") == []


def test_a_row_needs_a_test_or_a_reason():
    assert problems_of(ROWS, {}, {}) == ["STUN-14 has neither a test nor a reason"]
    assert problems_of(ROWS, {}, {"STUN-14": "later"}) == []
    assert problems_of(ROWS, COVERED, {}) == []


def test_reasons_and_names_that_fit_no_row_are_told():
    file = "compliance_exceptions.json"
    assert problems_of(ROWS, COVERED, {"STUN-14": "later"}) == [f"{file} excuses STUN-14, which has tests"]
    assert problems_of(ROWS, COVERED, {"STUN-99": "x"}) == [f"{file} names STUN-99, which is no row"]
    stray = {**COVERED, "STUN-98": [CoveringTest("tests/x_test.cc", "X.STUN_98")]}
    assert problems_of(ROWS, stray, {}) == ["X.STUN_98 names STUN-98, which is no row"]


def test_every_row_of_this_repository_is_accounted_for():
    rows = compliance_report.load("compliance_rows.json")
    exceptions = compliance_report.load("compliance_exceptions.json")
    assert len(rows) == len({row["id"] for row in rows}) == 316
    assert problems_of(rows, compliance_report.find_tests(), exceptions) == []
