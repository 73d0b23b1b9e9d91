"""Tables of a bitstream and of what fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .boards import BOARDS
from .estimate import estimate
from .flow import Build
from .presets import PRESETS
from .usage import shortages, total_of

if TYPE_CHECKING:
    from rich.table import Table

    from .litex.beside import Beside

__all__ = ["beside_table", "block_table", "fit_rows", "fit_table", "seed_table"]

_COLUMNS = {"lut": "LUT", "ff": "FF", "bram": "block RAM", "dsp": "multipliers"}


def _table(title: str, columns: Sequence[str], *, text_columns: int = 1) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index < text_columns else "right")
    return table


def block_table(build: Build) -> "Table":
    """What each block takes, all together, and what there is."""
    title = f"{build.preset.title} on {build.board.title}"
    table = _table(title, ("block", *_COLUMNS.values()))
    rows = {**build.blocks, "all": total_of(build.blocks), "there is": build.board.device}
    for block, usage in rows.items():
        counts = usage.to_dict()
        table.add_row(block, *(f"{counts[name]:,}".replace(",", " ") for name in _COLUMNS))
    return table


def seed_table(build: Build) -> "Table":
    """How fast each placement is, and what limits it."""
    table = _table("Placements", ("seed", "Fmax, MHz", "limited by"), text_columns=0)
    table.columns[-1].justify = "left"
    for one in build.placements:
        mark = " *" if one is build.best else ""
        table.add_row(f"{one.seed}{mark}", f"{one.timing.fmax_mhz:.1f}", one.timing.limit)
    return table


def beside_table(found: "Beside") -> "Table":
    """The clocks of the machine and of LiteX's SoC, in MHz, by seed."""
    columns = [found.ours.preset.name, *(f"LiteX, {one.script} script" for one in found.references)]
    table = _table("Fmax, MHz, beside LiteX's own VexRiscv SoC", ("seed", *columns), text_columns=0)
    rows = zip(found.ours.placements, *(one.placements for one in found.references), strict=True)
    for row in rows:
        table.add_row(str(row[0].seed), *(f"{one.timing.fmax_mhz:.1f}" for one in row))
    return table


def fit_rows() -> list[dict]:
    """Each preset on each board: what it is estimated to need, and whether that is there."""
    rows = []
    for preset in PRESETS.values():
        needed = estimate(preset)
        for board in BOARDS.values():
            rows.append(
                {
                    "board": board.name, "preset": preset.name, "needs": needed.to_dict(),
                    "has": board.device.to_dict(), "fits": not shortages(needed, board),
                }
            )  # fmt: skip
    return rows


def fit_table() -> "Table":
    """Presets by boards."""
    table = _table(
        "Which machine fits which board (estimated; a build counts)",
        ("preset", "machine", *_COLUMNS.values(), *BOARDS),
        text_columns=2,
    )
    for preset in PRESETS.values():
        needed = estimate(preset)
        counts = [f"{needed.to_dict()[name]:,}".replace(",", " ") for name in _COLUMNS]
        verdicts = ["no" if shortages(needed, board) else "yes" for board in BOARDS.values()]
        table.add_row(preset.name, preset.title, *counts, *verdicts)
    return table
