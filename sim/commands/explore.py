"""``tightrope explore``: which coupling, for each tile budget, for one network."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options
from .guard import EXIT_FAILED_CHECK
from .output import Talk, write_json

if TYPE_CHECKING:
    from tightrope.sim.explore.explore import Request

__all__ = ["explore"]

BALANCES = ("static", "steal")
POLICIES = ("macs_per_weight", "in_order")
OBJECTIVES = ("cycles", "energy", "edp")
SUMMARY_NAME = "summary.json"


def explore(
    model: Annotated[
        str, typer.Argument(help="An ONNX file, or a known network such as resnet50.")
    ],
    harts: Annotated[str, typer.Option(help="Numbers of harts, 1 to 8 each.")] = "1,2,4,8",
    coupling: Annotated[str, typer.Option(help="Some of tight, loose, stream.")] = ",".join(
        options.COUPLINGS
    ),
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
    ] = 4,
    no_live: Annotated[bool, typer.Option("--no-live", help="Run nothing on the RTL.")] = False,
    search: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Only look for the best point, with at most N evaluations."
        ),
    ] = None,
    objective: Annotated[str, typer.Option(help="Of the search: cycles, energy or edp.")] = "edp",
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    scheduler: options.Scheduler = None,
    workers: options.Workers = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.")] = None,
    json_file: options.JsonFile = None,
    quiet: options.Quiet = False,
) -> None:
    """Predict speed and energy of a network over machines, and say which coupling wins.

    Writes results.parquet, summary.json, report.html and speedup.svg. A sweep that was stopped goes
    on where it was if the same command is given again. With --search only results.parquet and
    summary.json, of the points that were evaluated, without verdicts.
    """
    from tightrope.sim.explore import explore as explorer
    from tightrope.sim.explore import predictor, tables
    from tightrope.sim.explore.points import Coupling, Sweep
    from tightrope.sim.image.layout import Balance
    from tightrope.sim.workload.onnx_import import load_network

    talk = Talk(quiet=quiet, json_file=json_file)
    sweep = Sweep(
        harts=options.integers("--harts", harts),
        couplings=tuple(map(Coupling, options.words("--coupling", coupling, options.COUPLINGS))),
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
    if search is not None:
        (goal,) = options.words("--objective", objective, OBJECTIVES)[:1]
        _search(request, talk, json_file, objective=goal, budget=search, seed=seed)
        return
    with talk.progress() as progress:
        outcome = explorer.explore(request, progress, talk.message)
    write_json(outcome.summary(), json_file)
    talk.show(tables.verdict_table(outcome))
    talk.show(tables.front_table(network.name, outcome.sweep.rows))
    if outcome.live:
        talk.show(tables.live_table(outcome.live))
    talk.show(
        tables.headline(outcome),
        tables.effort(outcome.sweep),
        f"The report is {folder / 'report.html'}.",
    )
    wrong = [check for check in outcome.live if check.problem]
    if wrong:
        talk.fail(f"the live check failed: {wrong[0].name}: {wrong[0].problem}")
        raise typer.Exit(EXIT_FAILED_CHECK)


def _search(
    request: "Request",
    talk: Talk,
    json_file: str | None,
    *,
    objective: str,
    budget: int,
    seed: int,
) -> None:
    """Run a search and print what it found."""
    import json

    from tightrope.sim.explore import tables
    from tightrope.sim.explore.evaluate import Evaluator
    from tightrope.sim.explore.search import Objective, run_search
    from tightrope.sim.sweeps.files import write_text
    from tightrope.sim.sweeps.pool import Workers

    with (
        Workers(scheduler=request.scheduler, workers=request.workers) as pool,
        talk.progress() as progress,
    ):
        found = run_search(
            Evaluator(request.network, request.base, request.predictor, request.policy),
            request.sweep,
            request.folder,
            pool,
            objective=Objective(objective),
            budget=budget,
            seed=seed,
            progress=lambda done, total: progress("points", done, total),
        )
    write_text(request.folder / SUMMARY_NAME, json.dumps(found.summary(), indent=1) + "\n")
    write_json(found.summary(), json_file)
    talk.show(tables.front_table(request.network.name, found.rows))
    talk.show(tables.found_best(found), tables.effort(found))
