"""Runs tasks: each key once, rows on disk as they come, resumed where it was left."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from .errors import Interrupted
from .pool import Pool
from .store import ResultStore, StoredRow
from .tasks import Job, Outcome, Task

__all__ = ["Progress", "Ran", "run_tasks"]

P = TypeVar("P")
R = TypeVar("R", bound=StoredRow)

Progress = Callable[[int, int], None]
"""Called with tasks done and tasks in all."""


@dataclasses.dataclass(kw_only=True)
class Ran:
    """What became of the tasks."""

    keys: list[str] = dataclasses.field(default_factory=list)
    """Of all tasks, in order."""
    reused: int = 0
    """Rows that were there already."""
    done: int = 0
    """Rows that were not."""
    refused: dict[str, Exception] = dataclasses.field(default_factory=dict)
    """Why a task has no row, by key."""
    seconds: float = 0.0


def run_tasks(
    tasks: Iterable[Task[P]],
    job: Job[P, R],
    store: ResultStore[R],
    pool: Pool,
    *,
    total: int,
    noun: str = "points",
    progress: Progress = lambda done, total: None,
    on_row: Callable[[Task[P], R], None] = lambda task, row: None,
) -> Ran:
    """Run ``tasks``, except those whose rows the store already holds.

    ``total`` says how many ``tasks`` are; if they are no sequence, they are taken as the pool asks
    for them. Only this process writes. Raises what a job raises, SweepError if the folder can't be
    used or the scheduler is lost, and Interrupted on Ctrl-C; in each case every row that arrived is
    on disk, and the same call goes on from there.
    """
    ran, began = Ran(), time.monotonic()
    try:
        missing = _missing(tasks, store, ran)
        if isinstance(tasks, Sequence):
            missing = list(missing)
        progress(ran.reused, total)
        for outcome in pool.outcomes(missing, job):
            _take(outcome, store, ran, on_row)
            progress(ran.reused + ran.done + len(ran.refused), total)
        progress(total, total)
    except KeyboardInterrupt:
        store.flush()
        raise Interrupted(
            f"stopped with {ran.reused + ran.done} of {total} {noun} done; they are in "
            f"{store.folder}, and the same command goes on from there"
        ) from None
    finally:
        store.write_table(ran.keys)
    store.flush()
    ran.seconds = time.monotonic() - began
    return ran


def _missing(tasks: Iterable[Task[P]], store: ResultStore[Any], ran: Ran) -> Iterator[Task[P]]:
    """Each key that has no row, once."""
    asked: set[str] = set()
    for task in tasks:
        ran.keys.append(task.key)
        if task.key in store.rows or task.key in asked:
            ran.reused += 1
        else:
            asked.add(task.key)
            yield task


def _take(
    outcome: Outcome[P, R], store: ResultStore[R], ran: Ran, on_row: Callable[[Task[P], R], None]
) -> None:
    if isinstance(outcome.found, Exception):
        ran.refused[outcome.task.key] = outcome.found
        return
    store.add(outcome.found)
    ran.done += 1
    on_row(outcome.task, outcome.found)
