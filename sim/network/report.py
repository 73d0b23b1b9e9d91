"""The report of a sweep over a whole network: one HTML file that opens without a network."""

from collections.abc import Sequence
from html import escape
from typing import Any

from tightrope.sim.explore.figures import script_json
from tightrope.sim.explore.report import OFFLINE, STYLE
from tightrope.sim.explore.report_parts import table
from tightrope.sim.explore.words import count, percent

from .points import Way
from .rows import NetworkRow
from .tables import COLUMNS, LEFT, row_cells
from .verdicts import Stealing, base_words, speedups, stealing

__all__ = ["figure", "report_html"]

COLOURS = {"static": "#868e96", "weighted": "#1c7ed6", "steal": "#c2255c", "pipeline": "#12b886"}
WAY_TITLES = {
    Way.TIGHT: "tight tiles",
    Way.UNEVEN: "tight tiles on a quarter of the harts",
    Way.LOOSE: "loose tiles",
    Way.FEW: "a quarter as many loose tiles as harts",
    Way.STREAM: "loose tiles that stream",
}
FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#343a40"}
CODE = """
for (const [id, figure] of Object.entries(
  JSON.parse(document.getElementById("figures").textContent))) {
  Plotly.newPlot(id, figure.data, figure.layout, { responsive: true, displayModeBar: false });
}
"""


def report_html(rows: Sequence[NetworkRow], skipped: Sequence[str]) -> str:
    """The whole file, of rows of one network."""
    from plotly.offline import get_plotlyjs

    first = rows[0]
    name = escape(first.network)
    figures = {way.value: figure(rows, way) for way in WAY_TITLES if _of_way(rows, way)}
    data = script_json(figures)
    charts = "".join(f'<div id="{way}"></div>' for way in figures)
    notes = "\n".join(f"<p>{escape(sentence)}.</p>" for sentence in skipped)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{OFFLINE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name} on RTL</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{name} on {count(first.harts, "hart")}, measured on RTL</h1>
<p class="answer">{escape(headline(rows))}</p>
<p>Cycles are counted by the hardware, from the barrier before the first layer to the one after the
last; every output was compared with the integer reference. {_speedup_words(rows)} The model error
is that of the calibrated model's cycles of the same run, positive if it predicts too many; of a
pipeline it knows nothing of what the stages lose to each other.</p>
<h2>Speed-up against coverage</h2>
<div class="charts">{charts}</div>
<h2>Stealing against equal shares</h2>
{_stealing_section(stealing(rows))}
<h2>All runs</h2>
{_rows_section(rows)}
{notes}
<script type="application/json" id="figures">{data}</script>
<script>{get_plotlyjs()}</script>
<script>{CODE}</script>
</body>
</html>
"""


def _speedup_words(rows: Sequence[NetworkRow]) -> str:
    base = base_words(rows)
    if not base:
        return "Without a digital run there is nothing to compare speed with."
    return (
        f"The speed-up is against {base}, in inputs per cycle; a pipeline's includes its filling "
        "and draining."
    )


def headline(rows: Sequence[NetworkRow]) -> str:
    """The fastest run in a sentence."""
    gains = zip(speedups(rows), rows, strict=True)
    speedup, best = min(gains, key=lambda pair: pair[1].cycles_per_input)
    gain = "" if speedup is None else f", {speedup:.2f}x as fast as {base_words(rows)}"
    return (
        f"Fastest: {best.way}, {best.balancing}, {percent(best.coverage)} of the weights on tiles: "
        f"{best.cycles_per_input:,.0f} cycles per input{gain}."
    )


def figure(rows: Sequence[NetworkRow], way: Way) -> dict[str, Any]:
    """Speed-up against coverage, a line per balancing; digital rows are where all begin."""
    gains = dict(zip((row.key for row in rows), speedups(rows), strict=True))
    data = []
    for balancing in dict.fromkeys(row.balancing for row in rows):
        line = [row for row in _of_way(rows, way, Way.DIGITAL) if row.balancing == balancing]
        line.sort(key=lambda row: row.asked_coverage)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": balancing,
                "x": [100 * row.coverage for row in line],
                "y": [gains[row.key] for row in line],
                "text": [f"{row.cycles_per_input:,.0f} cycles per input" for row in line],
                "hovertemplate": "%{text}<br>%{x:.1f} % on tiles<br>%{y:.2f}x",
                "line": {"color": COLOURS.get(balancing, "#343a40")},
            }
        )
    layout = {
        "title": {"text": WAY_TITLES[way]},
        "font": FONT,
        "margin": {"l": 55, "r": 15, "t": 45, "b": 45},
        "xaxis": {"title": {"text": "weights on tiles, %"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": f"speed-up ({base_words(rows)} = 1)"}, "rangemode": "tozero"},
    }
    return {"data": data, "layout": layout}


def _of_way(rows: Sequence[NetworkRow], *ways: Way) -> list[NetworkRow]:
    return [row for row in rows if row.way in ways]


def _stealing_section(pairs: Sequence[Stealing]) -> str:
    head = ("on tiles by", "what bounds it", "coverage", "static", "steal", "gain",
            "gain if nobody slept")  # fmt: skip
    lines = [
        (
            pair.steal.way,
            pair.why,
            percent(pair.steal.coverage),
            f"{pair.static.cycles_per_input:,.0f}",
            f"{pair.steal.cycles_per_input:,.0f}",
            f"{pair.gain:.2f}x",
            f"{pair.limit:.2f}x",
        )
        for pair in pairs
    ]
    return table(head, lines, 5)


def _rows_section(rows: Sequence[NetworkRow]) -> str:
    words = [index for index in LEFT if index]
    numbers = [index for index in range(1, len(COLUMNS)) if index not in words]
    order = [*words, *numbers]
    cells = [row_cells(row, gain) for row, gain in zip(rows, speedups(rows), strict=True)]
    lines = [[line[index] for index in order] for line in cells]
    return table([COLUMNS[index] for index in order], lines, len(numbers))
