"""Runs commands for `./dev test`: each with its output in a log, in a session of its own that does not outlive us."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOWEST_PRIORITY = 19


class Commands:
    """Any thread."""

    def __init__(self, directory: Path, logs: Path):
        self.directory = directory  # where they run
        self.logs = logs
        self.live = sys.stdout.isatty()
        self._children: set[subprocess.Popen] = set()
        self._has_ended = False
        self._lock = threading.Lock()

    def call(self, log_name: str, command: list[str], *, timeout: float, env: dict[str, str] | None = None,
             is_alone: bool = True, is_idle: bool = False) -> tuple[int, Path]:
        """Runs a command to its end, or ends its whole process group when it takes too long (exit code 124).

        The terminal shows the last line of a command that is alone. One that is idle has what others leave."""
        log = self.logs / f"{log_name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            output.write(f"$ {shlex.join(command)}\n".encode())
            output.flush()
            with self._started(command, output, env, is_idle) as child:
                code = self._wait(child, log, timeout, self.live and is_alone and not is_idle)
            if code is None:
                output.write(f"\nended after {timeout} s: it took too long\n".encode())
                code = 124
        return code, log

    def end_all(self) -> None:
        """What still runs, in whatever thread, is told to end, and nothing more begins: it fails."""
        with self._lock:
            self._has_ended = True
            for child in self._children:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)

    @contextmanager
    def _started(self, command: list[str], output, env: dict[str, str] | None, is_idle: bool) -> Iterator[subprocess.Popen]:
        if is_idle:
            command = ["nice", "-n", str(LOWEST_PRIORITY), *command]
        with self._lock:
            if self._has_ended:
                raise RuntimeError("everything is to end")
            child = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, start_new_session=True)
            self._children.add(child)
        if is_idle:
            # Where each session has its share of the processors, niceness counts only within one.
            with suppress(OSError):
                Path(f"/proc/{child.pid}/autogroup").write_text(str(LOWEST_PRIORITY))
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            with self._lock:
                self._children.discard(child)

    def _wait(self, child: subprocess.Popen, log: Path, timeout: float, live: bool) -> int | None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                return child.wait(0.5)
            except subprocess.TimeoutExpired:
                if live:
                    print(f"\r\033[K      {_last_line(log)}", end="", flush=True)
            finally:
                if live:
                    print("\r\033[K", end="", flush=True)
        return None


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 400))
        lines = file.read().decode(errors="replace").split("\n")
    text = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return "".join(letter for letter in text if letter.isprintable())[:100]
