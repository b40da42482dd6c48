"""What `senso-turn sessions` says of a running server, and the lines of the log about allocations that have ended."""

from __future__ import annotations

import json
import re

from server_fixture import Server, run_command

ENDED = "an allocation has ended"


def sessions(server: Server, *arguments: str) -> list[dict]:
    done = run_command("sessions", "--socket", server.settings["admin"]["socket"], "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["sessions"]


def session_of(server: Server, relayed: tuple[str, int]) -> dict | None:
    """The session that has the relayed address; None: there is none."""
    for session in sessions(server):
        if any(text.rsplit(":", 1)[1] == str(relayed[1]) and relayed[0] in text for text in session["relayed"]):
            return session
    return None


def ended_in_text(server: Server) -> list[dict[str, str]]:
    lines = [line for line in server.log().splitlines() if ENDED in line]
    return [dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line.split(ENDED, 1)[1])) for line in lines]


def ended_in_json(server: Server) -> list[dict]:
    lines = [line for line in server.log().splitlines() if line.startswith("{") and ENDED in line]
    return [json.loads(line) for line in lines]
