"""What `./dev test` reads from the output of suites."""

from __future__ import annotations

import json

from suite_results import of_gtest, of_output


def log_of(tmp_path, text: str):
    log = tmp_path / "suite.log"
    log.write_text(text)
    return log


def test_final_line_gives_the_counts_and_the_lines_before_it_the_names(tmp_path):
    log = log_of(tmp_path, "PASS one\nFAIL two: broke\nSKIP three: no root\n1 passed, 1 failed, 1 skipped\n")
    results = of_output("suite", log, 1)
    assert (results.passed, results.failed, results.skipped) == (1, ["two: broke"], ["three: no root"])


def test_failures_without_a_name_are_counted(tmp_path):
    results = of_output("suite", log_of(tmp_path, "1 passed, 2 failed, 0 skipped\n"), 1)
    assert len(results.failed) == 2


def test_exit_code_is_a_failure_even_if_the_counts_are_good(tmp_path):
    results = of_output("suite", log_of(tmp_path, "5 passed, 0 failed, 0 skipped\n"), 1)
    assert results.failed == ["suite: ended with exit code 1"]


def test_output_without_a_summary_is_a_failure(tmp_path):
    assert of_output("suite", log_of(tmp_path, "Traceback\n"), 0).failed


def test_summary_of_pytest_is_read(tmp_path):
    log = log_of(tmp_path, "SKIPPED [2] a.py:3: no IPv6\nFAILED a.py::test_b - assert 0\n"
                           "===== 1 failed, 7 passed, 2 skipped in 3.21s =====\n")
    results = of_output("suite", log, 1)
    assert results.passed == 7
    assert results.failed == ["a.py::test_b - assert 0"]
    assert results.skipped == ["a.py:3: no IPv6"] * 2


def test_json_of_googletest_is_read(tmp_path):
    tests = [
        {"name": "Works", "status": "RUN", "result": "COMPLETED"},
        {"name": "Breaks", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "no"}]},
        {"name": "Waits", "status": "RUN", "result": "SKIPPED"},
        {"name": "Sleeps", "status": "RUN", "result": "SKIPPED"},
    ]
    said = ("[ RUN      ] Suite.Waits\n/src/suite_test.cc:7: Skipped\nneeds\nroot\n\n[  SKIPPED ] Suite.Waits (0 ms)\n"
            "[ RUN      ] Suite.Sleeps\n/src/suite_test.cc:9: Skipped\n\n[  SKIPPED ] Suite.Sleeps (0 ms)\n")
    file = tmp_path / "out.json"
    file.write_text(json.dumps({"testsuites": [{"name": "Suite", "testsuite": tests}]}))
    results = of_gtest("program", file, log_of(tmp_path, said), 1)
    assert results.passed == 1
    assert results.failed == ["program: Suite.Breaks"]
    assert results.skipped == ["program: Suite.Waits: needs root", "program: Suite.Sleeps: no reason given"]


def test_crash_of_a_googletest_program_names_the_test_that_ran(tmp_path):
    log = log_of(tmp_path, "[ RUN      ] A.One\n[       OK ] A.One (0 ms)\n[ RUN      ] A.Two\nSegmentation fault\n")
    results = of_gtest("program", tmp_path / "missing.json", log, -11)
    assert results.passed == 1
    assert results.failed == ["program: A.Two (crashed, exit code -11)"]
