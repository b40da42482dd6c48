"""A Python that has the modules which Debian's packages bring: another one may stand before it in the PATH."""

from __future__ import annotations

import subprocess
import sys
from functools import cache


@cache
def interpreter_with(statement: str) -> str | None:
    """One that runs the statement, such as an import, without complaint."""
    for program in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([program, "-c", statement], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return program
    return None
