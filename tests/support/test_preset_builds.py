"""Builds beside the suites, by a cmake that does as it is told."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from commands import Commands
from preset_builds import Build, PresetBuilds
from upgrading import runs

# Notes who asked; fails where there is a file named broken-PRESET, and waits until there is none named wait-PRESET.
CMAKE = """#!/bin/sh
echo "$*" >>"$CALLS/calls"
for preset in one two; do
  case "$*" in *$preset*) ;; *) continue ;; esac
  nice >"$CALLS/niceness-$preset"
  touch "$CALLS/begun-$preset"
  while [ -e "$CALLS/wait-$preset" ]; do sleep 0.01; done
  if [ -e "$CALLS/broken-$preset" ]; then echo "this is what is wrong"; exit 1; fi
done
"""


@pytest.fixture
def calls(tmp_path, monkeypatch) -> Path:
    program = tmp_path / "bin/cmake"
    program.parent.mkdir()
    program.write_text(CMAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path))
    return tmp_path


@pytest.fixture
def commands(tmp_path) -> Commands:
    return Commands(tmp_path, tmp_path / "log")


@pytest.fixture
def builds(commands, tmp_path):
    made = PresetBuilds(commands, tmp_path / "build", 3)
    yield made
    made.close()
    commands.end_all()


def until_there_is(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} has not come"
        time.sleep(0.01)


def test_a_build_that_is_broken_says_why_and_whose_it_is(calls, builds):
    (calls / "broken-one").touch()
    assert "this is what is wrong" in builds.finish(Build("one"))
    assert builds.finish(Build("two")) == ""
    assert builds.broken == {"one"}


def test_a_build_that_broke_meanwhile_is_told_when_it_is_wanted(calls, builds):
    (calls / "broken-one").touch()
    builds.begin([Build("one"), Build("two")])
    until_there_is(calls / "begun-two")
    assert builds.broken == set()
    assert "this is what is wrong" in builds.finish(Build("one"))
    assert builds.finish(Build("two")) == ""
    assert builds.broken == {"one"}


def test_what_is_built_meanwhile_is_built_once_and_gives_way(calls, builds):
    builds.begin([Build("one", ["this", "that"])])
    assert builds.finish(Build("one", ["this", "that"])) == ""
    asked = (calls / "calls").read_text().splitlines()
    assert asked == ["--preset one", f"--build {calls}/build/one -j 3 --target this that"]
    assert int((calls / "niceness-one").read_text()) == 19
    assert builds.finish(Build("two")) == ""
    assert int((calls / "niceness-two").read_text()) < 19


def test_builds_do_not_outlive_who_wanted_them(calls, builds, commands):
    (calls / "wait-one").touch()
    builds.begin([Build("one"), Build("two")])
    until_there_is(calls / "begun-one")
    builds.close()
    commands.end_all()
    assert builds.finish(Build("one")) != ""
    with pytest.raises(CancelledError):
        builds.finish(Build("two"))
    assert not (calls / "begun-two").exists()


def test_a_command_that_takes_too_long_is_ended_with_what_it_has_started(commands, tmp_path):
    code, log = commands.call("slow", ["sh", "-c", "sleep 1000 & echo $! >child; wait"], timeout=1)
    assert code == 124 and "took too long" in log.read_text()
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 30
    while runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
