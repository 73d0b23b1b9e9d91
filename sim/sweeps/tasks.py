"""Tasks: what is to be computed, and by what."""

import dataclasses
from typing import Generic, Protocol, TypeVar

__all__ = ["Job", "Outcome", "Task", "compute"]

P = TypeVar("P")
R = TypeVar("R")
P_in = TypeVar("P_in", contravariant=True)
R_out = TypeVar("R_out", covariant=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task(Generic[P]):
    """One row to compute."""

    key: str
    """Names everything that the row depends on: equal keys mean equal rows."""
    payload: P
    """What the job is given."""
    group: str = ""
    """Tasks of one group share work that a worker remembers, so they best run on the same one."""
    family: str = ""
    """Groups of one family share some, too."""


class Job(Protocol[P_in, R_out]):
    """Computes rows. It is sent to each worker once, and may remember what rows share."""

    refusals: tuple[type[Exception], ...]
    """Errors that mean a task has no row; any other ends the run."""

    def row(self, key: str, payload: P_in) -> R_out:
        """The row of a task."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome(Generic[P, R]):
    """A task that has run."""

    task: Task[P]
    found: R | Exception
    """Its row, or one of the job's refusals."""


def compute(job: Job[P, R], task: Task[P]) -> Outcome[P, R]:
    """Run a task here and now; raises what the job raises and doesn't refuse with."""
    try:
        return Outcome(task=task, found=job.row(task.key, task.payload))
    except job.refusals as error:
        return Outcome(task=task, found=error)
