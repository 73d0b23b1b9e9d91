"""Single-layer results as one HTML file that opens without a network."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tightrope.sim.explore.chart import COLOURS, FALLBACK_COLOUR
from tightrope.sim.explore.figures import plain_layout, script_json
from tightrope.sim.explore.points import Coupling
from tightrope.sim.explore.report import OFFLINE, STYLE
from tightrope.sim.explore.report_parts import table
from tightrope.sim.explore.words import around, count, percent

from .rows import LayerRow
from .tables import by_layer, columns, headline, layer_lines, meaning

__all__ = ["harts_figure", "report_html", "sizes_figure"]

Networks = Mapping[str, Sequence[LayerRow]]
METHOD = """<h2>Method</h2>
<p>Each layer is alone on its machine, predicted by the calibrated model, with the faster of equal
shares and stealing, and with as many tiles as there can be: 16 tight ones per hart, or 64 loose
ones. So more harts are more tight tiles as well: with eight times as many harts a layer of which
few tiles hold only a part may be more than eight times as fast. What doesn't fit stays digital: a
percentage in brackets is the part of the channels that is on tiles. What can't be streamed is moved
by loads and stores. The first speed-ups are against the same coupling on the fewest harts, with
tiles of the size that is the fastest on the most harts. Programming is not counted. On layers the
model never saw its mean absolute error is {mean}, the worst {worst}.</p>
"""


def report_html(networks: Networks, mean_abs_error: float, worst_abs_error: float) -> str:
    """The whole file; ``networks`` are the rows of each, by name."""
    from plotly.offline import get_plotlyjs

    code = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    names = escape(", ".join(networks))
    answers = "\n".join(
        f'<p class="answer">{escape(headline(name, rows))}</p>' for name, rows in networks.items()
    )
    method = METHOD.format(mean=percent(mean_abs_error), worst=percent(worst_abs_error))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{OFFLINE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{names}: layer by layer</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{names}, layer by layer</h1>
{answers}
<h2>Harts and tile sizes</h2>
<p><label>Layer: {_chooser(networks)}</label></p>
<div class="charts"><div id="harts"></div><div id="sizes"></div></div>
{"".join(_network_section(name, rows) for name, rows in networks.items())}
{method}
<script type="application/json" id="figures">{_figures_json(networks)}</script>
<script>{get_plotlyjs()}</script>
<script>{code}</script>
</body>
</html>
"""


def _figures_json(networks: Networks) -> str:
    """Both figures of each layer, in the order of the chooser, safe inside a script element."""
    content = [
        {"harts": harts_figure(own), "sizes": sizes_figure(own)}
        for rows in networks.values()
        for own in _in_order(rows)
    ]
    return script_json(content)


def _in_order(rows: Sequence[LayerRow]) -> list[list[LayerRow]]:
    """Of each layer; those of all together first."""
    *layers, together = by_layer(rows).values()
    return [together, *layers]


def _chooser(networks: Networks) -> str:
    texts = [
        f"{name}: {own[0].shape}" for name, rows in networks.items() for own in _in_order(rows)
    ]
    choices = "".join(
        f'<option value="{index}">{escape(text)}</option>' for index, text in enumerate(texts)
    )
    return f'<select id="layer">{choices}</select>'


def harts_figure(rows: Sequence[LayerRow]) -> dict[str, Any]:
    """Of one layer: speed-up against the fewest harts, a line per coupling, with tiles of the size
    that is the fastest on the most harts."""
    most = max(row.harts for row in rows)
    data = []
    for coupling in dict.fromkeys(row.coupling for row in rows):
        own = [row for row in rows if row.coupling == coupling]
        at_most = [row for row in own if row.harts == most]
        size = min(at_most, key=lambda row: row.model_cycles).tile_size
        line = sorted((r for r in own if r.tile_size == size), key=lambda row: row.harts)
        name = _name(coupling) + (f", {size} x {size}" if size else "")
        data.append(_line(coupling, name, line, "harts", "hart_speedup"))
    layout = plain_layout("against the fewest harts")
    layout["xaxis"] |= {"title": {"text": "harts"}, "rangemode": "tozero"}
    layout["yaxis"] |= {"title": {"text": "speed-up"}, "rangemode": "tozero"}
    return {"data": data, "layout": layout}


def sizes_figure(rows: Sequence[LayerRow]) -> dict[str, Any]:
    """Of one layer on the most harts: speed-up against digital code, a line per coupling."""
    most = max(row.harts for row in rows)
    data = []
    for coupling in dict.fromkeys(row.coupling for row in rows if row.tile_size):
        own = [row for row in rows if row.coupling == coupling and row.harts == most]
        own.sort(key=lambda row: row.tile_size)
        data.append(_line(coupling, coupling, own, "tile_size", "speedup"))
    layout = plain_layout(f"against digital code on {count(most, 'hart')}")
    layout["xaxis"] |= {"title": {"text": "rows and columns of a tile"}, "type": "category"}
    layout["yaxis"] |= {"title": {"text": "speed-up (digital = 1)"}, "type": "log"}
    return {"data": data, "layout": layout}


def _line(
    coupling: str, name: str, rows: Sequence[LayerRow], x: str, y: str
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [getattr(row, x) for row in rows],
        "y": [round(getattr(row, y), 4) for row in rows],
        "text": [
            f"{around(row.model_cycles, row.model_low_cycles, row.model_high_cycles)} cycles, "
            f"{percent(row.coverage)} on {count(row.tiles_used, 'tile')}"
            for row in rows
        ],
        "hovertemplate": "%{text}<br>%{y:.2f}x",
        "line": {"color": COLOURS.get(coupling, FALLBACK_COLOUR)},
    }


def _name(coupling: str) -> str:
    return "digital" if coupling == Coupling.NONE else coupling


def _network_section(name: str, rows: Sequence[LayerRow]) -> str:
    heads = columns(rows)
    shapes = {row.layer: f"{row.count} x {row.shape}" for row in rows}
    lines = [
        (shapes.get(layer, layer), _name(coupling), *cells)
        for layer, coupling, cells in layer_lines(rows)
    ]
    text = meaning(rows)
    return f"<h2>{escape(name)}</h2>\n<p>{text[:1].upper()}{text[1:]}.</p>\n" + table(
        ("layer", "on tiles by", *heads), lines, len(heads)
    )
