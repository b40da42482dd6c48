#!/usr/bin/env python3
"""Holds every #include to the floors of docs/architecture.md.

Two rules. A folder includes only itself and what lies below it: siblings never include each other. And a library has
one door: only the folders named here may include its headers.

`check_layers.py` checks the tree, then itself against planted violations. One line a folder; the last line is
"N passed, N failed, N skipped".
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Floor by floor, from the bottom up. A folder may include every folder of a lower floor and none of its own.
FLOORS = [
    ["protocol/base"],
    ["protocol/stun", "server/metrics", "server/log", "server/sandbox", "server/web"],
    ["protocol/turn"],
    ["server/datapath", "server/tls", "auth"],
    ["server/net", "server/http", "server/fleet", "server/config"],
    ["server/control", "server/migrate", "server/probe", "server/upgrade"],
    ["server/app", "server/doctor", "server/cli", "server"],
]

# The few who may look sideways: their own floor is a small staircase.
SIDEWAYS = {
    "server/datapath/userspace": {"server/datapath"},
    "server/datapath/kernel": {"server/datapath"},
    "server/fleet": {"server/http"},
    "server/doctor": {"server/app"},
    "server/cli": {"server/app", "server/doctor"},
    "server": {"server/app", "server/cli"},
}

# A folder listed here is on its parent's floor, but is not part of it.
SEPARATE = ["server/datapath/userspace", "server/datapath/kernel"]

# Not in the product: may include all of it, and is included by nothing.
OUTSIDE = ["bench", "tests"]

# The start of an include -> who may have it. A name without a slash at its end is a file, by the start of its path.
DOORS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("boost/asio", "boost/beast"), ("server/net/", "bench/loadgen/")),
    (("event2/", "event.h", "evhttp.h", "evutil.h"), ("server/http/", "server/fleet/")),
    (("curl/",), ("server/http/",)),
    (("hiredis/",), ("server/fleet/",)),
    (
        ("bpf/", "linux/bpf", "linux/if_xdp"),
        ("server/datapath/kernel/", "bench/kernel/", "bench/netns/"),
    ),
    (("yaml-cpp/",), ("server/config/",)),
    (("prometheus/",), ("server/metrics/",)),
    (("spdlog/",), ("server/log/",)),
    (("seccomp.h", "linux/landlock", "linux/seccomp"), ("server/sandbox/",)),
    (("fmt/",), ("server/log/", "bench/loadgen/")),
    (("CLI/",), ("server/cli/", "bench/loadgen/")),
    (("cjose/",), ("auth/",)),
    (("qrencode.h",), ("server/web/qr_code",)),
    (
        ("boost/json",),
        ("auth/", "server/fleet/", "server/control/", "server/app/", "server/doctor/", "server/cli/", "bench/loadgen/"),
    ),
    (("openssl/ssl", "openssl/dtls"), ("server/tls/", "bench/loadgen/tls_stream")),
    (("openssl/",), ("protocol/base/crypto", "protocol/base/aead", "auth/", "server/tls/", "bench/loadgen/tls_stream")),
    # The engine and everything below it are sans-IO: no socket, no thread, no clock of their own.
    (("sys/socket.h", "sys/epoll.h", "linux/", "unistd.h", "thread"), ("server/", "auth/", "bench/")),
    (("boost/unordered", "boost/container"), ("protocol/turn/", "server/", "auth/", "bench/")),
    (("netinet/", "arpa/"), ("protocol/base/ip_address", "server/", "bench/")),
]

# Tests drive libraries through their own doors and the sockets of the machine.
FREE_OF_DOORS = ("tests/",)

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SOURCES = {".h", ".cc", ".c"}


@dataclass(frozen=True)
class Violation:
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def folder_of(path: str) -> str | None:
    """The folder of the table that a file belongs to: the longest that is a part of its path."""
    known = [folder for floor in FLOORS for folder in floor] + SEPARATE + OUTSIDE
    parents = [str(parent) for parent in Path(path).parents]
    return next((parent for parent in parents if parent in known and _covers(parent, path)), None)


def _covers(folder: str, path: str) -> bool:
    """`server` is the program's main file only; a new folder under it needs a row of its own."""
    return folder != "server" or len(Path(path).parts) == 2


def floor_of(folder: str) -> int:
    if folder in OUTSIDE:
        return len(FLOORS)
    for number, floor in enumerate(FLOORS):
        if folder in floor or (folder in SEPARATE and str(Path(folder).parent) in floor):
            return number
    raise AssertionError(folder)


def judge_own(folder: str, included: str) -> str | None:
    target = folder_of(included)
    if target is None:
        return f'"{included}" belongs to no folder of the table'
    if target == folder or target in SIDEWAYS.get(folder, set()):
        return None
    if target in OUTSIDE:
        return None if folder == "tests" else f'"{included}": nothing includes {target}/'
    if floor_of(target) < floor_of(folder):
        return None
    relation = "a sibling" if floor_of(target) == floor_of(folder) else "a higher floor"
    return f'"{included}": {target} is {relation} of {folder}'


def judge_foreign(path: str, included: str) -> str | None:
    if path.startswith(FREE_OF_DOORS):
        return None
    for prefixes, doors in DOORS:
        if not any(included == prefix or (included.startswith(prefix) and not prefix.isalpha()) for prefix in prefixes):
            continue
        if path.startswith(doors):
            continue
        return f"<{included}> may be included only in {', '.join(door.rstrip('/') for door in doors)}"
    return None


def check_file(root: Path, file: Path) -> list[Violation]:
    path = file.relative_to(root).as_posix()
    folder = folder_of(path)
    if folder is None:
        return [Violation(path, 1, "its folder is in no floor: add it to the table in docs/architecture.md and here")]
    text = file.read_text(errors="replace")
    found = []
    for match in INCLUDE.finditer(text):
        quote, included = match.groups()
        if quote == '"':
            exists = (root / included).is_file() or "/" in included and included.split("/")[0] in ("protocol", "server", "auth")
            problem = judge_own(folder, included) if exists else f'"{included}": our headers are named from the root'
        else:
            problem = judge_foreign(path, included)
        if problem:
            found.append(Violation(path, text.count("\n", 0, match.start(1)) + 1, problem))
    return found


def check_tree(root: Path) -> dict[str, list[Violation]]:
    """The violations of each folder that has sources."""
    result: dict[str, list[Violation]] = {}
    for top in ("protocol", "auth", "server", "bench", "tests"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix in SOURCES and file.is_file():
                folder = folder_of(file.relative_to(root).as_posix()) or str(file.parent.relative_to(root))
                result.setdefault(folder, []).extend(check_file(root, file))
    return result


# Each planted file: where, its include line, and whether that is a violation.
PLANTED = [
    ("protocol/base/a.h", "#include <vector>", False),
    ("protocol/base/a.h", '#include "protocol/stun/a.h"', True),
    ("protocol/stun/a.h", '#include "protocol/base/a.h"', False),
    ("protocol/stun/a.h", '#include "server/log/a.h"', True),
    ("protocol/stun/a.h", '#include "a.h"', True),
    ("protocol/turn/a.h", "#include <boost/asio.hpp>", True),
    ("protocol/turn/a.h", "#include <boost/unordered/unordered_flat_map.hpp>", False),
    ("protocol/stun/a.h", "#include <boost/unordered/unordered_flat_map.hpp>", True),
    ("protocol/turn/a.h", "#include <thread>", True),
    ("protocol/turn/a.h", "#include <sys/socket.h>", True),
    ("protocol/turn/a.h", "#  include  <openssl/hmac.h>", True),
    ("protocol/base/crypto.cc", "#include <openssl/evp.h>", False),
    ("protocol/base/crypto.cc", "#include <openssl/ssl.h>", True),
    ("protocol/base/aead.cc", "#include <openssl/evp.h>", False),
    ("protocol/base/bytes.cc", "#include <openssl/evp.h>", True),
    ("auth/a.cc", "#include <boost/json.hpp>", False),
    ("auth/a.cc", '#include "server/datapath/a.h"', True),
    ("server/net/a.cc", "#include <boost/asio/ip/udp.hpp>", False),
    ("server/net/a.cc", "#include <event2/event.h>", True),
    ("server/net/a.cc", '#include "server/http/a.h"', True),
    ("server/net/a.cc", '#include "server/control/a.h"', True),
    ("server/net/a.cc", '#include "server/datapath/userspace/a.h"', False),
    ("server/http/a.cc", "#include <event2/http.h>", False),
    ("server/config/a.cc", "#include <yaml-cpp/yaml.h>", False),
    ("server/config/a.cc", '#include "protocol/turn/a.h"', False),
    ("server/control/a.cc", '#include "server/http/a.h"', False),
    ("server/control/a.cc", "#include <prometheus/registry.h>", True),
    ("server/control/a.cc", '#include "server/app/a.h"', True),
    ("server/datapath/a.h", '#include "server/datapath/userspace/a.h"', True),
    ("server/datapath/userspace/a.h", '#include "server/datapath/a.h"', False),
    ("server/datapath/userspace/a.h", '#include "server/datapath/kernel/a.h"', True),
    ("server/app/a.cc", '#include "server/cli/a.h"', True),
    ("server/app/a.cc", '#include "server/doctor/a.h"', True),
    ("server/doctor/a.cc", '#include "server/probe/a.h"', False),
    ("server/probe/a.cc", '#include "server/control/a.h"', True),
    ("server/cli/a.cc", '#include "server/app/a.h"', False),
    ("server/cli/a.cc", "#include <CLI/CLI.hpp>", False),
    ("server/app/a.cc", "#include <CLI/CLI.hpp>", True),
    ("server/main.cc", '#include "server/cli/a.h"', False),
    ("server/common/a.h", "#include <vector>", True),
    ("bench/codec/a.cc", '#include "protocol/stun/a.h"', False),
    ("server/net/a.cc", '#include "bench/codec/a.h"', True),
    ("server/net/a.cc", '// #include "server/http/a.h"', False),
]


def check_planted(path: str, line: str) -> bool:
    """Whether a tree that holds only the usual folders and this file has a violation."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        folders = [folder for floor in FLOORS for folder in floor] + SEPARATE + ["bench/codec"]
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / "a.h").write_text("")
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{line}\n")
        return any(check_tree(root).values())


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    passed = failed = 0
    for folder, violations in sorted(check_tree(root).items()):
        if violations:
            failed += 1
            print("\n".join(f"    {violation}" for violation in violations))
            print(f"FAIL layering: {folder}: {len(violations)} forbidden includes")
        else:
            passed += 1
            print(f"PASS layering: {folder}")
    misjudged = [planted for planted in PLANTED if check_planted(planted[0], planted[1]) != planted[2]]
    for path, line, expected in misjudged:
        print(f"    {line} in {path} should be {'refused' if expected else 'accepted'}")
    passed, failed = passed + (not misjudged), failed + bool(misjudged)
    print(f"{'FAIL' if misjudged else 'PASS'} layering: {len(PLANTED)} planted includes are judged rightly")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
