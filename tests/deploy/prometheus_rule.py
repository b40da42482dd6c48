#!/usr/bin/env python3
"""deploy/prometheus for the Prometheus operator: writes deploy/kubernetes/base/rules/prometheus-rule.yaml.

    python3 tests/deploy/prometheus_rule.py          # --check: exit code 1 if it is not current
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "deploy" / "prometheus"
TARGET = REPOSITORY / "deploy" / "kubernetes" / "base" / "rules" / "prometheus-rule.yaml"

HEAD = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
        "metadata": {"name": "senso-turn", "namespace": "senso-turn"}}


def wanted() -> str:
    """All groups of all files of rules; a configuration of Prometheus that stands beside them has none."""
    groups = []
    for file in sorted(RULES.rglob("*.yaml")):
        content = yaml.safe_load(file.read_text())
        groups += content.get("groups", []) if content.keys() == {"groups"} else []
    text = "# Generated from deploy/prometheus by tests/deploy/prometheus_rule.py. Do not edit.\n"
    return text + yaml.safe_dump({**HEAD, "spec": {"groups": groups}}, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if TARGET.read_text() == wanted() else f"{TARGET.relative_to(REPOSITORY)} is not current")
    TARGET.write_text(wanted())
