"""A calm bar chart as SVG, by hand: bars on a logarithmic scale, several for each row. Pure."""

import math
from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#4b78a8", "#c9a24b", "#7d9c6a")
LEFT, WIDTH, RIGHT, TOP = 230, 520, 90, 64
BAR, GAP = 12, 14
STYLE = "text{font:13px sans-serif;fill:#333}.small{font-size:11px;fill:#666}.title{font-size:15px}line{stroke:#ddd}"


def bars(title: str, series: Sequence[str], rows: Mapping[str, Sequence[float | str]]) -> str:
    """The chart. A row has a value for each of the series; one that is text is no bar but says why there is none."""
    values = [value for row in rows.values() for value in row if isinstance(value, float) and value > 0]
    low = math.floor(math.log10(min(values, default=1)))
    high = max(math.ceil(math.log10(max(values, default=10))), low + 1)
    height = len(rows) * (BAR * len(series) + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{TOP + height + 12}">',
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>',
        f'<text class="title" x="12" y="22">{escape(title)}</text>',
        *_legend(series),
        *_scale(low, high, height),
    ]
    for number, (name, row) in enumerate(rows.items()):
        top = TOP + number * (BAR * len(series) + GAP) + GAP // 2
        middle = top + BAR * len(series) / 2 + 4
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>')
        for place, value in enumerate(row):
            parts.append(_bar(value, top + place * BAR, COLOURS[place % len(COLOURS)], low, high))
    return "\n".join((*parts, "</svg>", ""))


def _legend(series: Sequence[str]) -> list[str]:
    parts = []
    for place, name in enumerate(series):
        x = LEFT + 200 * place
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{COLOURS[place % len(COLOURS)]}"/>')
        parts.append(f'<text class="small" x="{x + 16}" y="41">{escape(name)}</text>')
    return parts


def _scale(low: int, high: int, height: int) -> list[str]:
    parts = []
    for power in range(low, high + 1):
        x = LEFT + WIDTH * (power - low) / (high - low)
        parts.append(f'<line x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{TOP + height}"/>')
        parts.append(f'<text class="small" x="{x:.0f}" y="{TOP - 6}" text-anchor="middle">{10.0**power:g}</text>')
    return parts


def _bar(value: float | str, y: int, colour: str, low: int, high: int) -> str:
    if isinstance(value, str) or value <= 0:
        said = escape(value) if isinstance(value, str) else "0"
        return f'<text class="small" x="{LEFT + 4}" y="{y + BAR - 2}">{said}</text>'
    length = max(1.0, WIDTH * (math.log10(value) - low) / (high - low))
    text = f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    return (
        f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{colour}"/>'
        f'<text class="small" x="{LEFT + length + 5:.0f}" y="{y + BAR - 2}">{text}</text>'
    )
