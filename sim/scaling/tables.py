"""Single-layer results for people on a terminal."""

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table
from tightrope.sim.explore.points import Coupling
from tightrope.sim.explore.tables import COLOURS
from tightrope.sim.explore.words import count, percent
from tightrope.sim.image.layout import Body

from .rows import LayerRow, together

__all__ = ["by_layer", "columns", "headline", "layer_lines", "layers_table", "meaning"]

UNSTREAMED = "*"
"""Marks a layer that is too large for the scratchpad."""
Line = tuple[str, str, list[str]]
"""Layer, coupling, and a text for each of the columns of numbers."""


def by_layer(rows: Sequence[LayerRow]) -> dict[str, list[LayerRow]]:
    """Rows of a network by layer; those of all layers together come last."""
    found: dict[str, list[LayerRow]] = {}
    for row in (*rows, *together(rows)):
        found.setdefault(row.layer, []).append(row)
    return found


def columns(rows: Sequence[LayerRow]) -> list[str]:
    """Heads of the columns of numbers."""
    harts, sizes = _axes(rows)
    return [
        *(count(number, "hart") for number in harts[1:]),
        *(f"{size} x {size}" for size in sizes),
    ]


def meaning(rows: Sequence[LayerRow]) -> str:
    """What the columns of numbers are."""
    harts, _ = _axes(rows)
    text = (
        f"speed-up against {count(harts[0], 'hart')}, with tiles of the best size; and on "
        f"{count(harts[-1], 'hart')} against digital code, by tile size"
    )
    if any(map(_unstreamed, rows)):
        text += f" ({UNSTREAMED} can't be streamed, moved by loads and stores)"
    return text


def layer_lines(rows: Sequence[LayerRow]) -> Iterator[Line]:
    """For each layer of a network and each coupling: speed-up against the fewest harts, with tiles
    of the size that is fastest on the most; and against digital code on the most, by tile size."""
    harts, sizes = _axes(rows)
    for own in by_layer(rows).values():
        for coupling in dict.fromkeys(row.coupling for row in own):
            there = {(r.harts, r.tile_size): r for r in own if r.coupling == coupling}
            fastest = min(
                (row for row in there.values() if row.harts == harts[-1]),
                key=lambda row: row.model_cycles,
            )
            scaling = [there[number, fastest.tile_size].hart_speedup for number in harts[1:]]
            against = [_against(there.get((harts[-1], size))) for size in sizes]
            yield own[0].layer, coupling, [*(f"{gain:.2f}x" for gain in scaling), *against]


def _against(row: LayerRow | None) -> str:
    if row is None:
        return ""
    part = "" if row.coverage > 0.9995 else f" ({percent(row.coverage)})"
    return f"{row.speedup:.2f}x{UNSTREAMED if _unstreamed(row) else ''}{part}"


def _unstreamed(row: LayerRow) -> bool:
    return row.coupling == Coupling.STREAM and row.body == Body.LOOSE.name.lower()


def layers_table(name: str, rows: Sequence[LayerRow]) -> Table:
    """Of one network."""
    title = f"{name}, one layer at a time: {meaning(rows)}"
    table = Table(title=escape(title), title_justify="left")
    table.add_column("layer")
    table.add_column("on tiles by")
    for head in columns(rows):
        table.add_column(head, justify="right")
    shapes = {row.layer: row for row in rows}
    before = None
    for layer, coupling, cells in layer_lines(rows):
        if before not in (None, layer):
            table.add_section()
        shown = ""
        if layer != before:
            first = shapes.get(layer)
            times = f"{first.count} x " if first and first.count > 1 else ""
            shown = escape(f"{times}{first.shape}" if first else layer)
        before = layer
        colour = COLOURS.get(coupling, "default")
        by = "digital" if coupling == Coupling.NONE else coupling
        table.add_row(shown, f"[{colour}]{by}[/]", *cells)
    return table


def headline(name: str, rows: Sequence[LayerRow]) -> str:
    """What all layers of a network together say, coupling by coupling."""
    sums = together(rows)
    most = max(row.harts for row in sums)
    parts = []
    for coupling in dict.fromkeys(row.coupling for row in sums if row.tile_size):
        best = max(
            (row for row in sums if row.coupling == coupling and row.harts == most),
            key=lambda row: row.speedup,
        )
        parts.append(
            f"{coupling} {best.speedup:.2f}x with tiles of {best.tile_size} x {best.tile_size}"
        )
    layers = len({row.layer for row in rows})
    return (
        f"{name}: {count(layers, 'distinct layer')} one after the other on {count(most, 'hart')}, "
        f"against digital code on as many: {', '.join(parts)}."
    )


def _axes(rows: Sequence[LayerRow]) -> tuple[list[int], list[int]]:
    """Numbers of harts and tile sizes, both in order."""
    harts = sorted({row.harts for row in rows})
    return harts, sorted({row.tile_size for row in rows if row.tile_size})
