"""Points as tasks: each is evaluated once, kept on disk as it comes, resumed where it was left."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tightrope.sim.sweeps.engine import Progress, Run
from tightrope.sim.sweeps.pool import InProcess, Pool
from tightrope.sim.sweeps.store import ResultStore
from tightrope.sim.sweeps.tasks import Task

from .evaluate import Evaluator
from .points import Point
from .rows import Row

__all__ = ["ExploreJob", "NetworkPoint", "SweepResult", "point_tasks", "run_sweep"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkPoint:
    """A point of one of the networks of a job."""

    network: str
    point: Point


class ExploreJob:
    """Evaluates points of some networks, by name; remembers the layers it has predicted."""

    refusals: tuple[type[Exception], ...] = ()

    def __init__(self, evaluators: Mapping[str, Evaluator]) -> None:
        self._evaluators = dict(evaluators)

    def row(self, key: str, payload: NetworkPoint) -> Row:
        """The row of a point, whose key the caller knows already."""
        return self._evaluators[payload.network].row(payload.point, key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepResult:
    """The rows of a sweep, in the order of its points."""

    points: tuple[Point, ...]
    rows: tuple[Row, ...]
    reused: int
    """Rows that were there already."""
    seconds: float
    """Spent on the others."""


def point_tasks(evaluator: Evaluator, points: Sequence[Point]) -> list[Task[NetworkPoint]]:
    """A task for each point. Those with as many harts share digital layers and a baseline, and all
    of a network walks of caches."""
    name = evaluator.network.name
    return [
        Task(
            key=evaluator.key(point),
            payload=NetworkPoint(network=name, point=point),
            group=f"{name}, {point.harts} harts",
            family=name,
        )
        for point in points
    ]


def run_sweep(
    evaluator: Evaluator,
    points: Sequence[Point],
    folder: Path,
    progress: Progress = lambda done, total: None,
    pool: Pool | None = None,
) -> SweepResult:
    """Evaluate ``points``, except those whose rows ``folder`` already holds.

    They run in ``pool``, in this process if None. Raises SweepError if the folder can't be used or
    its disk is full, Interrupted on Ctrl-C; in either case every finished row is on disk, and the
    same call goes on from there.
    """
    tasks = point_tasks(evaluator, points)
    job = ExploreJob({evaluator.network.name: evaluator})
    with ResultStore(folder, Row) as store:
        with Run(store, job, pool or InProcess(), total=len(tasks), progress=progress) as run:
            run.run(tasks)
        return SweepResult(
            points=tuple(points),
            rows=tuple(store.rows[task.key] for task in tasks),
            reused=run.reused,
            seconds=run.seconds,
        )
