"""Where tasks run: in this process, on a cluster of this machine, or on one that is there."""

import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, Self, TypeVar

from .errors import SweepError
from .tasks import Job, Outcome, Task, compute

__all__ = ["FEW_TASKS", "InProcess", "Pool", "Workers"]

P = TypeVar("P")
R = TypeVar("R")

FEW_TASKS = 200
"""With fewer tasks the seconds that a cluster takes to start are not worth it."""
SECONDS_TO_CONNECT = 5.0
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}
"""Of dask: else each worker looks a hundred times a second at what it is doing, and wakes fifty
times to see whether it is late."""


class Pool(Protocol):
    """Runs tasks; the caller's process only takes what comes out."""

    def outcomes(self, tasks: Iterable[Task[P]], job: Job[P, R]) -> Iterator[Outcome[P, R]]:
        """Each task's outcome, in any order, soon after it is there."""
        ...


class InProcess:
    """Runs tasks here, one after the other, in order."""

    def outcomes(self, tasks: Iterable[Task[P]], job: Job[P, R]) -> Iterator[Outcome[P, R]]:
        """See :class:`Pool`. A task is taken when the one before it is done."""
        for task in tasks:
            yield compute(job, task)


class Workers:
    """A :class:`Pool` that is opened when there is something to do; a context manager.

    ``scheduler`` is the address of a dask scheduler; its workers must have this very version of
    the code. Without one there is a worker process for each CPU, or ``workers`` of them, on
    this machine and open to no other; for one worker or a few tasks it is this process. What runs
    in this process is taken one by one, everything else at once.
    """

    def __init__(self, *, scheduler: str | None = None, workers: int | None = None) -> None:
        self._scheduler, self._workers = scheduler, workers
        self._held = ExitStack()
        self._cluster: Pool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._cluster = None
        self._held.close()

    def outcomes(self, tasks: Iterable[Task[P]], job: Job[P, R]) -> Iterator[Outcome[P, R]]:
        """See :class:`Pool`.

        Raises SweepError for a scheduler that doesn't answer, has no workers, or workers with
        other code.
        """
        count = len(tasks) if isinstance(tasks, Sequence) else 1
        return self._pool(count).outcomes(tasks, job)

    def _pool(self, tasks: int) -> Pool:
        workers = self._workers
        if workers is None:
            workers = len(os.sched_getaffinity(0)) if tasks >= FEW_TASKS else 1
        if self._cluster is None and self._scheduler is not None:
            self._cluster = _cluster(self._held.enter_context(_remote_client(self._scheduler)))
        if self._cluster is None and workers > 1 and tasks:
            self._cluster = _cluster(self._held.enter_context(_local_client(workers)))
        return self._cluster or InProcess()


def _cluster(client: Any) -> Pool:
    # Half a second to import, which those who need no cluster don't pay.
    from .cluster import Cluster

    return Cluster(client)


@contextmanager
def _local_client(workers: int) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory(prefix="tightrope-dask-") as folder:
        with dask.config.set(QUIET), _deaf_to_ctrl_c():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=0,
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
        # Rows come straight from the workers: through the scheduler they cost this process more.
        with cluster, Client(cluster, set_as_default=False, direct_to_workers=True) as client:
            yield client


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that begin in here ignore SIGINT, which a terminal sends to all of a group.

    It is for this process, which tells the others; they would end in the midst of a task. In the
    second or two that this takes nobody hears it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say so, and it alone is interrupted
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _remote_client(address: str) -> Iterator[Any]:
    from distributed import Client

    from .code import check_workers

    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        raise SweepError(f"no dask scheduler answers at {address}") from error
    with client:
        check_workers(client, address)
        yield client
