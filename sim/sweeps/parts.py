"""Part files of a table: small Parquet files whose names say which parts of the whole they hold."""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from .errors import SweepError
from .files import file_error, replace_file

__all__ = ["Part", "list_parts", "merge_parts", "read_part", "write_part", "write_table"]

_NAME = re.compile(r"(\d{6})-(\d{6})\.parquet")


class Part:
    """Numbers ``first`` to ``last`` of a table that grows; several are in one file once merged."""

    def __init__(self, folder: Path, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.path = folder / f"{first:06}-{last:06}.parquet"

    def holds(self, other: "Part") -> bool:
        """Whether the rows of ``other`` are in here as well."""
        return self.first <= other.first and other.last <= self.last


def list_parts(folder: Path) -> list[Part]:
    """The parts that count, in order.

    A merge puts the whole in place before it removes what it was made of, so after a kill in
    between both are there. What another part holds as well is removed here, and so are files that
    were never finished. Raises SweepError if that fails.
    """
    try:
        for torn in folder.glob(".*.new"):
            torn.unlink()
        names = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
        found = [Part(folder, int(name[1]), int(name[2])) for name in names if name]
        parts: list[Part] = []
        for part in sorted(found, key=lambda part: (part.first, -part.last)):
            if parts and parts[-1].holds(part):
                part.path.unlink()
            else:
                parts.append(part)
    except OSError as error:
        raise file_error("read", folder, error) from error
    return parts


def merge_parts(folder: Path, parts: Sequence[Part], rows: Sequence[Mapping[str, Any]]) -> Part:
    """Put ``rows``, which are those of ``parts``, into one file; a kill loses and doubles none."""
    whole = Part(folder, parts[0].first, parts[-1].last)
    write_part(whole, rows)
    list_parts(folder)
    return whole


def write_part(part: Part, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of equal fields; a dict in a field becomes a Parquet map."""
    columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
    write_table(part.path, pyarrow.table(columns))


def read_part(part: Part) -> list[dict[str, Any]]:
    """The inverse of :func:`write_part`; raises SweepError for a file that is no Parquet."""
    try:
        table = parquet.read_table(BytesIO(part.path.read_bytes()))
    except OSError as error:
        raise file_error("read", part.path, error) from error
    except pyarrow.ArrowException as error:
        raise SweepError(f"{part.path} is damaged; delete it, and its rows are made again") from (
            error
        )
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def write_table(path: Path, table: pyarrow.Table) -> None:
    """Write a Parquet file whole or not at all."""
    content = BytesIO()
    parquet.write_table(table, content)
    replace_file(path, lambda beside: beside.write_bytes(content.getvalue()))


def _column(values: Sequence[Any]) -> pyarrow.Array:
    if not any(isinstance(value, dict) for value in values):
        return pyarrow.array(values)
    items = [list(value.items()) for value in values]
    kind = pyarrow.array([item for row in items for _, item in row]).type
    return pyarrow.array(items, pyarrow.map_(pyarrow.string(), kind))


def _values(column: pyarrow.ChunkedArray) -> list[Any]:
    values = column.to_pylist()
    return [dict(value) for value in values] if pyarrow.types.is_map(column.type) else values
