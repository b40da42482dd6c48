"""Fetches npm packages by `npm ci` from a lock file of this repository into the build folder, once for each."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

FETCH_SECONDS = 180


@dataclass(frozen=True)
class NpmPackages:
    """`source` has package.json and package-lock.json; `directory` is where node_modules comes to stand."""

    source: Path
    directory: Path

    @property
    def _failure(self) -> Path:
        return self.directory / "failure.txt"

    @property
    def _stamp(self) -> Path:
        return self.directory / "stamp"

    def why_missing(self) -> str | None:
        """The reason to skip what needs node and its packages, if there is one."""
        if not shutil.which("node"):
            return "node (package nodejs) is missing"
        if self._stamp.exists():
            return None
        return self._failure.read_text() if self._failure.exists() else "the npm packages were not fetched"

    def fetch(self) -> str | None:
        """What went wrong, if anything did; `why_missing` says it from then on, too. Several processes may ask."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with self.directory.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            problem = self._fetch()
            if problem:
                self.directory.mkdir(parents=True, exist_ok=True)
                self._failure.write_text(problem)
        return problem

    def _fetch(self) -> str | None:
        wanted = hashlib.sha256((self.source / "package-lock.json").read_bytes()).hexdigest()
        if self._stamp.exists() and self._stamp.read_text() == wanted:
            return None
        if not shutil.which("npm"):
            return "npm is missing"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(self.source / name, self.directory)
        try:
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=self.directory,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_SECONDS)
        except subprocess.TimeoutExpired:
            return f"npm ci took more than {FETCH_SECONDS} s"
        if done.returncode != 0:
            return f"npm ci failed: {' '.join(done.stderr.split())[-300:]}"
        self._stamp.write_text(wanted)
        return None
