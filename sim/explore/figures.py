"""The report's figures as plain Plotly data: what plotly.js draws in the browser."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from tightrope.sim.energy.components import COMPONENTS

from .chart import COLOURS, FALLBACK_COLOUR, lines_of
from .evaluate import Evaluated
from .front import front_of
from .points import Coupling
from .rows import Row
from .words import count, percent

__all__ = ["energy_figure", "figures_json", "front_figure", "layer_figure", "plain_layout",
           "sweep_figure"]  # fmt: skip

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
ENERGY_COLOURS = {
    "hart_active": "#1c7ed6",
    "hart_waiting": "#74c0fc",
    "hart_asleep": "#d0ebff",
    "icache_fills": "#12b886",
    "dcache_fills": "#96f2d7",
    "stores": "#37b24d",
    "memory": "#f59f00",
    "scratchpad": "#ffd43b",
    "dma": "#ffec99",
    "shared_bus": "#c2255c",
    "mvm_cells": "#7048e8",
    "mvm_rows": "#9775fa",
    "mvm_cols": "#d0bfff",
    "tile_in": "#0b7285",
    "tile_out": "#66d9e8",
    "programming": "#fa5252",
    "static": "#868e96",
}
ENERGY_LABELS = {part.name.removesuffix("_pj"): part.label for part in COMPONENTS}
NAMES = {Coupling.NONE: "digital"}
"""Of couplings, where they are not their own."""
MARKERS = {"static": "circle", "steal": "diamond"}
LEGEND_ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"}
"""Where it has many lines in a narrow window: below, it would lie over the axis' title."""
PJ_PER_UJ = 1e6
FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#343a40"}


def script_json(content: Any) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(content).replace("<", "\\u003c").replace("&", "\\u0026")


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
        "front": front_figure(rows),
        "energy": energy_figure(shown),
        "layers": [
            {"id": f"layers-{index}", **layer_figure(point)}
            for index, point in enumerate(shown.values())
        ],
    }
    return script_json(content)


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
    layout = plain_layout(f"{title}, {count(harts, 'hart')}")
    layout["xaxis"] |= {"title": {"text": "parameters on tiles, %"}, "rangemode": "tozero"}
    layout["yaxis"] |= {"title": {"text": f"{title} (digital = 1)"}, "rangemode": "tozero"}
    return {"data": data, "layout": layout}


def front_figure(rows: Sequence[Row]) -> dict[str, Any]:
    """Energy against cycles of every point, a colour per coupling, the Pareto front circled."""
    data = [
        _cloud([row for row in rows if row.coupling == coupling], NAMES.get(coupling, coupling))
        | {"marker": {"color": COLOURS.get(coupling, FALLBACK_COLOUR), "size": 7, "opacity": 0.7}}
        for coupling in dict.fromkeys(row.coupling for row in rows)
    ]
    ring = {"symbol": "circle-open", "size": 14, "color": "#212529", "line": {"width": 1.5}}
    data.append(_cloud(front_of(rows), "Pareto front") | {"marker": ring})
    layout = plain_layout("")
    layout |= {"legend": LEGEND_ABOVE}
    layout["xaxis"] |= {"title": {"text": "model cycles"}, "type": "log", "tickformat": "~s"}
    layout["yaxis"] |= {"title": {"text": "model energy, uJ"}, "type": "log", "tickformat": ",~r"}
    return {"data": data, "layout": layout}


def _cloud(rows: Sequence[Row], name: str) -> dict[str, Any]:
    """Points of rows, without a look."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row.model_cycles for row in rows],
        "y": [row.model_energy_pj / PJ_PER_UJ for row in rows],
        "text": [
            f"{count(row.harts, 'hart')}, {count(row.tiles, 'tile')}, {row.balance}, "
            f"{percent(row.coverage)} of the parameters on tiles"
            for row in rows
        ],
        "hovertemplate": "%{text}<br>%{x:,.0f} cycles, %{y:,.1f} uJ",
    }


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
    layout = plain_layout("")
    layout |= {"barmode": "stack", "bargap": 0.15, "height": 320, "legend": LEGEND_ABOVE}
    layout["xaxis"] |= {"title": {"text": "layer, in order of execution"}}
    layout["yaxis"] |= {"title": {"text": "model cycles"}}
    return {"data": data, "layout": layout}


def energy_figure(shown: dict[str, Evaluated]) -> dict[str, Any]:
    """Energy of each point by component, stacked; the first point is on top."""
    names = [escape(title.partition(":")[0]) for title in shown]
    totals = [point.total.energy for point in shown.values()]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": ENERGY_LABELS.get(part, part.replace("_", " ")),
            "x": [round(energy.get(part, 0.0) / PJ_PER_UJ, 4) for energy in totals],
            "y": names,
            "hovertemplate": "%{x:,.2f} uJ",
            "marker": {"color": ENERGY_COLOURS.get(part, FALLBACK_COLOUR)},
        }
        for part in dict.fromkeys(part for energy in totals for part in energy)
        if any(energy.get(part) for energy in totals)
    ]
    layout = plain_layout("")
    layout |= {"barmode": "stack", "height": 360, "legend": LEGEND_ABOVE}
    layout["xaxis"] |= {"title": {"text": "model energy, uJ"}, "rangemode": "tozero"}
    layout["yaxis"] |= {"autorange": "reversed", "automargin": True}
    return {"data": data, "layout": layout}


def plain_layout(title: str) -> dict[str, Any]:
    """What all figures look like."""
    axis = {"gridcolor": "#e9ecef", "zerolinecolor": "#adb5bd"}
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0.02},
        "font": FONT,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 70, "r": 20, "t": 50 if title else 20, "b": 90 if title else 50},
        "height": 400,
        "legend": {"orientation": "h", "y": -0.3},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
    }
