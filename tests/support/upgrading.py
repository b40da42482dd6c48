"""A server that is upgraded while it runs: its program can be replaced, and whoever took over is known and ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from server_fixture import SANITIZER_REPORT, STOP_SECONDS, Server, ServerFailed, binary, run_command
from waiting import eventually

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def adopt_orphans() -> None:
    """Whoever took over is a child of the server before; when that has ended, it is ours to wait for."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class UpgradableServer(Server):
    """One server over all its processes. It runs from a program of its own."""

    def __init__(self, directory: Path, settings: dict | None = None, **options):
        super().__init__(directory, settings, **options)
        adopt_orphans()
        self.program = directory / "senso-turn"
        self.processes: list[int] = []  # those that took over
        self.former: subprocess.Popen | None = None

    def start(self) -> UpgradableServer:
        self.install(binary())
        self.start_program(self.program)
        return self

    def start_program(self, program: Path) -> None:
        before = os.environ.get("SENSO_TURN")
        os.environ["SENSO_TURN"] = str(program)
        try:
            super().start()
        finally:
            if before is None:
                del os.environ["SENSO_TURN"]
            else:
                os.environ["SENSO_TURN"] = before

    def install(self, program: Path) -> None:
        """Another program stands at the path from now on, as a package manager does it."""
        new = self.directory / "senso-turn.new"
        with contextlib.suppress(OSError):
            os.link(program, new)
        if not new.exists():
            shutil.copy(program, new)
        os.replace(new, self.program)

    def install_script(self, text: str) -> None:
        new = self.directory / "senso-turn.new"
        new.write_text("#!/bin/sh\n" + text)
        new.chmod(0o755)
        os.replace(new, self.program)

    @property
    def admin_socket(self) -> str:
        return self.settings["admin"]["socket"]

    @property
    def upgrade_socket(self) -> str:
        return self.admin_socket + ".upgrade"

    def try_upgrade(self) -> subprocess.CompletedProcess:
        return run_command("upgrade", "--socket", self.admin_socket, seconds=120)

    def upgrade(self) -> str:
        """Must succeed; what was said of it."""
        done = self.try_upgrade()
        assert done.returncode == 0, f"{done.stderr}\n{self.log()}"
        match = re.search(r"process (\d+) has taken over", done.stdout)
        assert match, done.stdout
        self.processes.append(int(match.group(1)))
        if self.former is None:
            self.former = self.process
        assert eventually(self._says_ready), self.log()
        return done.stdout

    def _says_ready(self) -> bool:
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    @property
    def pid(self) -> int:
        return self.processes[-1] if self.processes else super().pid

    @property
    def is_running(self) -> bool:
        """Whoever serves now."""
        return runs(self.processes[-1]) if self.processes else super().is_running

    def former_has_ended(self) -> bool:
        """The process that was started first."""
        assert self.process is not None
        return self.process.poll() is not None

    def stop(self) -> None:
        if not self.processes:
            return super().stop()
        process, self.process = self.process, None
        for number in [process.pid, *self.processes]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGINT)  # at once, whoever is still there
        codes = [process.wait(STOP_SECONDS), *(wait_for(number) for number in self.processes)]
        if any(codes) or SANITIZER_REPORT.search(self.log()):
            raise ServerFailed(f"the processes ended with {codes}:\n{self.log()[-8000:]}")
        return None


def runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # whoever has ended, and was not waited for


def wait_for(number: int) -> int:
    """The exit code of an orphan."""
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            done, status = os.waitpid(number, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(number, signal.SIGKILL)
    raise ServerFailed(f"process {number} did not end for {STOP_SECONDS} s")


def say(path: str, *frames: bytes) -> None:
    """What a stranger may send to whoever gives, without an interest in the answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)  # waits where others are waiting, too
        connection.settimeout(10)
        for frame in frames:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(frame)
