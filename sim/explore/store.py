"""Rows on disk as they come: a journal that survives a kill, and results.parquet made of it."""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Protocol, Self, TypeVar

from .errors import ExploreError
from .files import file_error, replace_file

__all__ = ["JOURNAL_NAME", "ResultStore", "StoredRow", "TABLE_NAME"]

JOURNAL_NAME = "results.jsonl"
TABLE_NAME = "results.parquet"
SYNC_SECONDS = 0.5
"""Rows of at most this long are lost if the machine (not the program) dies."""


class StoredRow(Protocol):
    """What a store needs of its rows."""

    @property
    def key(self) -> str:
        """Names all that the row depends on."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
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

    Every row is appended to ``results.jsonl`` as a line of its own the moment it exists, so a
    killed sweep loses nothing. A line that was cut short by a full disk or a kill is removed.
    Raises ExploreError if the folder can't be used.
    """

    def __init__(self, folder: Path, kind: type[R]) -> None:
        self.folder = folder
        self.kind = kind
        self.rows: dict[str, R] = {}
        self._journal = folder / JOURNAL_NAME
        self._end = 0
        self._synced_at = 0.0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = open(self._journal, "a+b", buffering=0)  # noqa: SIM115 (held)
        except OSError as error:
            raise file_error("write to", folder, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ExploreError(f"{folder} is in use by another tightrope") from error
        self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, row: R) -> None:
        """Append a row; if that fails the journal is as it was, and ExploreError is raised."""
        line = json.dumps(row.to_dict()).encode() + b"\n"
        try:
            self._append(line)
        except BaseException as error:
            os.ftruncate(self._file.fileno(), self._end)
            if isinstance(error, OSError):
                raise file_error("write", self._journal, error) from error
            raise
        self._end += len(line)
        self.rows[row.key] = row

    def write_table(self, keys: Iterable[str]) -> None:
        """Put the rows of these keys, in this order, into ``results.parquet``."""
        rows = [self.rows[key] for key in keys if key in self.rows]
        if rows:
            replace_file(self.folder / TABLE_NAME, lambda path: _write_parquet(path, rows))

    def _append(self, line: bytes) -> None:
        view = memoryview(line)
        while view:
            view = view[self._file.write(view) :]
        if time.monotonic() - self._synced_at > SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced_at = time.monotonic()

    def _read(self) -> None:
        try:
            self._file.seek(0)
            content = self._file.read()
            self._end = content.rfind(b"\n") + 1
            if self._end < len(content):
                os.ftruncate(self._file.fileno(), self._end)
        except OSError as error:
            raise file_error("read", self._journal, error) from error
        for line in content[: self._end].splitlines():
            try:
                row = self.kind.from_dict(json.loads(line))
            except (ValueError, TypeError):
                continue  # from another version: its key would never be asked for
            self.rows[row.key] = row


def _write_parquet(path: Path, rows: Sequence[StoredRow]) -> None:
    import pyarrow
    from pyarrow import parquet

    flat = [row.flat() for row in rows]
    columns: dict[str, Any] = {name: None for row in flat for name in row}
    data = {name: [row.get(name, 0.0) for row in flat] for name in columns}
    parquet.write_table(pyarrow.table(data), path)
