"""A Prometheus of the test's own on loopback, which scrapes each second and knows the rules of deploy/prometheus."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from rule_files import RULE_FILES
from server_fixture import LISTENER, free_port
from waiting import eventually

START_SECONDS = 60.0

needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="the package prometheus is missing")


class Prometheus:
    def __init__(self, directory: Path, targets: dict[str, list[str]]):
        """`targets`: of each scrape job, host and port."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.url = f"http://{LISTENER}:{free_port(LISTENER)}"
        self.process: subprocess.Popen | None = None
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(file) for file in RULE_FILES],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": addresses}]} for job, addresses in targets.items()
            ],
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))

    def start(self) -> Prometheus:
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={self.directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.directory / 'data'}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        assert eventually(self._is_ready, START_SECONDS), (self.directory / "log").read_text()
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def query(self, expression: str) -> list[float]:
        """The values that it has now; an expression that is none is an AssertionError."""
        answer = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [float(series["value"][1]) for series in answer["result"]]

    def numbers(self, expression: str) -> list[float]:
        return [value for value in self.query(expression) if math.isfinite(value)]

    def rules(self) -> list[dict]:
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def alert_state(self, name: str) -> str:
        """`inactive`, `pending` or `firing`."""
        return next(rule["state"] for rule in self.rules() if rule["name"] == name)

    def _get(self, path: str) -> dict:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None

    def _is_ready(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.directory / "log").read_text()
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False
