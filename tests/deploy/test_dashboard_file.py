"""What Grafana would not complain about, and people would: panels that lie on each other, have no title or no unit."""

import itertools
import json
import re

from rule_files import DASHBOARD

WIDTH = 24  # of Grafana's grid


def panels() -> list[dict]:
    return json.loads(DASHBOARD.read_text())["panels"]


def cells(panel: dict) -> set[tuple[int, int]]:
    at = panel["gridPos"]
    return set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))


def test_no_two_panels_share_a_place_or_a_number():
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert not taken & cells(panel), panel["title"]
        taken |= cells(panel)
    assert max(column for column, _ in taken) < WIDTH
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_every_panel_says_what_it_shows_and_in_which_unit():
    shown = [panel for panel in panels() if panel["type"] != "row"]
    titles = [panel["title"] for panel in shown]
    assert len(set(titles)) == len(titles)
    for panel in shown:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


def test_every_variable_that_a_query_uses_is_one():
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text()))
    assert {name for name in used if not name.startswith("__")} <= variables
