"""Runs `senso-turn doctor` on a configuration and reads what it finds."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server_fixture import LISTENER, RELAY, base_configuration, binary, listeners, merged

# One listener is enough where the test is about something else, and relays in userspace need no right.
SMALL = {"listeners": None, "relay": {"addresses": [RELAY], "datapath": "userspace"}}

RUN_SECONDS = 60


@dataclass(frozen=True)
class Diagnosis:
    code: int
    findings: list[dict[str, str]]

    def of(self, area: str, severity: str | None = None) -> list[dict[str, str]]:
        return [each for each in self.findings if each["area"] == area and severity in (None, each["severity"])]

    def problems(self) -> list[str]:
        return [f"{each['area']}: {each['what']}" for each in self.findings if each["severity"] == "problem"]

    def the(self, area: str, severity: str, *words: str) -> dict[str, str]:
        """The finding of that kind whose line has all the words; it says what to do unless nothing is wrong."""
        fitting = [each for each in self.of(area, severity) if all(word in each["what"] for word in words)]
        assert fitting, f"no {severity} of {area} with {words} in {self.findings}"
        assert severity == "fine" or fitting[0]["remedy"]
        return fitting[0]


def write_configuration(directory: Path, settings: dict) -> Path:
    configuration = merged(base_configuration(), SMALL)
    configuration["listeners"] = listeners(LISTENER, transports=("udp",))
    configuration["admin"] = {"socket": str(directory / "admin.sock")}
    file = directory / "doctor.yaml"
    file.write_text(json.dumps(merged(configuration, settings)), encoding="utf-8")
    return file


def diagnose(file: Path, *arguments: str, wrapper: tuple[str, ...] = ()) -> Diagnosis:
    """`wrapper` is a command that runs the one that follows it."""
    done = subprocess.run(
        [*wrapper, str(binary()), "doctor", "--config", str(file), "--format", "json", *arguments],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    diagnosis = Diagnosis(done.returncode, document["findings"])
    assert document["problems"] == len(diagnosis.problems())
    assert diagnosis.code == (1 if diagnosis.problems() else 0)
    return diagnosis
