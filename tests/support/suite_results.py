"""What came out of a suite, and how to read it from the three kinds of output that suites produce.

* GoogleTest programs write JSON (and, when they crash, leave the names in their output).
* pytest prints a summary.
* Everything else prints one line a test, `PASS name`, `FAIL name: reason` or `SKIP name: reason`, and as its last line
  `N passed, N failed, N skipped`. `AGAIN name: reason` is a test that failed, passed when it was run a second time by
  itself, and is counted as passed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

FINAL_LINE = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$")


@dataclass
class Results:
    """Counts, and what is worth telling about single tests: names of failures, names and reasons of skips, and what
    passed only the second time."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    def add(self, other: Results) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.again += other.again

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def _skip_reasons(log: Path) -> dict[str, str]:
    """What the skipped tests of a program said: its output has it, its JSON does not (GoogleTest 1.12)."""
    reasons: dict[str, str] = {}
    said: list[str] | None = None
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        if line.endswith(": Skipped"):
            said = []
        elif line.startswith("[  SKIPPED ] ") and said is not None:
            reasons[line.removeprefix("[  SKIPPED ] ").split(" ", 1)[0].rstrip(",")] = " ".join(" ".join(said).split())
            said = None
        elif said is not None:
            said.append(line)
    return {name: reason for name, reason in reasons.items() if reason}


def of_gtest(program: str, json_file: Path, log: Path, exit_code: int) -> Results:
    """A program that crashed has written no JSON: then its output says which test was running."""
    if not json_file.exists():
        return _of_crashed_gtest(program, log, exit_code)
    results = Results()
    reasons = _skip_reasons(log)
    for suite in json.loads(json_file.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            name = f"{program}: {suite['name']}.{test['name']}"
            if test.get("failures"):
                results.failed.append(name)
            elif test.get("result") == "SKIPPED":
                reason = reasons.get(f"{suite['name']}.{test['name']}", "no reason given")
                results.skipped.append(f"{name}: {reason}")
            elif test.get("status") == "NOTRUN":
                results.skipped.append(f"{name}: disabled in the source")
            else:
                results.passed += 1
    if exit_code != 0 and not results.failed:
        results.failed.append(f"{program}: ended with exit code {exit_code}")
    return results


def _of_crashed_gtest(program: str, log: Path, exit_code: int) -> Results:
    text = log.read_text(errors="replace")
    results = Results(passed=len(re.findall(r"^\[       OK \] ", text, re.M)))
    started = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
    results.failed += [f"{program}: {name}" for name in re.findall(r"^\[  FAILED  \] (\S+) \(\d+ ms\)", text, re.M)]
    last = started[-1] if started else "before the first test"
    results.failed.append(f"{program}: {last} (crashed, exit code {exit_code})")
    return results


def of_output(suite: str, log: Path, exit_code: int) -> Results:
    """For pytest and for every suite that ends with the final line."""
    text = log.read_text(errors="replace")
    lines = [line.rstrip() for line in text.splitlines()]
    final = next((match for line in reversed(lines) if (match := FINAL_LINE.match(line))), None)
    named = _named(lines)
    if final is not None:
        passed, failed, skipped = (int(count) for count in final.groups())
    elif (summary := _pytest_summary(lines)) is not None:
        passed, failed, skipped = summary
    else:
        return Results(failed=[f"{suite}: ended with exit code {exit_code} and no summary"])
    results = Results(passed, _fill(suite, named.failed, failed, "failed"),
                      _fill(suite, named.skipped, skipped, "skipped"), named.again)
    if exit_code != 0 and not results.failed:
        results.failed.append(f"{suite}: ended with exit code {exit_code}")
    return results


def _pytest_summary(lines: list[str]) -> tuple[int, int, int] | None:
    for line in reversed(lines):
        if not re.search(r"\bin [\d.]+s", line):
            continue
        counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|errors?|skipped|xfailed)", line)}
        if counts:
            failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
            return counts.get("passed", 0), failed, counts.get("skipped", 0) + counts.get("xfailed", 0)
    return None


def _named(lines: list[str]) -> Results:
    named = Results()
    for line in lines:
        if match := re.match(r"^(?:FAIL|FAILED|ERROR) (\S.*)$", line):
            named.failed.append(match[1])
        elif match := re.match(r"^SKIPPED \[(\d+)\] (.*)$", line):
            named.skipped += [match[2]] * int(match[1])
        elif match := re.match(r"^SKIP (\S.*)$", line):
            named.skipped.append(match[1])
        elif match := re.match(r"^AGAIN (\S.*)$", line):
            named.again.append(match[1])
    named.failed = list(dict.fromkeys(named.failed))
    return named


def _fill(suite: str, names: list[str], count: int, what: str) -> list[str]:
    """Exactly `count` names, whatever the output named: the counts are the truth."""
    return names[:count] + [f"{suite}: {what}, not named in its output"] * (count - len(names))
