"""Processes of a run: each in its namespace, on its processors, with an end of its own and with the driver's."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from network import Namespace, set_namespace

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _preparation(namespace: Namespace, processors: set[int]) -> Callable[[], None]:
    driver = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != driver:
            os._exit(1)
        with namespace.file.open() as there:
            set_namespace(there.fileno())
        os.sched_setaffinity(0, processors)

    return prepare


def start(namespace: Namespace, processors: set[int], command: list[str], log: Path) -> subprocess.Popen:
    with log.open("wb") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                cwd=log.parent, preexec_fn=_preparation(namespace, processors))  # fmt: skip


def run(namespace: Namespace, processors: set[int], command: list[str], seconds: float) -> subprocess.CompletedProcess:
    """Runs to the end, which comes by force after so many seconds (subprocess.TimeoutExpired)."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                          preexec_fn=_preparation(namespace, processors))  # fmt: skip


def stop(process: subprocess.Popen) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def resident_bytes(pid: int, highest: bool = False) -> int:
    """Resident memory now, or the highest so far."""
    key = "VmHWM:" if highest else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise OSError(f"process {pid} has no {key}")


def interrupt_threads(processors: set[int]) -> list[int]:
    """The kernel's threads that take over network work from a busy processor; none where they cannot be seen."""
    wanted = {f"ksoftirqd/{number}" for number in processors}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() in wanted:
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile
    return found
