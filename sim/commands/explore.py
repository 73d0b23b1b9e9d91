"""``tightrope explore``: which coupling, for each tile budget, for one network."""

import re
from pathlib import Path
from typing import Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

__all__ = ["explore"]

BALANCES = ("static", "steal")
COUPLINGS = ("tight", "loose")
POLICIES = ("macs_per_weight", "in_order")


def explore(
    model: Annotated[
        str, typer.Argument(help="An ONNX file, or a known network such as resnet50.")
    ],
    harts: Annotated[str, typer.Option(help="Numbers of harts, 1 to 8 each.")] = "1,2,4,8",
    coupling: Annotated[str, typer.Option(help="tight, loose or both.")] = "tight,loose",
    tiles: Annotated[
        str, typer.Option(help="Tile budgets: tiles of the whole machine.")
    ] = "1,2,4,8,16,32,64",
    coverage: Annotated[
        str, typer.Option(help="Largest parts of the parameters on tiles, above 0 to 1 each.")
    ] = "1",
    balance: Annotated[str, typer.Option(help="static, steal or both.")] = "static,steal",
    policy: Annotated[
        str, typer.Option(help="Which layers get tiles first: macs_per_weight or in_order.")
    ] = "macs_per_weight",
    profile: options.Profile = "gf22",
    tile_rows: options.TileRows = None,
    tile_cols: options.TileCols = None,
    adc_bits: options.AdcBits = None,
    mvm_latency: options.MvmLatency = None,
    machine: options.MachineFile = None,
    shape: options.Shape = None,
    calibration: options.CalibrationFile = None,
    live: Annotated[
        int, typer.Option(min=0, max=50, help="Layers to run on the RTL as a check.")
    ] = 3,
    no_live: Annotated[bool, typer.Option("--no-live", help="Run nothing on the RTL.")] = False,
    scheduler: options.Scheduler = None,
    workers: options.Workers = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.")] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Predict speed and energy of a network over machines, and say which coupling wins.

    Writes results.parquet, summary.json, report.html and speedup.svg. A sweep that was stopped goes
    on where it was if the same command is given again.
    """
    from tightrope.sim.explore import explore as explorer
    from tightrope.sim.explore import predictor, tables
    from tightrope.sim.explore.points import Coupling, Sweep
    from tightrope.sim.image.layout import Balance
    from tightrope.sim.workload.onnx_import import load_network

    talk = Talk(quiet=quiet, json_file=json_file)
    sweep = Sweep(
        harts=options.integers("--harts", harts),
        couplings=tuple(map(Coupling, options.words("--coupling", coupling, COUPLINGS))),
        tiles=options.integers("--tiles", tiles),
        coverages=options.fractions("--coverage", coverage),
        balances=tuple(
            Balance[name.upper()] for name in options.words("--balance", balance, BALANCES)
        ),
    )
    (chosen_policy,) = options.words("--policy", policy, POLICIES)[:1]
    base = options.base_machine(
        machine,
        profile=profile,
        tile_rows=tile_rows,
        tile_cols=tile_cols,
        adc_bits=adc_bits,
        mvm_latency=mvm_latency,
    )
    network = load_network(model, shape=options.shapes(shape))
    folder = out or Path("tightrope-out") / re.sub(r"[^\w.-]+", "_", network.name)
    request = explorer.Request(
        network=network,
        base=base,
        sweep=sweep,
        predictor=predictor.load_predictor(profile, calibration),
        folder=folder,
        policy=chosen_policy,
        live=0 if no_live else live,
        scheduler=scheduler,
        workers=workers,
    )
    with talk.progress() as progress:
        outcome = explorer.explore(request, progress, talk.message)
    write_json(outcome.summary(), json_file)
    talk.show(tables.verdict_table(outcome))
    if outcome.live:
        talk.show(tables.live_table(outcome.live))
    talk.show(
        tables.headline(outcome), tables.effort(outcome), f"The report is {folder / 'report.html'}."
    )
    wrong = [check for check in outcome.live if check.problem]
    if wrong:
        talk.fail(f"the live check failed: {wrong[0].name}: {wrong[0].problem}")
        raise typer.Exit(EXIT_FAILED_CHECK)
