"""Builds and tests each mutant in a copy of the sources. Started by ./run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from mutants import MUTANTS, WITHOUT, Mutant

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / "build" / "mutants"
TREE = SCRATCH / "tree"
BUILD = SCRATCH / "build"
JOBS = os.environ.get("SENSO_TURN_JOBS", str(os.cpu_count() or 2))
BUILD_SECONDS = 2400
TEST_SECONDS = 300


class Broken(Exception):
    """What kept a mutant from being tested."""


def copy_sources() -> None:
    """What git knows of, as it stands. Files that have not changed keep their times, so that little is built."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True).stdout
    names = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        source, copy = ROOT / name, TREE / name
        if copy.exists() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    for stale in [path for path in TREE.rglob("*") if path.is_file() and str(path.relative_to(TREE)) not in names]:
        stale.unlink()


def call(log: Path, command: list[str], timeout: int) -> int:
    with log.open("wb") as output:
        try:
            return subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                  timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            return 124


def build(*targets: str) -> None:
    log = SCRATCH / "build.log"
    if call(log, ["cmake", "--build", str(BUILD), "-j", JOBS, "--target", *targets], BUILD_SECONDS) != 0:
        raise Broken("does not build: " + " ".join(log.read_text(errors="replace").split("\n")[-6:]))


def test(mutant: Mutant) -> tuple[int, str]:
    """The program's exit code, and what it said."""
    log = SCRATCH / "test.log"
    code = call(log, [str(BUILD / "tests" / mutant.program), f"--gtest_filter={mutant.filter}", "--gtest_brief=0"], TEST_SECONDS)
    return code, log.read_text(errors="replace")


def mutated(mutant: Mutant) -> dict[Path, str]:
    """The files as they are in the mutant."""
    contents: dict[Path, str] = {}
    for name, old, new in mutant.edits:
        path = TREE / name
        text = contents.get(path) or path.read_text()
        if text.count(old) != 1:
            raise Broken(f"{name} has {text.count(old)} times: {old.strip()}")
        contents[path] = text.replace(old, new)
    return contents


def try_mutant(mutant: Mutant) -> None:
    contents = mutated(mutant)
    originals = {path: path.read_text() for path in contents}
    try:
        for path, text in contents.items():
            path.write_text(text)
        build(mutant.program)
        code, said = test(mutant)
    finally:
        for path, text in originals.items():
            path.write_text(text)
    if code == 0:
        raise Broken(f"lives: {mutant.filter} passes all the same")
    if "[  FAILED  ]" not in said and "CHECK failed" not in said:
        raise Broken(f"ends with {code} and no failed test")


def main() -> int:
    wanted = sys.argv[1:]
    chosen = [mutant for mutant in MUTANTS if not wanted or mutant.row in wanted]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    copy_sources()
    passed = failed = skipped = 0
    configured = call(SCRATCH / "configure.log", ["cmake", "--preset", "dev", "-B", str(BUILD)], 600)
    try:
        if configured != 0:
            raise Broken(f"the copy cannot be configured: {SCRATCH / 'configure.log'}")
        # Tests that fail anyway say nothing.
        build(*sorted({mutant.program for mutant in chosen}))
        for mutant in chosen:
            code, said = test(mutant)
            if code != 0 or "[       OK ]" not in said:
                raise Broken(f"without a mutant, {mutant.program} {mutant.filter} ends with {code} or has no test")
    except Broken as problem:
        print(f"FAIL mutants: {problem}\n0 passed, 1 failed, 0 skipped")
        return 1
    for mutant in chosen:
        try:
            try_mutant(mutant)
            passed += 1
            print(f"PASS {mutant.name}", flush=True)
        except Broken as problem:
            failed += 1
            print(f"FAIL {mutant.name}: {problem}", flush=True)
    for row, reason in WITHOUT.items():
        if not wanted or row in wanted:
            skipped += 1
            print(f"SKIP {row}: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
