"""The network that the suite runs in: nothing but the loopback interface, with the addresses that the tests use."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys

CLONE_NEWNET = 0x40000000  # linux/sched.h; Python has os.unshare from 3.12 on

# Nothing leaves the namespace. The local routes make ordinary addresses usable by peers without being addresses of an
# interface, which a server would take for the host's own.
NETWORK = [
    "link set lo up",
    *(f"-6 address add fd00:1::{number}/128 dev lo nodad" for number in range(1, 10)),
    "address add 45.1.0.1/32 dev lo",
    "-6 address add 2a00:2::1/128 dev lo nodad",
    "route add local 45.0.0.0/24 dev lo",
    "-6 route add local 2a00:1::/64 dev lo",
    "address add 46.0.0.10/24 dev lo",
    "route add default via 46.0.0.1 dev lo",
]


def prepare() -> None:
    """Gives the namespace of this process, which is empty, its addresses."""
    for command in NETWORK:
        done = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
        if done.returncode != 0 and not command.startswith("-6"):
            sys.exit(f"ip {command}: {done.stderr}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def enter_own() -> None:
    """Moves this process, which has one thread yet, to a network namespace of its own, and prepares it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    prepare()
