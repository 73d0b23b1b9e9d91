"""Tasks on the workers of a dask cluster, in batches, each group on one worker while that pays."""

import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from distributed import (
    CancelledError,
    Client,
    Future,
    KilledWorker,
    WorkerPlugin,
    get_worker,
    wait,
)

from .errors import SweepError
from .tasks import Job, Outcome, Task, compute

__all__ = ["Cluster"]

P = TypeVar("P")
R = TypeVar("R")

BATCH_SECONDS = 0.5
"""Of work in a batch: long against the ten milliseconds that all of dask spends on it, and short
against the second that rows may wait for their file."""
MOST_IN_BATCH = 256
BATCHES_AHEAD = 2
"""Of each thread: one that runs, and one that waits."""
CHECK_SECONDS = 2.0
"""Workers that died or that are new are seen after this long."""
LONELY_SECONDS = 30.0
"""A cluster may be without workers for this long."""
MOST_DEATHS = 3
"""Of workers at one batch, before it is taken to be the cause."""
LOST = "the scheduler or all its workers were lost; the same command goes on from there"


class Cluster:
    """A :class:`Pool` of a client's workers. Batches of one that dies run on the others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: list[tuple[object, str]] = []

    def outcomes(self, tasks: Iterable[Task[P]], job: Job[P, R]) -> Iterator[Outcome[P, R]]:
        """See :class:`Pool`. All tasks are taken at once."""
        hands = _Hands(tasks)
        if not hands.left:
            return
        flight = _Flight(self._client, self._send(job), hands)
        try:
            while flight.check():
                for batch, found in flight.landed():
                    for task, row in zip(batch.tasks, found, strict=True):
                        yield Outcome(task=task, found=row)
        finally:
            flight.cancel()

    def _send(self, job: Job[P, R]) -> str:
        """Put the job on every worker, once, also on those that begin later; returns its name."""
        for held, name in self._sent:
            if held is job:
                return name
        name = f"tightrope-{uuid.uuid4().hex}"
        self._client.register_plugin(_Held(job), name=name)
        self._sent.append((job, name))
        return name


class _Held(WorkerPlugin):
    """A job that lives on a worker, with all that it remembers.

    Data that is scattered would do the same, but is lost with the last worker that has it.
    """

    def __init__(self, job: Job[Any, Any]) -> None:
        self.job = job


@dataclass
class _Batch(Generic[P]):
    """Some tasks, on a worker."""

    tasks: Sequence[Task[P]]
    worker: str
    deaths: int = 0
    """Workers that died with it."""


class _Flight(Generic[P]):
    """The batches that are on workers.

    Dask could choose workers by itself, but not so that groups stay together; and batches that are
    bound to a worker are ours to rescue when it dies.
    """

    def __init__(self, client: Client, name: str, hands: "_Hands[P]") -> None:
        self._client, self._name, self._hands = client, name, hands
        self._batches: dict[Future, _Batch[P]] = {}
        self._threads: dict[str, int] = {}
        self._looked_at = -CHECK_SECONDS
        self._seen_at = time.monotonic()

    def check(self) -> bool:
        """Whether there is still something to wait for. Sees to the workers now and then."""
        now = time.monotonic()
        if now - self._looked_at >= CHECK_SECONDS:
            self._look_after_workers(now)
            self._looked_at = now
        return bool(self._batches or self._hands.left)

    def landed(self) -> Iterator[tuple[_Batch[P], list[Any]]]:
        """Batches that are done, with what was found for each task; new ones take their places.

        Raises what a job raised, and SweepError for a batch at which workers die.
        """
        if not self._batches:
            time.sleep(CHECK_SECONDS)  # there is no worker
            return
        try:
            with _or_lost(), self._client.as_current():
                done = wait(list(self._batches), CHECK_SECONDS, "FIRST_COMPLETED").done
        except TimeoutError:
            return
        for future in done:
            batch = self._batches.pop(future)
            try:
                found, seconds = _result(future)
            except TimeoutError:
                # The way is slow, or the worker died with the rows, which is seen at the next look.
                self._batches[future] = batch
                continue
            self._hands.took(len(batch.tasks), seconds)
            self._launch(batch.worker)
            yield batch, found

    def cancel(self) -> None:
        """Call back what is on its way."""
        with suppress(CancelledError, OSError):
            self._client.cancel(list(self._batches), force=True)

    def _look_after_workers(self, now: float) -> None:
        with _or_lost():
            threads = self._client.nthreads()
        if threads:
            self._seen_at = now
        elif now - self._seen_at > LONELY_SECONDS:
            raise SweepError(LOST)
        new = {worker: count for worker, count in threads.items() if worker not in self._threads}
        self._threads = threads
        for _ in range(BATCHES_AHEAD * max(new.values(), default=0)):
            for worker in new:
                self._launch(worker)
        orphans = [
            (future, batch)
            for future, batch in self._batches.items()
            if batch.worker not in threads and future.status != "error"
        ]
        for future, batch in orphans if threads else ():
            del self._batches[future]
            self._client.cancel([future], force=True)
            self._rescue(batch)

    def _launch(self, worker: str) -> None:
        tasks = self._hands.deal(worker)
        if tasks:
            self._submit(_Batch(tasks=tasks, worker=worker))

    def _rescue(self, batch: _Batch[P]) -> None:
        """Give a batch whose worker died to another one."""
        batch.deaths += 1
        if batch.deaths >= MOST_DEATHS:
            raise SweepError("workers died again and again on the same points")
        loads = {worker: 0 for worker in self._threads}
        for other in self._batches.values():
            loads[other.worker] = loads.get(other.worker, 0) + 1
        batch.worker = min(self._threads, key=loads.__getitem__, default=batch.worker)
        self._submit(batch)

    def _submit(self, batch: _Batch[P]) -> None:
        if self._client.status != "running":
            raise SweepError(LOST)
        with _or_lost():
            future = self._client.submit(
                _compute_all, self._name, batch.tasks, pure=False, workers=[batch.worker]
            )
        self._batches[future] = batch


class _Hands(Generic[P]):
    """What is left to do, by group; deals batches of about :data:`BATCH_SECONDS`.

    A worker goes on with its group, then with others of the family. Where no family is new, it
    begins at the far end of the one that has most left, so that workers rarely do the same work
    twice.
    """

    def __init__(self, tasks: Iterable[Task[P]]) -> None:
        self._groups: dict[str, deque[Task[P]]] = {}
        self._new: dict[str, deque[str]] = {}
        self._family: dict[str, str] = {}
        for task in tasks:
            if task.group not in self._groups:
                self._groups[task.group] = deque()
                self._new.setdefault(task.family, deque()).append(task.group)
                self._family[task.group] = task.family
            self._groups[task.group].append(task)
        self._group_of: dict[str, str] = {}
        self._helpers: set[str] = set()
        self._size = 1

    @property
    def left(self) -> int:
        """Tasks that nobody has."""
        return sum(map(len, self._groups.values()))

    def deal(self, worker: str) -> list[Task[P]]:
        """The next batch of a worker."""
        name = self._group_of.get(worker)
        if name is None or not self._groups[name]:
            name = self._group_of[worker] = self._next_group(worker)
        group = self._groups[name]
        take = group.pop if worker in self._helpers else group.popleft
        return [take() for _ in range(min(self._size, len(group)))]

    def took(self, tasks: int, seconds: float) -> None:
        """Learn from a batch how many tasks the next one should have."""
        fitting = int(tasks * BATCH_SECONDS / max(seconds, 1e-6))
        self._size = max(1, min(fitting, 2 * self._size, MOST_IN_BATCH))

    def _next_group(self, worker: str) -> str:
        """A new one of its family or of a new one, else of any; if there is none, what others do
        and has most left, from its end."""
        begun = {self._family[name] for name in self._group_of.values()}
        own = self._family.get(self._group_of.get(worker, ""))
        if own is not None and self._new[own]:
            return self._new[own].popleft()
        for family, names in self._new.items():
            if names and family not in begun:
                return names.popleft()
        found = max(self._new.values(), key=self._size_of)
        if found:
            return found.pop()
        self._helpers.add(worker)
        return max(self._groups, key=lambda name: len(self._groups[name]))

    def _size_of(self, names: Iterable[str]) -> int:
        return sum(len(self._groups[name]) for name in names)


def _compute_all(name: str, tasks: Sequence[Task[P]]) -> tuple[list[Any], float]:
    """On a worker: what was found for each task, and the seconds that it took."""
    began = time.perf_counter()
    job = get_worker().plugins[name].job
    found = [compute(job, task).found for task in tasks]
    return found, time.perf_counter() - began


def _result(future: Future) -> tuple[list[Any], float]:
    """What a batch found, and the seconds it took.

    Raises what its job raised, SweepError if it kills workers, and TimeoutError if it is lost.
    """
    if future.status == "error":
        error = future.exception()
        if isinstance(error, KilledWorker):
            raise SweepError("workers died again and again on the same points") from error
        raise error
    with _or_lost():
        return future.result(timeout=CHECK_SECONDS)


@contextmanager
def _or_lost() -> Iterator[None]:
    """Around what is asked of the scheduler, so that a job's own errors are not taken for its."""
    try:
        yield
    except TimeoutError:
        raise
    except (CancelledError, OSError) as error:
        raise SweepError(LOST) from error
