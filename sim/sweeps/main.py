"""``python -m tightrope.sim.sweeps``: six full-size networks over the whole design space."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from tightrope.hw.config import ClusterConfig
from tightrope.sim.commands import options
from tightrope.sim.commands.guard import EXIT_FAILED_CHECK, GuardedGroup
from tightrope.sim.commands.output import Talk, write_json
from tightrope.sim.explore.confidence import Samples, draw_samples
from tightrope.sim.explore.evaluate import Evaluator
from tightrope.sim.explore.front import front_dicts, front_of
from tightrope.sim.explore.points import Coupling, Sweep, make_points
from tightrope.sim.explore.predictor import Predictor, load_predictor
from tightrope.sim.explore.rows import Row
from tightrope.sim.explore.sweep import ExploreJob, NetworkPoint, point_tasks
from tightrope.sim.explore.verdicts import TOO_CLOSE, Verdict, judge
from tightrope.sim.explore.words import around, percent
from tightrope.sim.image.layout import Balance
from tightrope.sim.workload.onnx_import import load_network

from .engine import Progress, Run
from .pool import Pool, Workers
from .store import ResultStore

__all__ = ["app"]

NAMES = ("vgg19", "inception_v1", "mobilenetv2", "resnet50", "squeezenet", "alexnet")
"""Those that take long first, so that no worker is left alone with one at the end."""
SWEEP = Sweep(
    harts=(8, 4, 2, 1),
    couplings=(Coupling.TIGHT, Coupling.LOOSE),
    tiles=(1, 2, 4, 8, 16, 32, 64),
    balances=(Balance.STATIC, Balance.STEAL),
    coverages=tuple(tenth / 10 for tenth in range(1, 11)),
)
SECONDS_BAR = 300.0
"""For all of them on two cores."""
DEFAULT_FOLDER = Path("build/sweep")
JSON_NAME = "sweep.json"

app = typer.Typer(
    cls=GuardedGroup,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Answer:
    """What the rows of one network say."""

    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def best(self) -> Row:
        """The fastest against digital code on as many harts."""
        return max(self.rows, key=lambda row: row.speedup)

    def wins(self, coupling: str) -> int:
        """Tile budgets at which a coupling wins, where both can be built."""
        return sum(v.coupling == coupling for v in self.verdicts if not v.is_only)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "network": self.best.network,
            "points": len(self.rows),
            "best": self.best.to_dict(),
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "pareto": front_dicts(self.rows),
        }


@app.callback()
def sweeps(
    network: Annotated[str, typer.Option(help="Only some of them.")] = ",".join(NAMES),
    profile: options.Profile = "gf22",
    scheduler: options.Scheduler = None,
    workers: options.Workers = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where results are kept and found again.")
    ] = DEFAULT_FOLDER,
    quiet: options.Quiet = False,
) -> None:
    """Coverage x tiles x coupling x balancing x harts, predicted; status 1 if it takes too long."""
    talk = Talk(quiet=quiet)
    predictor = load_predictor(profile)
    evaluators = _evaluators(options.words("--network", network, NAMES), profile, predictor)
    with (
        Workers(scheduler=scheduler, workers=workers) as pool,
        talk.progress() as progress,
    ):
        rows, run = _sweep(evaluators, out, pool, lambda done, n: progress("points", done, n))
    samples = draw_samples(predictor)
    answers = [_answer(rows, evaluator, samples) for evaluator in evaluators]
    content = {
        "points": len(rows),
        "reused": run.reused,
        "seconds": run.seconds,
        "points_per_second": run.done / run.seconds,
        "steady_points_per_second": run.steady_per_second,
        "networks": [answer.to_dict() for answer in answers],
    }
    write_json(content, str(out / JSON_NAME))
    talk.show(_table(answers), _effort(run, out))
    if run.seconds > SECONDS_BAR:
        talk.fail(f"it took {run.seconds:.0f} s, which must be at most {SECONDS_BAR:.0f} s")
        raise typer.Exit(EXIT_FAILED_CHECK)


def _sweep(
    evaluators: Sequence[Evaluator], out: Path, pool: Pool, progress: Progress
) -> tuple[list[Row], Run[NetworkPoint, Row]]:
    """The rows of all points of all networks, and what it took."""
    tasks = [
        task
        for evaluator in evaluators
        for task in point_tasks(evaluator, make_points(SWEEP, evaluator.base)[0])
    ]
    job = ExploreJob({evaluator.network.name: evaluator for evaluator in evaluators})
    with ResultStore(out, Row) as store:
        with Run(store, job, pool, total=len(tasks), progress=progress) as run:
            run.run(tasks)
        return [store.rows[task.key] for task in tasks], run


def _evaluators(names: Sequence[str], profile: str, predictor: Predictor) -> list[Evaluator]:
    base: ClusterConfig = options.base_machine(None, profile=profile)
    return [Evaluator(load_network(name), base, predictor) for name in names]


def _answer(rows: Sequence[Row], evaluator: Evaluator, samples: Samples) -> _Answer:
    own = tuple(row for row in rows if row.network == evaluator.network.name)
    return _Answer(rows=own, verdicts=tuple(judge(own, samples)))


def _effort(run: Run[NetworkPoint, Row], out: Path) -> str:
    speed = f"{run.done / run.seconds:.0f} per second"
    return (
        f"{run.done} points took {run.seconds:.1f} s ({speed}), and {run.reused} were there "
        f"already. All are in {out}."
    )


def _table(answers: Sequence[_Answer]) -> Table:
    table = Table(title="Highest speed-up, and who wins at how many tile budgets",
                  title_justify="left")  # fmt: skip
    table.add_column("network")
    for name in ("points", "model cycles", "not calibrated, extrapolated", "speed-up", "energy",
                 "harts", "tiles"):  # fmt: skip
        table.add_column(name, justify="right")
    table.add_column("coupling, balance")
    for name in ("coverage", "MACs", "tight wins", "loose wins", TOO_CLOSE, "Pareto points"):
        table.add_column(name, justify="right")
    for answer in answers:
        best = answer.best
        table.add_row(
            escape(best.network),
            f"{len(answer.rows):,}",
            around(best.model_cycles, best.model_low_cycles, best.model_high_cycles),
            f"{percent(best.uncalibrated_ratio)}, {percent(best.extrapolated_ratio)}",
            f"{best.speedup:.2f}x",
            f"{best.energy_gain:.2f}x",
            str(best.harts),
            str(best.tiles),
            f"{best.coupling}, {best.balance}",
            percent(best.coverage),
            percent(best.mac_coverage),
            *(str(answer.wins(name)) for name in ("tight", "loose", TOO_CLOSE)),
            str(len(front_of(answer.rows))),
        )
    return table
