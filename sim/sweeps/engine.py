"""Runs tasks: each key once, rows on disk as they come, resumed where it was left."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from .errors import Interrupted
from .pool import Pool
from .store import ResultStore, StoredRow
from .tasks import Job, Task

__all__ = ["Progress", "Run"]

P = TypeVar("P")
R = TypeVar("R", bound=StoredRow)

Progress = Callable[[int, int], None]
"""Called with tasks done and tasks in all."""


class Run(Generic[P, R]):
    """Tasks of one job whose rows go to one store; a context manager.

    Only this process writes. Leaving the context, for whatever reason, writes every row that
    arrived, and the table of all rows that were asked for; Ctrl-C becomes Interrupted, whose
    sentence says what was kept. The same run goes on from there.
    """

    def __init__(
        self,
        store: ResultStore[R],
        job: Job[P, R],
        pool: Pool,
        *,
        total: int,
        noun: str = "points",
        progress: Progress = lambda done, total: None,
        on_row: Callable[[Task[P], R], None] = lambda task, row: None,
    ) -> None:
        self._store, self._job, self._pool = store, job, pool
        self._total, self._noun = total, noun
        self._progress, self._on_row = progress, on_row
        self._began = time.monotonic()
        self._ended: float | None = None
        self._first_row_at: float | None = None
        self.keys: dict[str, None] = {}
        """Of all tasks so far, in order."""
        self.reused = 0
        """Rows that were there already."""
        self.done = 0
        """Rows that were not."""
        self.refused: dict[str, Exception] = {}
        """Why a task has no row, by key."""

    @property
    def seconds(self) -> float:
        """Since it began, until it ended."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def steady_per_second(self) -> float:
        """Rows per second from the first new one on, when all workers have begun; 0 for fewer than
        two of them."""
        if self._first_row_at is None or self.done < 2:
            return 0.0
        return (self.done - 1) / ((self._ended or time.monotonic()) - self._first_row_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended = time.monotonic()
        self._store.write_table(self.keys)
        if isinstance(error, KeyboardInterrupt):
            self._store.flush()
            raise Interrupted(
                f"stopped with {self.reused + self.done} of {self._total} {self._noun} done; they "
                f"are in {self._store.folder}, and the same command goes on from there"
            ) from None

    def run(self, tasks: Iterable[Task[P]]) -> None:
        """Run those of some tasks whose rows are not there.

        If ``tasks`` is no sequence, they are taken as the pool asks for them. Raises what a job
        raises, and SweepError if the folder can't be used or the scheduler is lost.
        """
        missing = self._missing(tasks)
        if isinstance(tasks, Sequence):
            missing = list(missing)
        self._tell()
        for outcome in self._pool.outcomes(missing, self._job):
            if isinstance(outcome.found, Exception):
                self.refused[outcome.task.key] = outcome.found
            else:
                self._store.add(outcome.found)
                self.done += 1
                if self._first_row_at is None:
                    self._first_row_at = time.monotonic()
                self._on_row(outcome.task, outcome.found)
            self._tell()

    def _missing(self, tasks: Iterable[Task[Any]]) -> Iterator[Task[Any]]:
        for task in tasks:
            if task.key in self.keys:
                continue
            self.keys[task.key] = None
            if task.key in self._store.rows:
                self.reused += 1
            else:
                yield task

    def _tell(self) -> None:
        self._progress(self.reused + self.done + len(self.refused), self._total)
