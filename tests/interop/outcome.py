"""What came out of one check, and who is told."""

from __future__ import annotations

from collections.abc import Callable

Outcome = tuple[str, str]  # PASS or FAIL or SKIP, and a reason
Report = Callable[[str, Outcome], None]

PASS: Outcome = ("PASS", "")


def failed(reason: str) -> Outcome:
    return "FAIL", reason


def skipped(reason: str) -> Outcome:
    return "SKIP", reason
