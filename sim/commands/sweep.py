"""``tightrope sweep``: a whole network on the RTL, over coverage, coupling and balancing."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.sim.network.sweep import SweepResult

__all__ = ["sweep"]

WAYS = ("digital", "tight", "uneven", "loose", "few", "stream")
BALANCES = ("static", "weighted", "steal", "pipeline")
REPORT_NAME = "report.html"


def sweep(
    model: Annotated[
        str, typer.Argument(help="An ONNX file, or a known network such as resnet8.")
    ],
    coverage: Annotated[
        str, typer.Option(help="Shares of the weights that may be on tiles, 0 to 1 each.")
    ] = "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1",
    coupling: Annotated[
        str,
        typer.Option(
            help="tight, uneven (tight tiles on a quarter of the harts), loose, few (a quarter as "
            "many loose tiles as harts), stream, digital."
        ),
    ] = "tight,loose,stream",
    balance: Annotated[
        str, typer.Option(help="static, weighted, steal, pipeline.")
    ] = "static,weighted,steal,pipeline",
    harts: Annotated[int, typer.Option(help="1 to 8.")] = 8,
    tiles: Annotated[
        int | None,
        typer.Option(min=1, help="Of the whole machine; 1 per hart and 8 loose if not given."),
    ] = None,
    images: Annotated[
        int, typer.Option(min=1, max=256, help="Inputs on their way in a pipeline's run.")
    ] = 8,
    samples: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inputs (.npy, .npz) to quantise with and to run."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random inputs.")] = 0,
    profile: options.Profile = "gf22",
    tile_rows: options.TileRows = None,
    tile_cols: options.TileCols = None,
    adc_bits: options.AdcBits = None,
    mvm_latency: options.MvmLatency = None,
    machine: options.MachineFile = None,
    shape: options.Shape = None,
    calibration: options.CalibrationFile = None,
    scheduler: options.Scheduler = None,
    workers: options.Workers = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.")] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Run a whole network on the RTL in many ways, each checked bit by bit, and compare them.

    Writes results.parquet and report.html. A sweep that was stopped goes on where it was if the
    same command is given again. A difference from the reference is exit status 1.
    """
    from tightrope.sim.model.calibration import load_calibration
    from tightrope.sim.network.inputs import load_inputs
    from tightrope.sim.network.mapping import Balancing
    from tightrope.sim.network.points import Way, grid
    from tightrope.sim.network.sweep import Task, run_tasks
    from tightrope.sim.sweeps.pool import Workers

    talk = Talk(quiet=quiet, json_file=json_file)
    base = options.base_machine(
        machine,
        profile=profile,
        tile_rows=tile_rows,
        tile_cols=tile_cols,
        adc_bits=adc_bits,
        mvm_latency=mvm_latency,
    )
    points = grid(
        dataclasses.replace(base, harts=harts),
        tuple(map(Way, options.words("--coupling", coupling, WAYS))),
        tuple(map(Balancing, options.words("--balance", balance, BALANCES))),
        options.fractions("--coverage", coverage),
        tiles=tiles,
        pipeline_inputs=images,
    )
    qnet, inputs = load_inputs(
        model, images, samples=samples, shape=options.shapes(shape), seed=seed
    )
    folder = out or Path("tightrope-out") / (re.sub(r"[^\w.-]+", "_", qnet.name) + "-rtl")
    with (
        Workers(scheduler=scheduler, workers=workers) as pool,
        talk.progress() as progress,
    ):
        found = run_tasks(
            [Task(qnet=qnet, point=point, inputs=inputs) for point in points],
            folder,
            load_calibration(calibration),
            progress=progress,
            message=talk.message,
            pool=pool,
        )
    rows = [row.to_dict() for row in found.measured]
    write_json({"rows": rows, "skipped": list(found.skipped)}, json_file)
    for sentence in found.skipped:
        talk.message(sentence)
    if not rows:
        raise options.OptionError(f"none of the {len(points)} ways to run {model} can run")
    _show(found, folder, talk)


def _show(found: "SweepResult", folder: Path, talk: Talk) -> None:
    """The report's file and the tables; exit status 1 if an output was wrong."""
    from tightrope.sim.network import report, tables, verdicts
    from tightrope.sim.sweeps.files import write_text

    rows = found.measured
    write_text(folder / REPORT_NAME, report.report_html(rows, found.skipped))
    talk.show(tables.rows_table(f"{rows[0].network}, measured on RTL", rows))
    pairs = verdicts.stealing(rows)
    if pairs:
        talk.show(tables.stealing_table(pairs))
    talk.show(report.headline(rows), f"The report is {folder / REPORT_NAME}.")
    wrong = [row for row in rows if row.problem]
    if wrong:
        talk.fail(f"{wrong[0].network}, {wrong[0].way}, {wrong[0].balancing}: {wrong[0].problem}")
        raise typer.Exit(EXIT_FAILED_CHECK)
