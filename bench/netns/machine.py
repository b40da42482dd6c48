"""What a run was made on, and what bounds it."""

from __future__ import annotations

import gzip
import os
import platform
import re
import resource
import subprocess
from pathlib import Path


def kernel_options() -> str | None:
    """The configuration that the running kernel was built with; None where nobody tells."""
    try:
        return gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except OSError:
        pass
    try:
        return Path(f"/boot/config-{platform.release()}").read_text()
    except OSError:
        return None


def charges_interrupts_to_tasks(options: str | None) -> bool:
    """Whether the time of a network interrupt counts as time of the task that it interrupts, so that the tasks' times
    together are all the time that was spent."""
    return options is not None and "CONFIG_IRQ_TIME_ACCOUNTING=y" not in options


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "not found"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def coturn_version(program: str) -> str:
    """turnserver prints its version after lines of another kind."""
    try:
        done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "not found"
    found = re.findall(r"^\d+\.\d+\.\d+\S*$", done.stdout, re.M)
    return f"coturn {found[-1]}" if found else "coturn of unknown version"


def _match(file: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(file).read_text(), re.M)
    except OSError:
        return "unknown"
    return found.group(1).strip() if found else "unknown"


def description() -> dict:
    memory = _match("/proc/meminfo", r"^MemTotal:\s+(\d+)")
    return {
        "processor": _match("/proc/cpuinfo", r"^model name\s*:\s*(.*)$"),
        "processors": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in _match("/proc/cpuinfo", r"^flags\s*:\s*(.*)$"),
        "memory_mib": int(memory) // 1024 if memory.isdigit() else None,
        "kernel": platform.release(),
        "system": _match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)'),
        "load_before": round(os.getloadavg()[0], 2),
        "niceness": os.nice(0),
    }


def limits() -> dict:
    def setting(name: str) -> int | str:
        try:
            text = Path("/proc/sys", name).read_text().strip()
        except OSError:
            return "unknown"
        return int(text) if text.isdigit() else text

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {"open_files_soft": soft, "open_files_hard": hard, "rmem_max": setting("net/core/rmem_max"),
            "wmem_max": setting("net/core/wmem_max"), "netdev_max_backlog": setting("net/core/netdev_max_backlog"),
            "netdev_budget": setting("net/core/netdev_budget")}  # fmt: skip


def raise_descriptor_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
