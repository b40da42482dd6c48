"""Builds CMake presets: the one that is wanted now at once, and those of later suites meanwhile, in the time in which the
suites before them wait."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from commands import Commands

SECONDS = 3600  # to configure, or to build, at most: suites beside it go first
TAIL_LINES = 40


@dataclass(frozen=True)
class Build:
    preset: str
    targets: list[str] = field(default_factory=list, hash=False)  # none: all


class PresetBuilds:
    def __init__(self, commands: Commands, build_directory: Path, jobs: int):
        self.broken: set[str] = set()  # presets
        self._commands = commands
        self._directory = build_directory
        self._jobs = jobs
        self._pool = ThreadPoolExecutor(max_workers=1)  # one after the other
        self._meanwhile: dict[str, Future[str]] = {}

    def begin(self, builds: list[Build]) -> None:
        """Builds these in this order with the lowest priority, and returns at once."""
        for build in builds:
            self._meanwhile[build.preset] = self._pool.submit(self._build, build, True)

    def finish(self, build: Build) -> str:
        """Waits for what has begun, or builds it now. If that fails: the end of the log, and the preset is broken."""
        future = self._meanwhile.pop(build.preset, None)
        failure = self._build(build, False) if future is None else future.result()
        if failure:
            self.broken.add(build.preset)
        return failure

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _build(self, build: Build, is_idle: bool) -> str:
        directory = self._directory / build.preset
        targets = ["--target", *build.targets] if build.targets else []
        for phase, command in (("configure", ["cmake", "--preset", build.preset]),
                               ("build", ["cmake", "--build", str(directory), "-j", str(self._jobs), *targets])):  # fmt: skip
            code, log = self._commands.call(f"{phase}-{build.preset}", command, timeout=SECONDS, is_idle=is_idle)
            if code != 0:
                return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:]) or f"exit code {code}"
        return ""
