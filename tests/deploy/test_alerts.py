"""The alert rules fire and stop, each has a runbook, and what they name exists in the server that is built."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import prober_exposition
from exposition import Family, add_documented_labels, families_of
from promql import alternatives, grouping_labels, selectors
from rule_files import (
    ROOT,
    RULE_FILES,
    RUNBOOKS,
    TEST_FILES,
    Query,
    alerts,
    anchor_of,
    dashboard_queries,
    group_names,
    needs_promtool,
    rules,
    runbooks,
)
from server_fixture import Server, binary

# Labels that Prometheus gives to what it scrapes.
TARGET_LABELS = {"job", "instance"}
# Series that are no metric of anything that is scraped.
OF_PROMETHEUS = {
    "up": TARGET_LABELS,
    "ALERTS": {"alertname", "alertstate", "severity"},
}
PARAGRAPHS = ("Means", "Users notice", "Look at", "Do", "Can wait")


@pytest.fixture(scope="module")
def families(tmp_path_factory) -> dict[str, Family]:
    """What the built server and the prober show."""
    if not binary().exists():
        pytest.skip(f"there is no server at {binary()}: build it, or set SENSO_TURN")
    server = Server(tmp_path_factory.mktemp("server")).start()
    try:
        found = families_of(server.get("/metrics")[1])
    finally:
        server.stop()
    add_documented_labels(found, (ROOT / "docs" / "metrics.md").read_text())
    return {**found, **families_of(prober_exposition.text())}


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_are_rules():
    promtool("check", "rules", *RULE_FILES)


@needs_promtool
@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: file.name)
def test_alerts_fire_with_injected_series_and_stop(file):
    promtool("test", "rules", file)


def test_every_alert_has_a_test_in_which_it_fires_and_then_stops():
    fires, stops = set(), set()
    for file in TEST_FILES:
        for one in yaml.safe_load(file.read_text())["tests"]:
            for check in sorted(one["alert_rule_test"], key=lambda check: minutes(check["eval_time"])):
                name = check["alertname"]
                if check["exp_alerts"]:
                    fires.add(name)
                elif name in fires:
                    stops.add(name)
    names = {alert["alert"] for alert in alerts()}
    assert len(names) == len(alerts()), "two alerts have one name"
    assert names - fires == set(), "no test in which they fire"
    assert names - stops == set(), "no test in which they stop after they have fired"
    assert fires - names == set(), "tests of alerts that there are not"


def test_every_test_of_rules_loads_every_rule():
    for file in TEST_FILES:
        document = yaml.safe_load(file.read_text())
        assert {(file.parent / name).resolve() for name in document["rule_files"]} == set(RULE_FILES), file
        assert set(document["group_eval_order"]) == group_names(), file


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    expected = {}
    for alert in alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert alert["annotations"]["summary"]
        expected[alert["alert"]] = alert["annotations"]["runbook"]
    assert set(runbooks()) == set(expected)
    for name, runbook in expected.items():
        assert runbook == f"{RUNBOOKS.relative_to(ROOT)}#{anchor_of(name)}"


@pytest.mark.parametrize("name", runbooks())
def test_every_runbook_answers_the_five_questions(name):
    text = runbooks()[name]
    assert re.findall(r"^\*\*([\w ]+)\.\*\* ", text, re.M) == list(PARAGRAPHS)


def test_links_of_the_runbooks_lead_somewhere():
    for document, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", RUNBOOKS.read_text()):
        text = (RUNBOOKS.parent / document).read_text() if document else RUNBOOKS.read_text()
        anchors = {anchor_of(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}
        assert anchor in anchors, f"{document}#{anchor}"


def test_the_prober_shows_what_rules_and_dashboard_count_on():
    document = (ROOT / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^## `(senso_turn_probe_\w+)`$", document, re.M))
    if not documented:
        pytest.skip("docs/metrics.md has no metrics of the prober: this version has none")
    expected = families_of(prober_exposition.text())
    assert set(expected) == documented
    outcomes = re.search(rf"^## `{prober_exposition.RUNS}`$.*?^\* `outcome`: (.*?)$", document, re.M | re.S)
    assert set(re.findall(r"`(\w+)`", outcomes[1])) == expected[prober_exposition.RUNS].labels["outcome"]


def queries() -> list[Query]:
    named = [Query(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    return named + dashboard_queries()


def labels_of(metric: str, families: dict[str, Family], recorded: dict[str, str]) -> dict[str, set[str]] | None:
    """The labels that series of the metric have, with their values (none: any); None: there is no such metric."""
    if metric in OF_PROMETHEUS:
        return {label: set() for label in OF_PROMETHEUS[metric]}
    if metric in recorded:
        return {label: set() for label in TARGET_LABELS}
    family = families.get(metric)
    if family is None:
        histogram = families.get(re.sub(r"_(bucket|sum|count)$", "", metric))
        family = histogram if histogram is not None and histogram.kind == "histogram" else None
    if family is None:
        return None
    return {**family.labels, **{label: set() for label in TARGET_LABELS}}


def test_every_metric_that_rules_and_dashboard_name_exists_with_those_labels(families):
    recorded = {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
    problems = []
    for query in queries():
        named = selectors(query.expression)
        assert named, f"{query.title} names no metric"
        known: set[str] = set()
        for selector in named:
            labels = labels_of(selector.metric, families, recorded)
            if labels is None:
                problems.append(f"{query.title}: there is no metric {selector.metric}")
                continue
            known |= set(labels)
            for label, operator, value in selector.matchers:
                if label not in labels:
                    problems.append(f"{query.title}: {selector.metric} has no label {label}")
                elif labels[label]:
                    missing = [one for one in alternatives(operator, value) if one not in labels[label]]
                    problems += [f"{query.title}: {selector.metric} never has {label}={one!r}" for one in missing]
        unknown = grouping_labels(query.expression) - known
        problems += [f"{query.title}: groups by {label}, which nothing in it has" for label in sorted(unknown)]
    assert not problems, "\n".join(problems)


def minutes(time: str) -> int:
    assert re.fullmatch(r"\d+m", time), time
    return int(time[:-1])
