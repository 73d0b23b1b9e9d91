"""Rows on disk as they come: part files that survive a kill, and results.parquet made of them."""

import fcntl
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import pyarrow

from .errors import SweepError
from .files import file_error
from .parts import Part, list_parts, merge_parts, read_part, write_part, write_table

__all__ = ["PARTS_NAME", "ResultStore", "StoredRow", "TABLE_NAME"]

PARTS_NAME = "results.parts"
TABLE_NAME = "results.parquet"
FLUSH_SECONDS = 1.0
"""Rows of about this long wait for their part file."""
MOST_PARTS = 32
"""More of them become one the next time a store is opened."""


class StoredRow(Protocol):
    """What a store needs of its rows."""

    @property
    def key(self) -> str:
        """Names all that the row depends on."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data: numbers, texts, and dicts of them."""
        ...

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; TypeError if the fields differ."""
        ...

    def flat(self) -> dict[str, Any]:
        """One value per column of the table."""
        ...


R = TypeVar("R", bound=StoredRow)


class ResultStore(Generic[R]):
    """The rows of a folder, all of one kind, by key; a context manager that holds its lock.

    Rows are written once: every second or so, those that are new become a file of their own in
    ``results.parts``, which is whole or absent. So a kill at any moment loses the rows of the last
    second, and doubles none. With ``flush_seconds`` 0 each row is a file at once. Leaving the
    context writes what is left. Raises SweepError if the folder can't be used.
    """

    def __init__(self, folder: Path, kind: type[R], flush_seconds: float | None = None) -> None:
        self.folder = folder
        self.kind = kind
        self.rows: dict[str, R] = {}
        self._flush_seconds = FLUSH_SECONDS if flush_seconds is None else flush_seconds
        self._parts = folder / PARTS_NAME
        self._fresh: list[R] = []
        self._flushed_at = -self._flush_seconds
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._parts, os.O_RDONLY)
        except OSError as error:
            raise file_error("write to", folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._next = self._read()
        except OSError as error:
            os.close(self._lock)
            raise SweepError(f"{folder} is in use by another tightrope") from error
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if not isinstance(error, SweepError):
                self.flush()
        finally:
            os.close(self._lock)

    def add(self, row: R) -> None:
        """Keep a row; one whose key is there already changes nothing.

        Raises SweepError if a part can't be written; those before it are then as they were.
        """
        if row.key in self.rows:
            return
        self.rows[row.key] = row
        self._fresh.append(row)
        if time.monotonic() - self._flushed_at >= self._flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are in no file yet.

        Stopped in mid-way, it may be called again: the same file then has the same rows and more.
        """
        if self._fresh:
            part = Part(self._parts, self._next, self._next)
            write_part(part, [row.to_dict() for row in self._fresh])
            self._fresh, self._next = [], self._next + 1
            self._flushed_at = time.monotonic()

    def write_table(self, keys: Iterable[str]) -> None:
        """Put the rows of these keys, in this order, into ``results.parquet``."""
        rows = [self.rows[key] for key in keys if key in self.rows]
        if rows:
            write_table(self.folder / TABLE_NAME, _flat_table(rows))

    def _read(self) -> int:
        """Take in what is there; returns the number of the next part."""
        parts = list_parts(self._parts)
        content = [read_part(part) for part in parts]
        fields = {tuple(row) for rows in content for row in rows[:1]}
        if len(parts) > MOST_PARTS and len(fields) == 1:
            merge_parts(self._parts, parts, [row for rows in content for row in rows])
        for data in (row for rows in content for row in rows):
            try:
                row = self.kind.from_dict(data)
            except TypeError:
                continue  # from another version: its key would never be asked for
            self.rows[row.key] = row
        return parts[-1].last + 1 if parts else 0


def _flat_table(rows: Sequence[StoredRow]) -> pyarrow.Table:
    flat = [row.flat() for row in rows]
    columns: dict[str, Any] = {name: None for row in flat for name in row}
    return pyarrow.table({name: [row.get(name, 0.0) for row in flat] for name in columns})
