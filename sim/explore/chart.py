"""A small line chart as SVG: speed-up against coverage, without a plotting library."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from html import escape

from .points import Coupling
from .rows import Row

__all__ = ["Line", "lines_of", "svg_chart"]

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 20, 56, 56
"""Margins around the plot, in pixels."""
COLOURS = {"tight": "#0b7285", "loose": "#c2255c", "stream": "#2b8a3e"}
FALLBACK_COLOUR = "#495057"
FONT = 'font-family="system-ui, sans-serif"'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """One coupling with one balancing, by growing coverage."""

    name: str
    coupling: str
    balance: str
    rows: tuple[Row, ...]
    """The digital baseline first."""


def lines_of(rows: Sequence[Row], harts: int) -> list[Line]:
    """The lines of a chart for one number of harts."""
    of_harts = [row for row in rows if row.harts == harts]
    kinds = dict.fromkeys(
        (row.coupling, row.balance) for row in of_harts if row.coupling != Coupling.NONE
    )
    lines = []
    for coupling, balance in kinds:
        chosen = _best_by_tiles(
            row
            for row in of_harts
            if row.balance == balance and row.coupling in (coupling, Coupling.NONE)
        )
        chosen.sort(key=lambda row: (row.coverage, row.tiles))
        lines.append(
            Line(
                name=f"{coupling}, {balance}",
                coupling=coupling,
                balance=balance,
                rows=tuple(chosen),
            )
        )
    return lines


def _best_by_tiles(rows: Iterable[Row]) -> list[Row]:
    """Of all coverages that were allowed, the one that is fastest for each tile budget."""
    best: dict[int, Row] = {}
    for row in rows:
        if row.tiles not in best or row.model_cycles < best[row.tiles].model_cycles:
            best[row.tiles] = row
    return list(best.values())


def svg_chart(rows: Sequence[Row], harts: int, title: str) -> str:
    """Speed-up against coverage for one number of harts, a line per coupling and balancing."""
    lines = lines_of(rows, harts)
    points = [row for line in lines for row in line.rows]
    x_step = _step(max((100 * row.coverage for row in points), default=1.0))
    y_step = _step(max((row.speedup for row in points), default=1.0))
    x_end = x_step * math.ceil(max([100 * row.coverage for row in points] + [x_step]) / x_step)
    y_end = y_step * math.ceil(max([row.speedup for row in points] + [1.0]) / y_step)

    def place(row: Row) -> tuple[float, float]:
        return _x(100 * row.coverage / x_end), _y(row.speedup / y_end)

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 24, title, size=16, weight="600"),
        *_axes(x_step, x_end, y_step, y_end),
        *(_line(line, [place(row) for row in line.rows]) for line in lines),
        *_legend(lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(fraction: float) -> float:
    return LEFT + fraction * (WIDTH - LEFT - RIGHT)


def _y(fraction: float) -> float:
    return HEIGHT - BOTTOM - fraction * (HEIGHT - TOP - BOTTOM)


def _step(top: float) -> float:
    """The distance of five or so grid lines below ``top``: 1, 2 or 5 times a power of ten."""
    raw = max(top, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= raw)


def _axes(x_step: float, x_end: float, y_step: float, y_end: float) -> list[str]:
    parts = []
    for count in range(round(x_end / x_step) + 1):
        x = _x(count * x_step / x_end)
        parts.append(f'<path d="M{x:.1f} {_y(0):.1f}V{_y(1):.1f}" stroke="#e9ecef"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 18, f"{count * x_step:g} %", anchor="middle"))
    for count in range(round(y_end / y_step) + 1):
        y = _y(count * y_step / y_end)
        parts.append(f'<path d="M{_x(0):.1f} {y:.1f}H{_x(1):.1f}" stroke="#e9ecef"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{count * y_step:g}x", anchor="end"))
    one = _y(1 / y_end)
    parts.append(
        f'<path d="M{_x(0):.1f} {one:.1f}H{_x(1):.1f}" stroke="#868e96" stroke-dasharray="4 4"/>'
    )
    label = "parameters on tiles (speed-up against DOT4 code on the same harts)"
    parts.append(_text(_x(0.5), HEIGHT - 14, label, anchor="middle"))
    return parts


def _line(line: Line, places: Sequence[tuple[float, float]]) -> str:
    colour = COLOURS.get(line.coupling, FALLBACK_COLOUR)
    dash = "" if line.balance == "static" else ' stroke-dasharray="7 4"'
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{dots}'


def _legend(lines: Sequence[Line]) -> list[str]:
    parts, x = [], float(LEFT)
    for line in lines:
        colour = COLOURS.get(line.coupling, FALLBACK_COLOUR)
        dash = "" if line.balance == "static" else ' stroke-dasharray="7 4"'
        parts.append(f'<path d="M{x:.0f} 40h24" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(_text(x + 30, 44, line.name))
        x += 46 + 7 * len(line.name)
    return parts


def _text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" {FONT} font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="#343a40">{escape(text)}</text>'
    )
