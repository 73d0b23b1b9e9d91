"""Runs a sweep: every point once, kept on disk as it comes, and resumed where it was left."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import Interrupted
from .evaluate import Evaluator
from .points import Point
from .rows import Row
from .store import ResultStore

__all__ = ["SweepResult", "run_sweep"]

TABLE_SECONDS = 2.0
"""results.parquet is brought up to date at most this often during a sweep."""

Progress = Callable[[int, int], None]
"""Called with points done and points in all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SweepResult:
    """The rows of a sweep, in the order of its points."""

    points: tuple[Point, ...]
    rows: tuple[Row, ...]
    reused: int
    """Rows that were there already."""
    seconds: float
    """Spent on the others."""


def run_sweep(
    evaluator: Evaluator,
    points: Sequence[Point],
    folder: Path,
    progress: Progress = lambda done, total: None,
) -> SweepResult:
    """Evaluate ``points``, except those whose rows ``folder`` already holds.

    Raises ExploreError if the folder can't be used or its disk is full, Interrupted on Ctrl-C; in
    either case every finished row is on disk, and the same call goes on from there.
    """
    keys = [evaluator.key(point) for point in points]
    with ResultStore(folder, Row) as store:
        missing = [index for index, key in enumerate(keys) if key not in store.rows]
        began = written = time.monotonic()
        try:
            for count, index in enumerate(missing):
                progress(len(keys) - len(missing) + count, len(keys))
                store.add(evaluator.row(points[index]))
                if time.monotonic() - written > TABLE_SECONDS:
                    store.write_table(keys)
                    written = time.monotonic()
            progress(len(keys), len(keys))
            store.write_table(keys)
        except KeyboardInterrupt:
            store.write_table(keys)
            done = sum(key in store.rows for key in keys)
            raise Interrupted(_stopped(done, len(keys), folder)) from None
        return SweepResult(
            points=tuple(points),
            rows=tuple(store.rows[key] for key in keys),
            reused=len(keys) - len(missing),
            seconds=time.monotonic() - began,
        )


def _stopped(done: int, total: int, folder: Path) -> str:
    return (
        f"stopped with {done} of {total} points done; they are in {folder}, "
        "and the same command goes on from there"
    )
