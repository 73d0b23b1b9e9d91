"""Tasks on the workers of a dask cluster, in batches, each group on one worker while that pays."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from distributed import CancelledError, Client, Future, KilledWorker, as_completed

from .errors import SweepError
from .tasks import Job, Outcome, Task, compute

__all__ = ["Cluster"]

P = TypeVar("P")
R = TypeVar("R")

BATCH_SECONDS = 0.3
"""Of work in a batch: long against the millisecond that a scheduler spends on it, and short
against the second that rows may wait for their file."""
MOST_IN_BATCH = 256
BATCHES_AHEAD = 2
"""Of each thread: one that runs, and one that waits."""


class Cluster:
    """A :class:`Pool` of the workers that a client has when it begins.

    Should one of them die, its batches run on the others.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: dict[int, tuple[object, Future]] = {}

    def outcomes(self, tasks: Iterable[Task[P]], job: Job[P, R]) -> Iterator[Outcome[P, R]]:
        """See :class:`Pool`. All tasks are taken at once."""
        hands = _Hands(tasks)
        if not hands.left:
            return
        sent = self._send(job)
        running = as_completed(loop=self._client.loop)
        batches: dict[Future, tuple[str, Sequence[Task[P]]]] = {}

        def submit(worker: str) -> None:
            if batch := hands.deal(worker):
                future = self._client.submit(
                    _compute_all, sent, batch,
                    pure=False, workers=[worker], allow_other_workers=True,
                )  # fmt: skip
                batches[future] = (worker, batch)
                running.add(future)

        try:
            for worker in self._threads() * BATCHES_AHEAD:
                submit(worker)
            for future in running:
                worker, batch = batches.pop(future)
                found, seconds = _result(future)
                hands.took(len(batch), seconds)
                submit(worker)
                for task, row in zip(batch, found, strict=True):
                    yield Outcome(task=task, found=row)
        finally:
            self._client.cancel(list(batches), force=True)

    def _threads(self) -> list[str]:
        """The address of each worker, as often as it has threads; one of each first."""
        threads = self._client.nthreads()
        most = max(threads.values(), default=0)
        return [worker for turn in range(most) for worker in threads if turn < threads[worker]]

    def _send(self, job: Job[P, R]) -> Future:
        """The job on every worker: sent when it is first asked for."""
        if id(job) not in self._sent:
            future = self._client.scatter(job, broadcast=True, hash=False)
            self._sent[id(job)] = (job, future)
        return self._sent[id(job)][1]


class _Hands(Generic[P]):
    """What is left to do, by group; deals batches of about :data:`BATCH_SECONDS`."""

    def __init__(self, tasks: Iterable[Task[P]]) -> None:
        self._groups: dict[str, deque[Task[P]]] = {}
        for task in tasks:
            self._groups.setdefault(task.group, deque()).append(task)
        self._new = deque(self._groups)
        self._group_of: dict[str, str] = {}
        self._size = 1

    @property
    def left(self) -> int:
        """Tasks that nobody has."""
        return sum(map(len, self._groups.values()))

    def deal(self, worker: str) -> list[Task[P]]:
        """The next batch of a worker: of its group, of a new one, or of the one that has most."""
        name = self._group_of.get(worker)
        if name is None or not self._groups[name]:
            name = self._new.popleft() if self._new else self._largest()
            self._group_of[worker] = name
        group = self._groups[name]
        return [group.popleft() for _ in range(min(self._size, len(group)))]

    def took(self, tasks: int, seconds: float) -> None:
        """Learn from a batch how many tasks the next one should have."""
        fitting = int(tasks * BATCH_SECONDS / max(seconds, 1e-6))
        self._size = max(1, min(fitting, 2 * self._size, MOST_IN_BATCH))

    def _largest(self) -> str:
        return max(self._groups, key=lambda name: len(self._groups[name]))


def _compute_all(job: Job[P, R], tasks: Sequence[Task[P]]) -> tuple[list[R | Exception], float]:
    """On a worker: what was found for each task, and the seconds that it took."""
    began = time.perf_counter()
    found = [compute(job, task).found for task in tasks]
    return found, time.perf_counter() - began


def _result(future: Future) -> Any:
    """What a batch found; raises what its job raised, and SweepError if the cluster is gone."""
    if future.status == "error":
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise SweepError("workers died again and again on the same points") from error
        raise error
    try:
        return future.result()
    except (CancelledError, OSError) as error:
        raise SweepError("the scheduler was lost; the same command goes on from there") from error
