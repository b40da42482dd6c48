#!/usr/bin/env python3
"""Builds every preset that the tests need, runs every suite, and says what passed: the inside of `./dev test`.

The last line is exactly "N passed, N failed, N skipped"; the exit code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fuzz
import suite_results
from commands import Commands
from preset_builds import Build, PresetBuilds
from suite_results import Results

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "log"
SANITIZED = {"asan-ubsan", "tsan"}
# Fuzz targets for MemorySanitizer: no code that it has not instrumented writes what these read (docs/reliability.md).
UNINITIALISED_READS = ["stun_message_fuzz", "channel_data_fuzz", "stream_framer_fuzz"]
MANY_REPETITIONS = 100_000


@dataclass
class Step:
    """One line of progress: a suite, or a build, which has no tests."""

    name: str
    title: str
    preset: str | None
    run: Callable[[], Results] | None = None
    build: Build | None = None


class Runner:
    def __init__(self, jobs: int, fuzz_seconds: int):
        self.jobs = jobs
        self.fuzz_seconds = fuzz_seconds
        self.commands = Commands(ROOT, LOGS)
        self.builds = PresetBuilds(self.commands, BUILD, jobs)

    def environment(self, preset: str) -> dict[str, str]:
        directory = BUILD / preset
        env = {"SENSO_TURN": str(directory / "senso-turn"), "SENSO_TURN_BUILD": str(directory)}
        if preset in SANITIZED:
            env["SENSO_TURN_SANITIZED"] = "1"
            # Reports go to files, so that one from a server in the middle of a test is not lost with its output. g++'s
            # UndefinedBehaviorSanitizer writes to standard error all the same; there, the exit code tells.
            reports = f"log_path={self.report_directory(preset)}/report"
            env["ASAN_OPTIONS"] = f"{reports}:detect_stack_use_after_return=1:strict_string_checks=1"
            env["UBSAN_OPTIONS"] = f"{reports}:print_stacktrace=1"
            env["TSAN_OPTIONS"] = f"{reports}:second_deadlock_stack=1"
            env["ASAN_SYMBOLIZER_PATH"] = env["TSAN_SYMBOLIZER_PATH"] = shutil.which("llvm-symbolizer-16") or ""
        return env

    def report_directory(self, preset: str) -> Path:
        return LOGS / f"sanitizer-{preset}"

    def sanitizer_reports(self, preset: str, suite: str) -> Results:
        """Each report is a failure, whoever noticed it. Reports are moved to where the next suite does not find them."""
        results = Results()
        for report in sorted(self.report_directory(preset).glob("report.*")):
            kept = report.with_name(f"{suite}-{report.name}")
            report.rename(kept)
            results.failed.append(f"{suite}: sanitizer report in {kept.relative_to(ROOT)}")
        return results

    def launcher(self, preset: str) -> list[str]:
        """ThreadSanitizer of clang 16 knows only the classic layout of the address space."""
        setarch = ["setarch", platform.machine(), "-R"]
        if preset != "tsan" or subprocess.run([*setarch, "true"], capture_output=True).returncode != 0:
            return []
        return setarch

    # Steps

    def unit(self, preset: str) -> Results:
        listing = subprocess.run(["ctest", "--test-dir", str(BUILD / preset), "--show-only=json-v1"],
                                 capture_output=True, text=True, check=True)
        results = Results()
        suite = f"unit-{preset}"
        directory = LOGS / suite
        shutil.rmtree(directory, ignore_errors=True)
        self.report_directory(preset).mkdir(parents=True, exist_ok=True)
        for test in json.loads(listing.stdout)["tests"]:
            name = test["name"]
            output = directory / f"{name}.json"
            command = [*self.launcher(preset), *test["command"], f"--gtest_output=json:{output}"]
            code, log = self.commands.call(f"{suite}/{name}", command, timeout=600, env=self.environment(preset))
            found = suite_results.of_gtest(name if preset == "dev" else f"{name} [{preset}]", output, log, code)
            found.failed = [f"{failure}  (log: {log.relative_to(ROOT)})" for failure in found.failed]
            results.add(found)
        results.add(self.sanitizer_reports(preset, suite))
        if not results.passed and not results.failed:
            results.failed.append(f"{suite}: no unit test was found")
        return results

    def script(self, suite: str, command: list[str], preset: str, timeout: int) -> Results:
        """A suite that prints the final line itself, or pytest's summary."""
        self.report_directory(preset).mkdir(parents=True, exist_ok=True)
        code, log = self.commands.call(suite, [*self.launcher(preset), *command], timeout=timeout, env=self.environment(preset))
        results = suite_results.of_output(suite, log, code)
        results.skipped = [_with_suite(suite, skip) for skip in results.skipped]
        results.failed = [f"{_with_suite(suite, failure)}  (log: {log.relative_to(ROOT)})" for failure in results.failed]
        results.again = [f"{_with_suite(suite, each)}  (log: {log.relative_to(ROOT)})" for each in results.again]
        results.add(self.sanitizer_reports(preset, suite))
        return results

    def format(self) -> Results:
        sources = [str(path) for folder in ("auth", "bench", "protocol", "server", "tests")
                   for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".h", ".cc")]
        results = Results()
        _, log = self.commands.call("format", ["clang-format-16", "--dry-run", *sources], timeout=300)
        text = log.read_text(errors="replace")
        unformatted = [path for path in sources if f"{path}:" in text]
        results.passed = len(sources) - len(unformatted)
        results.failed = [f"format: {Path(path).relative_to(ROOT)} (./dev format corrects it)" for path in unformatted]
        return results

    def fuzz_smoke(self, preset: str = fuzz.PRESET) -> Results:
        """As many targets side by side as there are cores."""
        amount = fuzz.Amount(seconds=self.fuzz_seconds)

        def smoke(target: Path) -> Results:
            name = f"fuzz/{target.name}" if preset == fuzz.PRESET else f"fuzz-{preset}/{target.name}"
            code, log = self.commands.call(name, fuzz.command(target, amount, LOGS / "fuzz"), timeout=self.fuzz_seconds + 300,
                                           is_alone=False)
            if code == 0:
                return Results(passed=1)
            return Results(failed=[f"{name}  (log: {log.relative_to(ROOT)})"])

        results = Results()
        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            for each in pool.map(smoke, fuzz.targets(BUILD / preset)):
                results.add(each)
        if not results.passed and not results.failed:
            results.skipped.append("fuzz: no fuzz target is built")
        return results

    def steps(self, everything: bool) -> list[Step]:
        python = [sys.executable]

        def build(preset: str, targets: list[str] | None = None) -> Step:
            return Step(f"build-{preset}", f"building the {preset} preset", None, build=Build(preset, targets or []))

        def unit(preset: str) -> Step:
            return Step(f"unit-{preset}", f"unit tests, {preset}", preset, lambda: self.unit(preset))

        def script(name: str, title: str, command: list[str], preset: str = "dev", timeout: int = 900) -> Step:
            return Step(name, title, preset, lambda: self.script(name, command, preset, timeout))

        def integration(preset: str) -> Step:
            # With one shard here and with two there, and not in full with ThreadSanitizer, unless it is for `--all`.
            narrowed = []
            if not everything:
                shards = "2" if preset in SANITIZED else "1"
                narrowed = ["env", f"SENSO_TURN_TEST_SHARDS={shards}"]
                narrowed += ["SENSO_TURN_TEST_SCOPE=threads"] if preset == "tsan" else []
            command, timeout = [*narrowed, "tests/integration/run"], 3600 if everything else 1800
            return script(f"integration-{preset}", f"integration tests, {preset}", command, preset, timeout)

        # Modules side by side where pytest can: their servers mostly wait.
        side_by_side = ["-n", "3", "--dist", "loadfile"] if importlib.util.find_spec("xdist") else []
        repetitions = ["env", f"SENSO_TURN_TEST_REPETITIONS={MANY_REPETITIONS}", "tests/integration/run", "-k",
                       "test_bad_input_repetition or B92"]

        soak = ["--minutes", "10", "--allocations", "1000", "--rate", "1000"] if everything else [
            "--minutes", "1", "--allocations", "200", "--rate", "400"]  # fmt: skip

        steps = [
            script("layering", "layering: includes against the floors", [*python, "tests/layering/check_layers.py"], "none"),
            script("support", "tests of the test tools", [*python, "-m", "pytest", "-q", "-rfEs", "tests/support", "tests/soak"],
                   "none"),
            Step("format", "clang-format", None, self.format),
            build("dev"),
            unit("dev"),
            script("documents", "generated documents are current", [*python, "tests/support/check_documents.py"], "dev"),
            script("deploy", "manifests and what their pods do, compose, alert rules, the dashboard, every metric moves",
                   [*python, "-m", "pytest", "-q", "-rfEs", *side_by_side, "tests/deploy"], "dev"),
            integration("dev"),
            script("interop", "interoperability: browsers, other people's libraries and tools, proxies", ["tests/interop/run"], "dev",
                   1500),
            script("bench", "the comparison of ./dev bench, once and tiny", [*python, "-m", "pytest", "-q", "-rfEs",
                                                                            "tests/bench_netns"], "dev"),
            script("soak", "minutes of a soak: nothing is lost or left behind", ["tests/soak/run", *soak], "dev"),
            build("asan-ubsan"),
            Step("fuzz", f"fuzzing, {self.fuzz_seconds} s a target", fuzz.PRESET, self.fuzz_smoke),
            unit("asan-ubsan"),
            integration("asan-ubsan"),
            build("tsan"),
            unit("tsan"),
            integration("tsan"),
        ]
        if everything:
            steps += [
                script("lint", "clang-tidy", [*python, "tests/support/run_clang_tidy.py", "--jobs", str(self.jobs)], "dev", 3600),
                build("msan", UNINITIALISED_READS),
                Step("fuzz-msan", "MemorySanitizer over the parsers that need no foreign library", "msan",
                     lambda: self.fuzz_smoke("msan")),
                script("cppcheck", "cppcheck", [*python, "tests/support/run_cppcheck.py", "--jobs", str(self.jobs)], "none", 3600),
                script("repetitions", f"bad inputs, {MANY_REPETITIONS} times each", repetitions, timeout=5400),
                script("mutants", "a test fails where a defence is missing", ["tests/mutants/run"], "none", 7200),
                script("check-page", "the connectivity page in a browser, behind each kind of network",
                       ["tests/interop/run", "check_page"], "dev", 1800),
                script("kernels", "the kernel datapath on Linux 6.1, emulated", ["tests/kernels/run"], "dev", 1800),
                script("faults", "forged packets of each kind, with calls beside them",
                       ["tests/faults/run", "--packets", "100000"], "dev", 1800),
                script("package", "the Debian package in a bare Debian root", ["tests/bare/check_package"], "dev", 1200),
                script("systemd", "the page about a machine of its own, with systemd", ["tests/bare/check_systemd"], "dev", 1200),
                script("reproducible", "two release builds in two folders are the same", ["tests/bare/check_reproducible"], "none", 5400),
                script("image", "the image, on a bare Debian root", ["tests/bare/check_image"], "none", 3600),
                script("bare", "README's first command in a bare Debian root", ["tests/bare/check_bare_root"], "none", 3600),
            ]
        return steps


def _with_suite(suite: str, name: str) -> str:
    return name if name.startswith(f"{suite}:") else f"{suite}: {name}"


def choose(steps: list[Step], suites: list[str]) -> list[Step]:
    """The suites asked for, and the builds that they need. "unit" stands for every suite named unit-…"""
    if not suites:
        return steps
    wanted = {step.name for step in steps if any(step.name == suite or step.name.startswith(f"{suite}-") for suite in suites)}
    unknown = [suite for suite in suites if not any(name == suite or name.startswith(f"{suite}-") for name in wanted)]
    if unknown:
        sys.exit(f"dev test: no suite named {', '.join(unknown)} here (more with --all); there are: "
                 f"{' '.join(step.name for step in steps)}")  # fmt: skip
    presets = {step.preset for step in steps if step.name in wanted}
    return [step for step in steps if step.name in wanted or step.name.removeprefix("build-") in presets]


def run(runner: Runner, steps: list[Step]) -> Results:
    total = Results()
    later = [step.build for step in steps if step.build is not None]
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.title} …", flush=True)
        began = time.monotonic()
        results = run_build(runner, step) if step.build is not None else run_suite(runner, step)
        took = f"{time.monotonic() - began:.0f} s"
        print(f"      done in {took}" if results is None else f"      {results} in {took}", flush=True)
        if results is not None:
            total.add(results)
        if step.build is not None and later[:1] == [step.build]:
            # The first one is wanted at once. The suites leave enough time for the others.
            runner.builds.begin(later[1:])
            later = []
    return total


def run_suite(runner: Runner, step: Step) -> Results:
    if step.preset in runner.builds.broken:
        return Results(failed=[f"{step.name}: not run, because the {step.preset} preset did not build"])
    return step.run()


def run_build(runner: Runner, step: Step) -> Results | None:
    """None: it works."""
    failure = runner.builds.finish(step.build)
    if not failure:
        return None
    print(failure)
    return Results(failed=[f"{step.name}: does not build  (log: {(LOGS / f'{step.name}.log').relative_to(ROOT)})"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev test", description="Runs the test suites.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="only these")
    parser.add_argument("--all", action="store_true", help="the long ones, too")
    parser.add_argument("--list", action="store_true", help="name the suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--fuzz-seconds", type=int, default=5)
    arguments = parser.parse_args()
    runner = Runner(arguments.jobs, arguments.fuzz_seconds)
    steps = runner.steps(arguments.all or arguments.list)
    if arguments.list:
        print("\n".join(f"{step.name:24} {step.title}" for step in steps if not step.name.startswith("build-")))
        return 0
    for preset in SANITIZED:
        shutil.rmtree(runner.report_directory(preset), ignore_errors=True)
    began = time.monotonic()
    try:
        results = run(runner, choose(steps, arguments.suites))
    finally:
        runner.builds.close()
        runner.commands.end_all()
    if results.skipped:
        print("\nSkipped, with the reason:")
        print("\n".join(f"  {line}" for line in results.skipped))
    if results.again:
        print("\nPassed only when run a second time, by itself; the first failure:")
        print("\n".join(f"  {line}" for line in results.again))
    if results.failed:
        print("\nFailed:")
        print("\n".join(f"  {line}" for line in results.failed))
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    print(f"\nAll of it took {minutes} min {seconds} s; the logs are in build/log/.")
    print(results)
    return 1 if results.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
