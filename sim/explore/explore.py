"""One exploration from a network to its files: sweep, verdicts, live check, report."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.allocate import Policy
from tightrope.sim.sweeps.errors import Interrupted
from tightrope.sim.sweeps.files import write_text
from tightrope.sim.sweeps.pool import Workers
from tightrope.sim.workload.layers import Network

from .chart import svg_chart
from .confidence import draw_samples
from .errors import ExploreError
from .evaluate import Evaluated, Evaluator
from .live import LiveCheck, choose_cases, run_live
from .outcome import Outcome
from .points import Coupling, Point, Sweep, make_points
from .predictor import Predictor
from .report import report_html
from .rows import Row
from .sweep import SweepResult, run_sweep
from .verdicts import judge
from .words import count

__all__ = ["Request", "Teller", "explore", "write_outcome"]

Teller = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What to explore."""

    network: Network
    base: ClusterConfig
    """Everything of the machines but harts and tiles."""
    sweep: Sweep
    predictor: Predictor
    folder: Path
    policy: Policy = "macs_per_weight"
    live: int = 3
    """Layers to run on the RTL."""
    scheduler: str | None = None
    """Address of a dask scheduler whose workers evaluate the points."""
    workers: int | None = None
    """Processes on this machine that do, if not as many as suit it."""


def explore(
    request: Request,
    on_progress: Teller = lambda what, done, total: None,
    on_message: Callable[[str], None] = lambda message: None,
) -> Outcome:
    """Evaluate all points, run the live check, and write everything to the request's folder.

    Raises ExploreError, SweepError, HwConfigError, MappingError and ModelError for what can't be
    done, CosimError if the live check can't be (all other results are written first), and
    Interrupted on Ctrl-C.
    """
    points, skipped = make_points(request.sweep, request.base)
    for sentence in skipped:
        on_message(sentence)
    evaluator = Evaluator(request.network, request.base, request.predictor, request.policy)
    with Workers(scheduler=request.scheduler, workers=request.workers) as pool:
        result = run_sweep(
            evaluator,
            points,
            request.folder,
            lambda done, total: on_progress("points", done, total),
            pool,
        )
    outcome = Outcome(
        network=request.network,
        base=request.base,
        predictor=request.predictor,
        sweep=result,
        skipped=tuple(skipped),
        verdicts=tuple(judge(result.rows, draw_samples(request.predictor))),
        live=(),
        live_note="No live check was asked for." if not request.live else "It did not finish.",
        shown=_shown(evaluator, result),
    )
    if request.live:
        write_outcome(outcome, request.folder)
        live, note = _live(request, evaluator, on_progress, on_message)
        outcome = dataclasses.replace(outcome, live=tuple(live), live_note=note)
    write_outcome(outcome, request.folder)
    return outcome


def write_outcome(outcome: Outcome, folder: Path) -> None:
    """Write summary.json, report.html and speedup.svg; raises SweepError if that fails."""
    rows = outcome.sweep.rows
    most = max(row.harts for row in rows)
    title = f"{outcome.network.name}: speed-up on {count(most, 'hart')}"
    write_text(folder / "summary.json", json.dumps(outcome.summary(), indent=1) + "\n")
    write_text(folder / "speedup.svg", svg_chart(rows, most, title))
    write_text(folder / "report.html", report_html(outcome))


def _live(
    request: Request, evaluator: Evaluator, on_progress: Teller, on_message: Callable[[str], None]
) -> tuple[list[LiveCheck], str]:
    cases = choose_cases(evaluator, request.sweep, request.live)
    if not cases:
        return [], "The network has no layer that can run on the RTL."
    try:
        checks = run_live(
            evaluator,
            cases,
            on_message=on_message,
            on_progress=lambda done, total: on_progress("live checks", done, total),
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped in the live check; every point is in {request.folder}, and the same command "
            "goes on from there"
        ) from None
    return checks, ""


def _shown(evaluator: Evaluator, result: SweepResult) -> dict[str, Evaluated]:
    """The digital baseline and the fastest point of each coupling, all with as many harts."""
    pairs = list(zip(result.rows, result.points, strict=True))
    with_tiles = [row for row, point in pairs if point.coupling is not Coupling.NONE]
    if not with_tiles:
        raise ExploreError("there is no point with tiles")
    harts = max(with_tiles, key=lambda row: row.speedup).harts
    shown: dict[str, Evaluated] = {}
    for coupling in Coupling:
        chosen = [
            (row, point)
            for row, point in pairs
            if point.coupling is coupling and point.harts == harts
        ]
        if chosen:
            row, point = min(chosen, key=lambda pair: pair[0].model_cycles)
            shown[_title(row, point)] = evaluator.evaluate(point)
    return shown


def _title(row: Row, point: Point) -> str:
    tiles = count(row.tiles, point.coupling.tile)
    what = "Digital" if point.coupling is Coupling.NONE else tiles
    return (
        f"{what} on {count(row.harts, 'hart')}, {row.balance}: {row.model_cycles:,.0f} cycles, "
        f"{row.speedup:.2f}x"
    )
