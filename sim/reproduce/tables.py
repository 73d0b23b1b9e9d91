"""Reproductions for people, on a terminal."""

from collections.abc import Iterator

from rich.markup import escape
from rich.table import Table

from .rows import Reproduction, Row

__all__ = ["assumptions_table", "rows_table", "sentences"]

SAME = "as above"
NONE = "-"


def rows_table(found: Reproduction) -> Table:
    """A line for each row: published, ours, range, ratio, configuration, deviation."""
    table = Table(title=escape(found.title), title_justify="left")
    table.add_column("what", min_width=20)
    for name in ("published", "ours", "range", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("configuration", min_width=24)
    table.add_column("deviation", min_width=24)
    configuration = note = ""
    for row in found.rows:
        table.add_row(
            escape(row.what),
            NONE if row.paper is None else value_text(row.paper, row.unit),
            value_text(row.ours, row.unit),
            _range_text(row),
            NONE if row.ratio is None else f"{row.ratio:.2f}",
            SAME if row.configuration == configuration else escape(row.configuration),
            SAME if row.note == note else escape(row.note),
        )
        configuration, note = row.configuration, row.note
    return table


def assumptions_table(found: Reproduction) -> Table:
    """The constants that ours rests on."""
    table = Table(
        title="ALPINE's cores: what is printed of them, and what we assume", title_justify="left"
    )
    for name in ("name", "value", "source, or why assumed"):
        table.add_column(name)
    for name, value, why in found.assumptions:
        table.add_row(name, escape(value), escape(why))
    return table


def sentences(found: Reproduction) -> Iterator[str]:
    """Remarks, and what was not published."""
    yield from found.remarks
    yield "Not published:"
    for what in found.not_published:
        yield f"- {what}"


def value_text(value: float, unit: str) -> str:
    """``5.9x``, ``1,279,000``, ``0.96``."""
    if unit == "x":
        return f"{value:.3g}x"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _range_text(row: Row) -> str:
    if row.low is None or row.high is None:
        return NONE
    return f"{value_text(row.low, row.unit)} .. {value_text(row.high, row.unit)}"
