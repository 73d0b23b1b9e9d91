"""Tables of whole networks, for people on a terminal."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table
from tightrope.sim.explore.words import percent

from .rows import NetworkRow
from .verdicts import GAIN_BAR, LOSS_BAR, Stealing, bound, speedups

__all__ = ["row_cells", "rows_table", "stealing_table"]

COLUMNS = ("network", "on tiles by", "balancing", "weights", "MACs", "cycles per input",
           "model error", "latency", "MAC/cycle", "speed-up", "planned / touched", "outputs",
           "bound by")  # fmt: skip
LEFT = (0, 1, 2, 11, 12)
"""Columns of words; the others are numbers."""


def row_cells(row: NetworkRow, speedup: float | None) -> list[str]:
    """A row as texts, one for each of :data:`COLUMNS`."""
    return [
        row.network,
        row.way,
        row.balancing,
        percent(row.coverage),
        percent(row.mac_coverage),
        f"{row.cycles_per_input:,.0f}",
        "" if row.model_error is None else f"{100 * row.model_error:+.1f} %",
        f"{row.latency_cycles:,.0f}",
        f"{row.macs_per_cycle:.2f}",
        "" if speedup is None else f"{speedup:.2f}x",
        f"{row.planned_bytes:,} / {row.touched_bytes:,}",
        row.problem or "bit-exact",
        bound(row),
    ]


def rows_table(title: str, rows: Sequence[NetworkRow]) -> Table:
    """A line for each row; the speed-up is that of ``speedups``."""
    table = Table(title=escape(title), title_justify="left")
    for index, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if index in LEFT else "right")
    network = None
    for row, speedup in zip(rows, speedups(rows), strict=True):
        if network not in (None, row.network):
            table.add_section()
        network = row.network
        table.add_row(*map(escape, row_cells(row, speedup)))
    return table


def stealing_table(pairs: Sequence[Stealing]) -> Table:
    """Stealing against equal shares, beside the bars."""
    table = Table(
        title=f"Stealing / equal shares: at least {LOSS_BAR}x everywhere, {GAIN_BAR}x if partly "
        "on tiles",
        title_justify="left",
    )
    for name in ("network", "on tiles by"):
        table.add_column(name)
    for name in ("coverage", "static", "steal", "gain"):
        table.add_column(name, justify="right")
    table.add_column("")
    for pair in pairs:
        missed = pair.gain < LOSS_BAR or (pair.partial and pair.gain < GAIN_BAR)
        table.add_row(
            escape(pair.steal.network),
            pair.steal.way,
            percent(pair.steal.coverage),
            f"{pair.static.cycles_per_input:,.0f}",
            f"{pair.steal.cycles_per_input:,.0f}",
            f"{pair.gain:.2f}x",
            escape(pair.why) if missed else "",
        )
    return table
