"""``tightrope reproduce``: published results beside ours, line by line."""

from typing import Annotated

import typer

from . import options
from .output import Talk, write_json

__all__ = ["reproduce"]


def reproduce(
    name: Annotated[str, typer.Argument(help="coupling or alpine.")],
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Put a paper's published results beside those of our models, with ratios and deviations.

    What was never published is named at the end, and what ours assumes instead.
    """
    from tightrope.sim.reproduce import run, tables

    talk = Talk(quiet=quiet, json_file=json_file)
    with talk.progress() as progress:
        found = run.reproduce(name, progress)
    write_json(found.to_dict(), json_file)
    talk.show(tables.rows_table(found), tables.assumptions_table(found), *tables.sentences(found))
