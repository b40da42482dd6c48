"""Results as a drawing: bars by load and path, in SVG that reads on light and dark grounds. Nothing is fetched."""

from __future__ import annotations

from xml.sax.saxutils import escape

from summary import Result
from table import TITLES, number

SHOWN = ("own_us", "rate_pps", "overload_pps", "20kpps_p50_us", "20kpps_p99_us", "setups_per_core", "bytes_per_allocation")
WIDTH, LABEL_WIDTH, VALUE_WIDTH = 960, 300, 90
BAR, GAP, GROUP_GAP, TITLE, MARGIN = 13, 2, 12, 34, 20
# Light ground, dark ground. Both differ from each other in brightness, too.
COLOURS = {
    "userspace": ("#0b63ce", "#6db1ff"),
    "kernel": ("#00786c", "#35d0bd"),
    "coturn": ("#c2410c", "#ff9d5c"),
    "forwarding": ("#6b7280", "#9aa4b2"),
    "redirect": ("#a8a29e", "#5c6470"),
    "baseline": ("#d6d3d1", "#3f4550"),
}
OTHER = ("#7c3aed", "#c4a1ff")


def style(paths: list[str]) -> str:
    light = "".join(f".{path}{{fill:{COLOURS.get(path, OTHER)[0]}}}" for path in paths)
    dark = "".join(f".{path}{{fill:{COLOURS.get(path, OTHER)[1]}}}" for path in paths)
    return (f"text{{font:12px system-ui,sans-serif;fill:#1c1f24}}.title{{font-size:15px;font-weight:600}}"
            f".ground{{fill:#fff}}.spread{{stroke:#1c1f24;stroke-width:1}}{light}"
            f"@media (prefers-color-scheme:dark){{text{{fill:#e6e8eb}}.ground{{fill:#14171c}}"
            f".spread{{stroke:#e6e8eb}}{dark}}}")  # fmt: skip


def _text(x: float, y: float, text: str, extra: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{extra}>{escape(text)}</text>'


class _Drawing:
    def __init__(self, paths: list[str]):
        self.paths = paths
        self.parts: list[str] = []
        self.y = float(MARGIN)

    def legend(self) -> None:
        x = float(MARGIN)
        for path in self.paths:
            self.parts.append(f'<rect class="{path}" x="{x:.0f}" y="{self.y:.0f}" width="{BAR}" height="{BAR}"/>')
            self.parts.append(_text(x + BAR + 5, self.y + BAR - 2, path))
            x += 40 + 8 * len(path)
        self.y += BAR + GROUP_GAP

    def figure(self, figure: str, results: list[Result]) -> None:
        found = {(result.cell, result.path): result for result in results if result.figure == figure}
        found = {key: result for key, result in found.items() if key[1] in self.paths}
        if not found:
            return
        most = max(max(result.most for result in found.values()), 1e-9)
        scale = (WIDTH - 2 * MARGIN - LABEL_WIDTH - VALUE_WIDTH) / most
        self.y += TITLE
        self.parts.append(_text(MARGIN, self.y - 10, TITLES.get(figure, figure), ' class="title"'))
        for cell in dict.fromkeys(cell for cell, _ in found):
            present = [path for path in self.paths if (cell, path) in found]
            self.parts.append(_text(MARGIN, self.y + BAR - 2, cell))
            for path in present:
                self._bar(path, found[cell, path], scale)
            self.y += GROUP_GAP

    def _bar(self, path: str, result: Result, scale: float) -> None:
        x = MARGIN + LABEL_WIDTH
        width, low, high = (max(0.0, value) * scale for value in (result.median, result.least, result.most))
        middle = self.y + BAR / 2
        self.parts.append(f'<rect class="{path}" x="{x}" y="{self.y:.0f}" width="{width:.1f}" height="{BAR}">'
                          f"<title>{escape(f'{path}: {number(result.median)}')}</title></rect>")  # fmt: skip
        if result.rounds > 1:
            self.parts.append(f'<line class="spread" x1="{x + low:.1f}" y1="{middle:.1f}" x2="{x + high:.1f}" '
                              f'y2="{middle:.1f}"/>')  # fmt: skip
        self.parts.append(_text(x + max(width, high) + 5, self.y + BAR - 2, number(result.median)))
        self.y += BAR + GAP


def draw(results: list[Result], paths: list[str]) -> str:
    """A whole SVG file. `paths` is the order of the bars; the baseline is not drawn."""
    drawn = [path for path in paths if path != "baseline" and any(result.path == path for result in results)]
    drawing = _Drawing(drawn)
    drawing.legend()
    for figure in SHOWN:
        drawing.figure(figure, results)
    height = drawing.y + MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
            f'aria-label="Benchmark results"><style>{style(drawn)}</style>'
            f'<rect class="ground" width="{WIDTH}" height="{height:.0f}"/>'
            + "\n".join(drawing.parts) + "</svg>\n")  # fmt: skip
