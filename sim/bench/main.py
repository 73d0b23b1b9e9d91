"""The command: measure everything, show it, judge it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from tightrope.sim.commands.guard import EXIT_FAILED_CHECK, GuardedGroup
from tightrope.sim.commands.output import Talk, write_json

from .kernels import kernel_rows
from .model import model_rows
from .rows import Row
from .simulator import simulator_rows
from .streams import stream_rows
from .sweep import sweep_rows
from .tiles import tile_rows

__all__ = ["app"]

DEFAULT_FILE = "build/bench.json"


app = typer.Typer(
    cls=GuardedGroup,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Without cocotb's own runner, the slowest to build.")
    ] = False,
    json_file: Annotated[
        str, typer.Option("--json", metavar="FILE", help="Where to write; - is stdout.")
    ] = DEFAULT_FILE,
) -> None:
    """Measure simulator, kernels, model and sweeps; status 1 if a bar does not hold."""
    talk = Talk(json_file=json_file)
    if json_file != "-":
        Path(json_file).parent.mkdir(parents=True, exist_ok=True)
    talk.message("1 of 6: the model, on ResNet-50")
    rows = model_rows()
    talk.message("2 of 6: sweeps, with one worker and with two")
    rows += sweep_rows()
    talk.message("3 of 6: kernels, on RTL with 1 and with 8 harts")
    with talk.progress() as progress:
        rows += kernel_rows(on_message=talk.message, on_progress=progress)
    talk.message("4 of 6: tiles, on RTL with 1 and with 8 harts")
    with talk.progress() as progress:
        rows += tile_rows(on_message=talk.message, on_progress=progress)
    talk.message("5 of 6: tiles that stream, on RTL with 1 hart")
    with talk.progress() as progress:
        rows += stream_rows(on_message=talk.message, on_progress=progress)
    talk.message("6 of 6: the simulator of 8 harts, with and without tiles that stream")
    rows += simulator_rows(stock=not quick, on_message=talk.message)
    write_json([row.to_dict() for row in rows], json_file)
    talk.show(_table(rows))
    failed = [row for row in rows if not row.holds]
    for row in failed:
        talk.fail(f"{row.name}: {_missed(row)}")
    if failed:
        raise typer.Exit(EXIT_FAILED_CHECK)


def _missed(row: Row) -> str:
    if row.value is None:
        return row.note
    side = "above" if row.lower_is_better else "below"
    return f"{row.value:.4g} {row.unit} is {side} the bar of {row.bar:g}"


def _table(rows: Sequence[Row]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Speed and accuracy, with bars and limits", title_justify="left")
    table.add_column("what")
    for name in ("value", "unit", "bar", "limit", "holds"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    table.add_column("note")
    for row in rows:
        numbers = [
            "-" if number is None else f"{number:,.0f}" if number >= 10_000 else f"{number:.4g}"
            for number in (row.value, row.bar, row.limit)
        ]
        holds = "" if row.bar is None else "yes" if row.holds else "NO"
        table.add_row(row.name, numbers[0], row.unit, *numbers[1:], holds, escape(row.note))
    return table
