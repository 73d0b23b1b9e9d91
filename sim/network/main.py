"""``python -m tightrope.sim.network``: runs the list of whole networks and judges them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from tightrope.hw.config import ClusterConfig
from tightrope.sim.commands import options
from tightrope.sim.commands.guard import EXIT_FAILED_CHECK, GuardedGroup
from tightrope.sim.commands.output import Talk, write_json
from tightrope.sim.digits import load_digits
from tightrope.sim.model.calibration import load_calibration

from .accuracy import DigitsRead, read_on_rtl
from .mapping import Balancing, map_network
from .points import Way
from .sweep import SweepResult, Teller, run_tasks
from .tables import rows_table, stealing_table
from .verdicts import stealing
from .whole import (
    DIGITS,
    HARTS,
    NAMES,
    Verdict,
    digits_network,
    judge,
    large_tasks,
    small_tasks,
)

__all__ = ["app"]

DEFAULT_FOLDER = Path("build/networks")
JSON_NAME = "networks.json"

app = typer.Typer(
    cls=GuardedGroup,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def networks(
    network: Annotated[str, typer.Option(help="Only some of them.")] = ",".join(NAMES),
    quick: Annotated[
        bool, typer.Option("--quick", help="Without the networks that take minutes each.")
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where results are kept and found again.")
    ] = DEFAULT_FOLDER,
) -> None:
    """Run whole networks on the RTL, end to end; status 1 if a bar does not hold."""
    talk = Talk()
    names = options.words("--network", network, NAMES)
    tasks = list(small_tasks(names)) + ([] if quick else list(large_tasks(names)))
    with talk.progress() as progress:
        found = run_tasks(
            tasks, out, load_calibration(), progress=progress, message=talk.message
        )
    verdicts = judge(found.measured)
    if DIGITS in names:
        with talk.progress() as progress:
            verdicts.append(_digits_verdict(_read_digits(progress)))
    _show(found, verdicts, out, talk)
    failed = [verdict for verdict in verdicts if not verdict.holds]
    for verdict in failed:
        talk.fail(f"{verdict.what}: {verdict.value}, which must be {verdict.bar}")
    if failed:
        raise typer.Exit(EXIT_FAILED_CHECK)


def _show(found: SweepResult, verdicts: Sequence[Verdict], out: Path, talk: Talk) -> None:
    """The JSON file, and the tables."""
    rows = found.measured
    content = {
        "rows": [row.to_dict() for row in rows],
        "skipped": list(found.skipped),
        "bars": [dataclasses.asdict(verdict) for verdict in verdicts],
    }
    write_json(content, str(out / JSON_NAME))
    for sentence in found.skipped:
        talk.message(sentence)
    talk.show(rows_table("Whole networks on RTL", rows))
    talk.show(stealing_table(stealing(rows)), _verdict_table(verdicts))


def _read_digits(progress: Teller) -> DigitsRead:
    """All test images, in the way that needs the fewest cycles without tiles."""
    qnet, _ = digits_network()
    mapping = map_network(
        qnet.as_network(),
        Way.DIGITAL.machine(ClusterConfig(harts=HARTS)),
        coupling=Way.DIGITAL.coupling,
        balancing=Balancing.STATIC,
        calibration=load_calibration(),
    )
    return read_on_rtl(
        qnet,
        mapping,
        load_digits(),
        on_progress=lambda done, total: progress("digits", done, total),
    )


def _digits_verdict(read: DigitsRead) -> Verdict:
    images = len(read.labels)
    return Verdict(
        what="digits whose outputs equal the reference's",
        value=f"{read.equal_images} of {images}",
        bar="all",
        holds=read.equal_images == images and not read.problem,
        note=read.problem or f"{read.accuracy:.2%} are read right on RTL, and in the reference",
    )


def _verdict_table(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Bars", title_justify="left")
    table.add_column("what")
    for name in ("value", "bar", "holds"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for verdict in verdicts:
        holds = "yes" if verdict.holds else "NO"
        table.add_row(
            verdict.what, verdict.value, verdict.bar, holds, escape(verdict.note)
        )
    return table
