"""The best point of a sweep by one objective, within a budget of evaluations."""

import dataclasses
import enum
import itertools
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from tightrope.sim.image.layout import Balance
from tightrope.sim.sweeps.engine import Progress, Run
from tightrope.sim.sweeps.pool import Pool
from tightrope.sim.sweeps.search import Axis, Grid, search
from tightrope.sim.sweeps.store import ResultStore

from .errors import ExploreError
from .evaluate import Evaluator
from .front import front_dicts
from .points import Coupling, Point, Sweep, make_points
from .rows import Row
from .sweep import ExploreJob, NetworkPoint, point_tasks

__all__ = ["Objective", "SearchResult", "point_grid", "run_search"]


class Objective(enum.StrEnum):
    """What is to be as small as can be."""

    CYCLES = "cycles"
    ENERGY = "energy"
    EDP = "edp"
    """Energy x delay."""

    def cost(self, row: Row) -> float:
        """Of a point, in cycles, picojoules, or their product."""
        costs = {
            Objective.CYCLES: row.model_cycles,
            Objective.ENERGY: row.model_energy_pj,
            Objective.EDP: row.model_cycles * row.model_energy_pj,
        }
        return costs[self]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found."""

    objective: Objective
    best: Row
    rows: tuple[Row, ...]
    """Of every point that was evaluated, in that order."""
    grid_points: int
    """Points that the whole sweep has."""
    seed: int
    reused: int
    """Rows that were there already."""
    seconds: float

    def summary(self) -> dict[str, Any]:
        """Plain data, in the form of an exploration's ``summary.json``."""
        return {
            "model": self.best.network,
            "points": len(self.rows),
            "search": {
                "objective": self.objective.value,
                "seed": self.seed,
                "grid_points": self.grid_points,
                "best": self.best.to_dict(),
            },
            "verdicts": [],
            "live_checks": [],
            "pareto": front_dicts(self.rows),
            "rows": [row.to_dict() for row in self.rows],
        }


def run_search(
    evaluator: Evaluator,
    sweep: Sweep,
    folder: Path,
    pool: Pool,
    *,
    objective: Objective,
    budget: int,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> SearchResult:
    """Look for the best point of ``sweep`` with at most ``budget`` evaluations.

    The digital baseline of each number of harts is among them: speed-ups refer to it. Rows that
    the folder holds are not evaluated again, but count, so that the same search has the same
    result. Raises ExploreError for a budget that leaves nothing beside the baselines, and what
    ``run_sweep`` raises.
    """
    points, _ = make_points(sweep, evaluator.base)
    baselines = [point for point in points if _is_baseline(point)]
    if budget <= len(baselines):
        raise ExploreError(
            f"a search needs a budget above its {len(baselines)} digital baselines, not {budget}"
        )
    budget = min(budget, len(points))
    job = ExploreJob({evaluator.network.name: evaluator})
    with ResultStore(folder, Row) as store:
        with Run(store, job, pool, total=budget, progress=progress) as run:
            costs = _Costs(evaluator, store, run, objective)
            known = dict(zip(baselines, costs(baselines), strict=True))
            left = budget - len(baselines)
            search(point_grid(sweep, points), costs, budget=left, seed=seed, known=known)
        rows = tuple(store.rows[key] for key in run.keys)
    return SearchResult(
        objective=objective,
        best=min(rows, key=objective.cost),
        rows=rows,
        grid_points=len(points),
        seed=seed,
        reused=run.reused,
        seconds=run.seconds,
    )


@dataclasses.dataclass
class _Costs:
    """Evaluates points by way of a run and its store."""

    evaluator: Evaluator
    store: ResultStore[Row]
    run: Run[NetworkPoint, Row]
    objective: Objective

    def __call__(self, points: Sequence[Any]) -> list[float]:
        tasks = point_tasks(self.evaluator, points)
        self.run.run(tasks)
        return [self.objective.cost(self.store.rows[task.key]) for task in tasks]


def _is_baseline(point: Point) -> bool:
    return point.coupling is Coupling.NONE and point.balance is Balance.STATIC


def point_grid(sweep: Sweep, points: Sequence[Point]) -> Grid:
    """Where the points are on the sweep's axes.

    Digital ones are wherever their coupling is, for all tiles and coverages. Numbers are ordered.
    """
    balances = tuple(dict.fromkeys((Balance.STATIC, *sweep.balances)))
    numbers = [tuple(sorted(set(axis))) for axis in (sweep.harts, sweep.tiles, sweep.coverages)]
    axes = (*numbers, (Coupling.NONE, *dict.fromkeys(sweep.couplings)), balances)
    there = set(points)
    places: dict[tuple[int, ...], Hashable] = {}
    for place in itertools.product(*(range(len(axis)) for axis in axes)):
        values = [axis[index] for axis, index in zip(axes, place, strict=True)]
        point = _point(*values)
        if point in there:
            places[place] = point
    return Grid(
        axes=tuple(
            Axis(size=len(axis), ordered=number < len(numbers)) for number, axis in enumerate(axes)
        ),
        points=places,
    )


def _point(harts: int, tiles: int, coverage: float, coupling: Coupling, balance: Balance) -> Point:
    if coupling is Coupling.NONE:
        return Point(harts=harts, coupling=coupling, tiles=0, balance=balance)
    return Point(harts=harts, coupling=coupling, tiles=tiles, balance=balance, coverage=coverage)
