"""deploy/kubernetes/base/relay/own-node.sh, with a senso-turn that only says what it is asked: who serves on a node
when several pods come and go."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from kustomized import FOLDER
from waiting import eventually

SCRIPT = FOLDER / "base" / "relay" / "own-node.sh"

# `status` answers while somebody serves; a drain is over when the test says so.
PROGRAM = """#!/bin/sh
case $1 in
  status) test -e "$RUN_DIRECTORY/served" ;;
  drain) echo "$*" >>"$RUN_DIRECTORY/drained"; until test -e "$RUN_DIRECTORY/over"; do sleep 0.1; done ;;
  serve)
    shift
    echo "$*" >"$RUN_DIRECTORY/arguments"
    case "$*" in *--take-over*) test -e "$RUN_DIRECTORY/willing" || exit 1 ;; esac
    touch "$RUN_DIRECTORY/served"
    exec sleep 60
    ;;
esac
"""


class Pods:
    def __init__(self, directory: Path):
        self.run = directory / "run"
        self.run.mkdir()
        self.programs = directory / "programs"
        self.programs.mkdir()
        self.program = self.programs / "senso-turn"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        self.processes: list[subprocess.Popen] = []

    def start(self, uid: str, *words: str) -> subprocess.Popen:
        environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "POD_UID": uid, "DRAIN_DEADLINE": "7m",
                       "RUN_DIRECTORY": str(self.run)}
        process = subprocess.Popen(["/bin/sh", str(SCRIPT), *words], env=environment, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def take(self, uid: str) -> subprocess.Popen:
        return self.start(uid, "take")

    def serve(self, uid: str) -> subprocess.Popen:
        return self.start(uid, "serve", str(self.program), "serve", "--set", "node=a b")

    def leave(self, uid: str) -> subprocess.Popen:
        return self.start(uid, "leave")

    @property
    def is_served(self) -> bool:
        return (self.run / "served").exists()

    def offers_to_give(self, willing: bool) -> socket.socket:
        """As a server does that can be taken over from."""
        giver = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        giver.bind(f"{self.run}/admin.sock.upgrade")
        if willing:
            (self.run / "willing").touch()
        return giver

    @property
    def arguments(self) -> str:
        file = self.run / "arguments"
        return file.read_text() if file.exists() else ""

    def end_of_server(self) -> None:
        (self.run / "served").unlink()
        (self.run / "over").touch()

    @property
    def drained(self) -> list[str]:
        file = self.run / "drained"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def owner(self) -> str:
        file = self.run / "owner"
        return file.read_text().strip() if file.exists() else ""


@pytest.fixture
def pods(tmp_path):
    made = Pods(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def terminated(process: subprocess.Popen) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(10)


def test_the_first_pod_of_a_node_serves(pods):
    assert pods.take("first").wait(10) == 0
    pods.serve("first")
    assert eventually(lambda: pods.arguments)
    assert pods.arguments == "--set node=a b\n"
    assert pods.drained == []


def test_the_next_one_drains_it_and_waits_until_it_has_ended(pods):
    pods.take("first").wait(10)
    pods.serve("first")
    assert eventually(lambda: pods.is_served)
    taking = pods.take("next")
    assert eventually(lambda: pods.drained == [f"drain --wait --socket {pods.run}/admin.sock --deadline 7m"])
    assert taking.poll() is None and pods.owner == "next"
    pods.end_of_server()
    assert taking.wait(10) == 0
    assert pods.drained == [f"drain --wait --socket {pods.run}/admin.sock --deadline 7m"]


def test_what_fails_to_take_over_drains_the_next_time(pods):
    pods.take("first").wait(10)
    pods.serve("first")
    assert eventually(lambda: pods.is_served)
    with pods.offers_to_give(willing=False):
        assert pods.take("next").wait(10) == 0
        assert pods.serve("next").wait(10) == 1
        assert pods.arguments == f"--set node=a b --take-over {pods.run}/admin.sock.upgrade\n"
        assert pods.drained == [] and pods.is_served
        # The kubelet starts it again.
        again = pods.serve("next")
        assert eventually(lambda: len(pods.drained) == 1)
        assert again.poll() is None
        pods.end_of_server()
        assert eventually(lambda: pods.is_served)
        assert pods.arguments == "--set node=a b\n"
    assert pods.leave("next").poll() is None
    assert eventually(lambda: not list(pods.run.glob("tried.*")))


def test_the_next_one_takes_over_from_who_gives(pods):
    pods.take("first").wait(10)
    serving = pods.serve("first")
    assert eventually(lambda: pods.is_served)
    with pods.offers_to_give(willing=True):
        assert pods.take("next").wait(10) == 0
        assert pods.owner == "next"
        taking = pods.serve("next")
        assert eventually(lambda: "--take-over" in pods.arguments)
        # The one before is deleted, which is not to drain the one that serves now.
        assert pods.leave("first").wait(10) == 0
        serving.kill()
        assert pods.drained == [] and taking.poll() is None


def test_a_pod_that_lost_its_node_waits_to_be_deleted(pods):
    pods.take("first").wait(10)
    pods.take("next").wait(10)
    waiting = pods.serve("first")  # the container is started again by the kubelet
    pods.serve("next")
    assert eventually(lambda: pods.is_served)
    assert pods.leave("first").wait(10) == 0
    assert waiting.poll() is None
    assert terminated(waiting) == 0
    assert pods.drained == [] and pods.owner == "next"


def test_a_container_that_is_started_again_serves_again(pods):
    pods.take("first").wait(10)
    serving = pods.serve("first")
    assert eventually(lambda: pods.is_served)
    serving.kill()
    pods.end_of_server()
    pods.serve("first")
    assert eventually(lambda: pods.is_served)


def test_who_leaves_drains_until_the_server_has_ended(pods):
    pods.take("first").wait(10)
    pods.serve("first")
    assert eventually(lambda: pods.is_served)
    leaving = pods.leave("first")
    assert eventually(lambda: len(pods.drained) == 1)
    assert leaving.poll() is None and pods.owner == ""
    pods.end_of_server()
    assert leaving.wait(10) == 0


def test_after_an_update_that_is_taken_back_the_former_pod_serves_again(pods):
    pods.take("first").wait(10)
    pods.take("next").wait(10)
    pods.serve("first")
    pods.serve("next")
    assert eventually(lambda: pods.is_served)
    leaving = pods.leave("next")
    assert eventually(lambda: pods.owner == "" and len(pods.drained) == 1)
    pods.end_of_server()
    assert leaving.wait(10) == 0
    assert eventually(lambda: pods.is_served)


def test_so_it_does_when_the_next_one_was_deleted_while_it_waited(pods):
    pods.take("first").wait(10)
    pods.serve("first")
    assert eventually(lambda: pods.is_served)
    taking = pods.take("next")
    assert eventually(lambda: len(pods.drained) == 1)
    assert terminated(taking) == 1
    assert pods.owner == ""
    pods.end_of_server()
    pods.serve("first")
    assert eventually(lambda: pods.is_served)


def test_where_nothing_can_be_drained_leaving_is_at_once(pods):
    pods.program.write_text("#!/bin/sh\nexit 1\n")
    pods.take("first").wait(10)
    assert pods.leave("first").wait(10) == 0


def test_where_the_folder_cannot_be_written_the_node_is_not_taken(pods):
    pods.run.rmdir()
    assert pods.take("first").wait(10) == 1


def test_an_unknown_word_is_refused(pods):
    assert pods.start("first", "steal").wait(10) == 2
