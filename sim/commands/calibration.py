"""``tightrope calibrate`` and ``tightrope validate``: the model's fit, and its error."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
    from rich.table import Table
    from tightrope.sim.calibrate.run import Validation

__all__ = ["calibrate", "validate"]


def calibrate(
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to store it; in the package if not given."),
    ] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Measure the microbenchmarks on the RTL, fit the cycle model, and store the calibration.

    Prints its error on the held-out cases.
    """
    from tightrope.sim.calibrate import run
    from tightrope.sim.calibrate.fit import WrongOutputError
    from tightrope.sim.model.calibration import DEFAULT_FILE

    talk = Talk(quiet=quiet, json_file=json_file)
    try:
        with talk.progress() as progress:
            _, validation = run.calibrate(
                out or DEFAULT_FILE,
                on_progress=lambda done, total: progress("cases", done, total),
                on_message=talk.message,
            )
    except WrongOutputError as error:
        talk.fail(f"nothing was fitted: {error}")
        raise typer.Exit(EXIT_FAILED_CHECK) from None
    _tell(talk, validation, json_file, "Held-out cases: the model against the RTL")


def validate(
    calibration: options.CalibrationFile = None,
    limit: Annotated[
        float | None,
        typer.Option(help="Exit with status 1 if the mean absolute error is above this fraction."),
    ] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare the model with the RTL on cases the fit never saw: each case, and over all."""
    from tightrope.sim.calibrate import run
    from tightrope.sim.model.predict import load_calibration

    talk = Talk(quiet=quiet, json_file=json_file)
    costs = load_calibration(calibration)
    with talk.progress() as progress:
        validation = run.validate(
            costs,
            on_progress=lambda done, total: progress("cases", done, total),
            on_message=talk.message,
        )
    _tell(talk, validation, json_file, "The model against the RTL")
    if limit is not None and validation.mean_abs_error > limit:
        talk.fail(f"the mean absolute error is {validation.mean_abs_error:.4f}, above {limit}")
        raise typer.Exit(EXIT_FAILED_CHECK)


def _tell(talk: Talk, validation: "Validation", json_file: str | None, title: str) -> None:
    """Write and show a validation; exit with status 1 if the RTL computed something wrong."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("case")
    for name in ("rtl cycles", "model cycles", "error", "90 % interval", ""):
        table.add_column(name, justify="right")
    for case in validation.cases:
        low, high = case.interval
        table.add_row(
            escape(case.name), f"{case.rtl_cycles:,}", f"{case.model_cycles:,.0f}",
            f"{100 * case.error:+.1f} %", f"{low:,.0f} .. {high:,.0f}",
            "" if case.inside else "outside",
        )  # fmt: skip
    write_json(validation.to_dict(), json_file)
    talk.show(
        table,
        _counters_table(validation),
        f"{len(validation.cases)} cases: mean absolute error "
        f"{100 * validation.mean_abs_error:.2f} %, worst {100 * validation.worst_abs_error:.2f} %; "
        f"{100 * validation.inside_interval:.1f} % of the truths lie in the model's intervals.",
    )
    if validation.mismatches:
        talk.fail(f"{validation.mismatches} outputs of the RTL differ from the reference")
        raise typer.Exit(EXIT_FAILED_CHECK)


def _counters_table(validation: "Validation") -> "Table":
    """A line for each counter that energies rest on."""
    from rich.markup import escape
    from rich.table import Table
    from tightrope.sim.calibrate.counters import COUNTER_BAR

    bar = f"{100 * COUNTER_BAR:.0f} %"
    table = Table(
        title=f"The model's counters: at most {bar} off, exact where they can be counted",
        title_justify="left",
    )
    table.add_column("counter")
    for name in ("cases", "exact", f"within {bar}", "mean error", "worst", "all together"):
        table.add_column(name, justify="right")
    table.add_column("worst case")
    for found in validation.counters:
        worst = found.worst_case if found.exact < found.cases else ""
        table.add_row(
            found.name, str(found.cases), str(found.exact), str(found.within_bar),
            f"{100 * found.mean_abs_error:.1f} %", f"{100 * found.worst_abs_error:.1f} %",
            f"{100 * found.total_error:+.1f} %", escape(worst),
        )  # fmt: skip
    return table
