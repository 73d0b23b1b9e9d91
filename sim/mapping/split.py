"""Cutting a layer: ranges of pixels and channels, rows and columns of its weight matrix."""

import functools
import itertools
from collections.abc import Sequence

__all__ = [
    "Range",
    "round_up",
    "split_by_weight",
    "split_columns",
    "split_evenly",
    "split_full",
    "split_rows",
]

Range = tuple[int, int]
"""(first, one past the last)."""

ROW_UNIT = 8
"""Blocks begin at multiples of this in the patch, so that firmware queues aligned words."""
COLUMN_UNIT = 4
"""Channels per output word; windows begin and end at multiples of it."""


def round_up(value: int, unit: int) -> int:
    """The smallest multiple of ``unit`` that is not below ``value``."""
    return -(-value // unit) * unit


def split_evenly(total: int, parts: int, unit: int = 1) -> list[Range]:
    """``parts`` consecutive ranges that cover 0 .. ``total``.

    They begin at multiples of ``unit`` and differ by at most one unit (the end of ``total`` apart);
    the first are the longest, and the last are empty if there are fewer units than parts.
    """
    return list(_even_parts(total, parts, unit))


@functools.lru_cache(maxsize=4096)
def _even_parts(total: int, parts: int, unit: int) -> tuple[Range, ...]:
    each, extra = divmod(-(-total // unit), parts)
    edges = [min(total, unit * (part * each + min(part, extra))) for part in range(parts + 1)]
    return tuple(itertools.pairwise(edges))


def split_by_weight(total: int, weights: Sequence[float], unit: int = 1) -> list[Range]:
    """Consecutive ranges that cover 0 .. ``total``, each as large as its weight asks for.

    They begin at multiples of ``unit``; weights are not below 0, and one is above.
    """
    whole = sum(weights)
    edges = [0]
    for done in itertools.accumulate(weights):
        edge = round(total / unit * done / whole) * unit
        edges.append(min(total, edge) if done < whole else total)
    return list(zip(edges, edges[1:], strict=False))


def split_rows(patch: int, rows: int) -> list[Range]:
    """The rows of a weight matrix in as few balanced blocks as a tile of ``rows`` allows.

    Blocks have equal sizes, rounded up to eight rows; the last one is what is left. ``rows`` is a
    multiple of eight, so the last one is never empty.
    """
    count = -(-patch // rows)
    size = round_up(-(-patch // count), ROW_UNIT)
    return [(begin, min(begin + size, patch)) for begin in range(0, patch, size)]


def split_columns(channels: Range, cols: int) -> list[Range]:
    """``channels`` in as few balanced groups of at most ``cols`` (a multiple of four) as possible.

    Groups are multiples of four channels, except the last.
    """
    begin, end = channels
    units = -(-(end - begin) // COLUMN_UNIT)
    count = -(-units // (cols // COLUMN_UNIT))
    return [
        (begin + first, begin + last)
        for first, last in split_evenly(end - begin, max(count, 1), COLUMN_UNIT)
    ]


def split_full(whole: Range, size: int) -> list[Range]:
    """``whole`` in ranges of ``size``, the last of what is left."""
    begin, end = whole
    return [(first, min(first + size, end)) for first in range(begin, end, size)]
