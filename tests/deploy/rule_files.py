"""The rules of deploy/prometheus, their tests, the runbooks of docs/alerts.md and the dashboard, as tests read them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULE_FILES = sorted((ROOT / "deploy" / "prometheus").glob("*.yaml"))
TEST_FILES = sorted((Path(__file__).parent / "rules").glob("*.test.yaml"))
DASHBOARD = ROOT / "deploy" / "grafana" / "senso-turn.json"
RUNBOOKS = ROOT / "docs" / "alerts.md"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (package prometheus) is missing"
)


@dataclass(frozen=True)
class Query:
    title: str  # of the panel
    expression: str


def rules() -> list[dict]:
    return [
        rule
        for file in RULE_FILES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[dict]:
    return [rule for rule in rules() if "alert" in rule]


def group_names() -> set[str]:
    return {group["name"] for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"]}


def dashboard_queries() -> list[Query]:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [
        Query(panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]
    return queries + [Query(one["name"], one["expr"]) for one in dashboard["annotations"]["list"]]


def anchor_of(heading: str) -> str:
    """As hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def runbooks() -> dict[str, str]:
    """Heading -> text, of the second level."""
    parts = re.split(r"^#{1,2} (.*)$", RUNBOOKS.read_text(), flags=re.M)[1:]
    sections = dict(zip(parts[::2], parts[1::2]))
    return {heading: text for heading, text in sections.items() if heading.startswith("SensoTurn")}
