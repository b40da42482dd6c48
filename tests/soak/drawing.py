"""A soak as a drawing: resident memory, descriptors and round trips over time, in SVG for light and dark grounds."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from figures import KIB_PER_MIB, Soak

WIDTH, PANEL, MARGIN, LEFT, GAP = 960, 150, 20, 80, 44
STYLE = ("text{font:12px system-ui,sans-serif;fill:#1c1f24}.title{font-size:15px;font-weight:600}.ground{fill:#fff}"
         ".line{fill:none;stroke:#0b63ce;stroke-width:1.5}.event{stroke:#a8a29e;stroke-dasharray:2 3}"
         ".handover{stroke:#c2410c}.frame{fill:none;stroke:#a8a29e}"
         "@media (prefers-color-scheme:dark){text{fill:#e6e8eb}.ground{fill:#14171c}.line{stroke:#6db1ff}"
         ".event{stroke:#5c6470}.handover{stroke:#ff9d5c}.frame{stroke:#5c6470}}")  # fmt: skip


def draw(soak: Soak) -> str:
    """A whole SVG file. What happened is a dashed line each; another process served after a red one."""
    panels: list[tuple[str, list[list[tuple[float, float]]]]] = [
        ("Resident memory, MiB", _by_process(soak, lambda sample: sample.resident_kib / KIB_PER_MIB)),
        ("Descriptors", _by_process(soak, lambda sample: sample.descriptors)),
        ("Round trips of the probe, p99, µs", [[(probe.second, probe.p99_us) for probe in soak.probes]]),
    ]
    seconds = max([sample.second for sample in soak.samples] + [probe.second for probe in soak.probes] + [1.0])
    parts: list[str] = []
    y = float(MARGIN + 20)
    for title, lines in panels:
        parts += _panel(title, lines, soak, seconds, y)
        y += PANEL + GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" role="img" '
            f'aria-label="Soak over {seconds / 60:.0f} minutes"><style>{STYLE}</style>'
            f'<rect class="ground" width="{WIDTH}" height="{y:.0f}"/>' + "\n".join(parts) + "</svg>\n")  # fmt: skip


def _by_process(soak: Soak, value) -> list[list[tuple[float, float]]]:
    lines: dict[int, list[tuple[float, float]]] = {}
    for sample in soak.samples:
        lines.setdefault(sample.pid, []).append((sample.second, value(sample)))
    return list(lines.values())


def _panel(title: str, lines: list[list[tuple[float, float]]], soak: Soak, seconds: float, y: float) -> list[str]:
    most = max([value for line in lines for _, value in line] + [1.0]) * 1.1
    width = WIDTH - LEFT - MARGIN

    def place(point: Sequence[float]) -> str:
        return f"{LEFT + width * point[0] / seconds:.1f},{y + PANEL * (1 - point[1] / most):.1f}"

    parts = [f'<text class="title" x="{LEFT}" y="{y - 8:.0f}">{escape(title)}</text>',
             f'<rect class="frame" x="{LEFT}" y="{y:.0f}" width="{width}" height="{PANEL}"/>']  # fmt: skip
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<text x="{MARGIN}" y="{y + PANEL * (1 - share) + 4:.0f}">{most * share:,.0f}</text>')
        parts.append(f'<text x="{LEFT + width * share - 20 * share:.0f}" y="{y + PANEL + 14:.0f}">{seconds * share / 60:.0f} min</text>')
    for event in soak.events:
        x = LEFT + width * event.second / seconds
        kind = "event handover" if event.ends_process else "event"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{y:.0f}" x2="{x:.1f}" y2="{y + PANEL:.0f}">'
                     f"<title>{escape(event.what)}</title></line>")  # fmt: skip
    parts += [f'<polyline class="line" points="{" ".join(place(point) for point in line)}"/>' for line in lines if line]
    return parts
