"""The table, the drawing and the plan of ./dev bench."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

import machine
import main
import plan
import plot
import table
from summary import Result

SVG = "{http://www.w3.org/2000/svg}"


def result(path: str, median: float, figure: str = "own_us", cell: str = "udp up", **other) -> Result:
    return Result(cell, path, figure, median, other.get("least", median), other.get("most", median),
                  other.get("rounds", 5), other.get("better"))  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (-0.5, "-0.50"), (12.34, "12.3"), (1234567.8, "1,234,568")]
)
def test_numbers_have_three_digits_that_mean_something(value, text):
    assert table.number(value) == text


def test_entry_tells_spread_and_ratio():
    assert table.entry(result("kernel", 0.5, least=0.4, most=0.7, better=4.8)) == "0.50 [0.40..0.70] x4.8"
    assert table.entry(result("coturn", 0.5, rounds=1)) == "0.50"


def test_table_has_a_column_for_each_path_with_a_result_and_a_dash_for_a_hole():
    text = table.figure_table("own_us", [result("coturn", 2.0, rounds=1), result("userspace", 1.0, rounds=1),
                                         result("coturn", 3.0, cell="tcp up", rounds=1)],
                              ["userspace", "kernel", "coturn"])  # fmt: skip
    lines = [line.split() for line in text.splitlines()[1:]]
    assert lines == [["userspace", "coturn"], ["udp", "up", "1.00", "2.00"], ["tcp", "up", "-", "3.00"]]


def test_a_figure_without_results_has_no_table():
    assert table.figure_table("rate_pps", [result("coturn", 2.0)], ["coturn"]) == ""


def test_loss_is_shown_only_if_there_is_any():
    assert table.figure_table("lost_percent", [result("coturn", 0.0, "lost_percent")], ["coturn"]) == ""
    assert "loss" in table.figure_table("lost_percent", [result("coturn", 0.0, "lost_percent", most=0.1)], ["coturn"])


def test_drawing_is_xml_for_both_grounds_with_a_bar_for_each_result():
    drawn = plot.draw([result("userspace", 1.0), result("coturn", 2.0, cell="<&>"), result("baseline", 3.0)],
                      ["baseline", "userspace", "coturn"])  # fmt: skip
    root = ElementTree.fromstring(drawn)
    bars = [bar for bar in root.iter(f"{SVG}rect") if bar.find(f"{SVG}title") is not None]
    assert [bar.get("class") for bar in bars] == ["userspace", "coturn"]
    assert float(bars[1].get("width")) == pytest.approx(2 * float(bars[0].get("width")), abs=0.2)
    assert "prefers-color-scheme:dark" in drawn
    assert "<&>" in [text.text for text in root.iter(f"{SVG}text")]


def test_drawing_of_nothing_and_of_negative_cost_is_still_xml():
    ElementTree.fromstring(plot.draw([], ["coturn"]))
    root = ElementTree.fromstring(plot.draw([result("kernel", -0.1, least=-0.2, most=0.0)], ["kernel"]))
    assert all(float(bar.get("width")) >= 0 for bar in root.iter(f"{SVG}rect"))


def test_quick_plan_has_every_figure_and_its_cells_are_distinct():
    cells = plan.quick(5).cells
    assert {cell.figure for cell in cells} == {plan.COST, plan.RATE, plan.OVERLOAD, plan.LATENCY, plan.SETUP,
                                              plan.MEMORY}
    assert len(set(cells)) == len(cells)


def test_full_plan_has_every_transport_lane_size_and_number_of_allocations():
    cells = [cell for cell in plan.full(5).cells if cell.figure not in (plan.SETUP, plan.MEMORY)]
    assert {cell.transport for cell in cells} == set(plan.TRANSPORTS)
    assert {cell.lane for cell in cells} == set(plan.LANES)
    assert {cell.size for cell in cells} == {160, 1200}
    assert {cell.allocations for cell in cells if cell.lane == "up"} == {1, 16, 1000, plan.NEAR_LIMIT}
    assert all(cell.allocations % 2 == 0 for cell in cells if cell.lane == "across")


def test_narrowed_plan_keeps_what_all_lists_name_and_set_up_by_allocations_alone():
    kept = plan.narrowed(plan.quick(5), transports=["tcp"], lanes=["up"], allocations=[16, 1000]).cells
    assert [(cell.transport, cell.figure) for cell in kept] == [("tcp", plan.COST), ("udp", plan.SETUP)]
    assert plan.narrowed(plan.quick(5), figures=[plan.RATE], sizes=[7]).cells == ()


def test_options_choose_the_plan():
    options = main.parse(["--full", "--rounds", "3", "--allocations", "1,16", "--figures", "cost", "--paths", "coturn"])
    chosen = main.chosen_plan(options)
    assert chosen.rounds == 3
    assert {cell.allocations for cell in chosen.cells} == {1, 16}
    assert {cell.figure for cell in chosen.cells} == {plan.COST}
    assert options.paths == ["coturn"]


@pytest.mark.parametrize("wrong", [["--rounds", "0"], ["--paths", "warp"], ["--quick", "--full"], ["--sizes", "x"]])
def test_wrong_options_are_exit_code_two(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        main.parse(wrong)
    assert ended.value.code == 2
    assert capsys.readouterr().err


def test_interrupts_count_as_time_of_tasks_only_where_the_kernel_says_so():
    assert machine.charges_interrupts_to_tasks("# CONFIG_IRQ_TIME_ACCOUNTING is not set\n")
    assert not machine.charges_interrupts_to_tasks("CONFIG_IRQ_TIME_ACCOUNTING=y\n")
    assert not machine.charges_interrupts_to_tasks(None)
