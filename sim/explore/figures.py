"""The report's figures as plain Plotly data: what plotly.js draws in the browser."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from .chart import COLOURS, FALLBACK_COLOUR, lines_of
from .evaluate import Evaluated
from .rows import Row
from .words import count

__all__ = ["figures_json", "layer_figure", "sweep_figure"]

TERM_COLOURS = {
    "compute": "#1c7ed6",
    "memory": "#f59f00",
    "fetch": "#12b886",
    "tile_wait": "#0b7285",
    "bus_wait": "#c2255c",
    "dispatch": "#868e96",
    "imbalance": "#fa5252",
    "sync": "#ced4da",
}
MARKERS = {"static": "circle", "steal": "diamond"}
FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#343a40"}


def figures_json(rows: Sequence[Row], shown: dict[str, Evaluated]) -> str:
    """All figures as JSON that is safe inside a script element."""
    content = {
        "sweep": {
            str(harts): {
                "speedup": sweep_figure(rows, harts, "speedup", "speed-up"),
                "energy": sweep_figure(rows, harts, "energy_gain", "energy gain"),
            }
            for harts in dict.fromkeys(row.harts for row in rows)
        },
        "layers": [
            {"id": f"layers-{index}", **layer_figure(point)}
            for index, point in enumerate(shown.values())
        ],
    }
    return json.dumps(content).replace("<", "\\u003c").replace("&", "\\u0026")


def sweep_figure(rows: Sequence[Row], harts: int, field: str, title: str) -> dict[str, Any]:
    """One quantity against coverage, a line per coupling and balancing."""
    data = []
    for line in lines_of(rows, harts):
        colour = COLOURS.get(line.coupling, FALLBACK_COLOUR)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": line.name,
                "x": [100 * row.coverage for row in line.rows],
                "y": [getattr(row, field) for row in line.rows],
                "text": [f"{row.tiles} tiles {row.split}" for row in line.rows],
                "hovertemplate": "%{text}<br>%{x:.1f} % on tiles<br>%{y:.2f}x",
                "line": {"color": colour, "dash": "dot" if line.balance == "steal" else "solid"},
                "marker": {"symbol": MARKERS.get(line.balance, "square"), "size": 7},
            }
        )
    layout = _layout(f"{title}, {count(harts, 'hart')}")
    layout["xaxis"] |= {"title": {"text": "parameters on tiles, %"}, "rangemode": "tozero"}
    layout["yaxis"] |= {"title": {"text": f"{title} (digital = 1)"}, "rangemode": "tozero"}
    return {"data": data, "layout": layout}


def layer_figure(point: Evaluated) -> dict[str, Any]:
    """Cycles of each layer, stacked by cause."""
    names = [
        escape(f"{index}: {layer.name} [{layer.body.name.lower()}]")
        for index, layer in enumerate(point.layers)
    ]
    data = [
        {
            "type": "bar",
            "name": term.replace("_", " "),
            "x": list(range(len(names))),
            "y": [round(layer.cost.terms.get(term, 0.0), 1) for layer in point.layers],
            "text": names,
            "textposition": "none",
            "hovertemplate": "%{text}<br>%{y:,.0f} cycles",
            "marker": {"color": TERM_COLOURS.get(term, FALLBACK_COLOUR)},
        }
        for term in point.total.terms
        if any(layer.cost.terms.get(term) for layer in point.layers)
    ]
    layout = _layout("")
    layout |= {"barmode": "stack", "bargap": 0.15, "height": 320}
    layout["xaxis"] |= {"title": {"text": "layer, in order of execution"}}
    layout["yaxis"] |= {"title": {"text": "model cycles"}}
    return {"data": data, "layout": layout}


def _layout(title: str) -> dict[str, Any]:
    axis = {"gridcolor": "#e9ecef", "zerolinecolor": "#adb5bd"}
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0.02},
        "font": FONT,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 70, "r": 20, "t": 50 if title else 20, "b": 90},
        "height": 400,
        "legend": {"orientation": "h", "y": -0.3},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }
