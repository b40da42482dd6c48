"""Results as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from summary import REFERENCE, Result

# Figures, as they are headed, in the order in which they are shown.
TITLES = {
    "own_us": "own cost, CPU us per packet",
    "total_us": "total cost, CPU us per packet, generator and veth included",
    "rate_pps": "packets per second at no loss",
    "overload_offered_pps": "packets per second offered by a generator that sends as fast as it can",
    "overload_pps": "packets per second delivered of those",
    "20kpps_p50_us": "round trip at 20 kpps, p50 us",
    "20kpps_p99_us": "round trip at 20 kpps, p99 us",
    "20kpps_p999_us": "round trip at 20 kpps, p99.9 us",
    "round_trips_per_second": "round trips per second at no loss",
    "70percent_p50_us": "round trip at 70 % of that (each path at its own rate), p50 us",
    "70percent_p99_us": "round trip at 70 % of that, p99 us",
    "70percent_p999_us": "round trip at 70 % of that, p99.9 us",
    "setups_per_second": "allocations set up and ended per second",
    "setups_per_core": "allocations set up and ended per second of the server's CPU time",
    "bytes_per_allocation": "resident bytes per idle allocation",
    "lost_percent": "loss in the closed loop, per cent",
}


def number(value: float) -> str:
    """Three digits that mean something; whole numbers from a hundred on."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def entry(result: Result) -> str:
    """The median, its spread over the rounds, and how many times better than coturn that is."""
    text = number(result.median)
    if result.rounds > 1:
        text += f" [{number(result.least)}..{number(result.most)}]"
    return text if result.times_better is None else f"{text} x{result.times_better:.1f}"


def grid(rows: Iterable[list[str]]) -> str:
    """Columns as wide as they must be; the first one begins left, the others end right."""
    lines = [list(row) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) if column == 0 else text.rjust(width)
                               for column, (text, width) in enumerate(zip(line, widths, strict=True))).rstrip()
                     for line in lines)  # fmt: skip


def is_worth_showing(figure: str, results: list[Result]) -> bool:
    """Loss in the closed loop is news only if there is any."""
    return figure != "lost_percent" or any(result.most > 0 for result in results)


def figure_table(figure: str, results: list[Result], paths: list[str]) -> str:
    """Cells below each other, paths side by side. "" without any result."""
    found = {(result.cell, result.path): result for result in results if result.figure == figure}
    if not found or not is_worth_showing(figure, list(found.values())):
        return ""
    cells = list(dict.fromkeys(cell for cell, _ in found))
    shown = [path for path in paths if any((cell, path) in found for cell in cells)]
    rows = [["", *shown]]
    rows += [[cell, *(entry(found[cell, path]) if (cell, path) in found else "-" for path in shown)] for cell in cells]
    return f"{TITLES.get(figure, figure)}\n{grid(rows)}\n"


def tables(results: list[Result], paths: list[str]) -> str:
    """Every figure; what is not in TITLES is for the JSON only."""
    parts = [figure_table(figure, results, paths) for figure in TITLES]
    legend = f"median [least..most] over the rounds; xN: N times better than {REFERENCE}\n"
    return "\n".join([*filter(None, parts), legend])
