"""Ranges of pixels and channels or groups as chunks, and shares cut so that others can help."""

import functools
import itertools
from collections.abc import Sequence

from .plan import Chunk
from .split import Range, round_up, split_evenly

__all__ = ["PIXEL_UNIT", "cut_evenly", "cut_in_halves", "make_chunks", "one_after_another"]

PIXEL_UNIT = 4
"""Pixels that the DOT4 kernel computes together."""
HALVES_MAX = 3
"""Pieces of a chunk that may be taken from a hart that is late: a half, a quarter, a quarter."""


def make_chunks(pixels: Sequence[Range], others: Sequence[Range]) -> list[Chunk]:
    """Every range of pixels with every range of channels or groups, empty ones left out."""
    return [
        Chunk(*pixel, *other)
        for pixel in pixels
        for other in others
        if pixel[1] > pixel[0] and other[1] > other[0]
    ]


def cut_in_halves(share: Sequence[Chunk], least: int) -> list[Chunk]:
    """Each chunk's first half, half of the rest, and the rest, of ``least`` pixels or more.

    A hart that is not late then loses little by having pieces instead of one chunk.
    """
    found: list[Chunk] = []
    for chunk in share:
        first = chunk.pixel_begin
        edges = _halves(chunk.pixel_end - first, least)
        found += [_of_pixels(chunk, first + begin, first + end) for begin, end in edges]
    return found


@functools.lru_cache(maxsize=4096)
def _halves(pixels: int, least: int) -> tuple[Range, ...]:
    edges = [0]
    for _ in range(HALVES_MAX - 1):
        left = pixels - edges[-1]
        half = round_up(max(least, left // 2), PIXEL_UNIT)
        if left < half + least:
            break
        edges.append(edges[-1] + half)
    return tuple(itertools.pairwise([*edges, pixels]))


def _of_pixels(chunk: Chunk, begin: int, end: int) -> Chunk:
    """A part of a chunk. There are many, and ``_replace`` takes three times as long."""
    return Chunk(begin, end, chunk.begin, chunk.end, chunk.body)


def cut_evenly(share: Sequence[Chunk], count: int, least: int) -> list[Chunk]:
    """Each chunk in up to ``count`` pieces of about equal numbers of pixels, ``least`` or more."""
    found: list[Chunk] = []
    for chunk in share:
        pixels = chunk.pixel_end - chunk.pixel_begin
        ranges = split_evenly(pixels, max(1, min(count, pixels // least)))
        first = chunk.pixel_begin
        found += [_of_pixels(chunk, first + begin, first + end) for begin, end in ranges]
    return found


def one_after_another(
    shares: Sequence[Sequence[Chunk]],
) -> tuple[tuple[Chunk, ...], tuple[int, ...]]:
    """The harts' shares as ``chunks`` and ``hart_first`` of a plan."""
    edges = itertools.accumulate((len(share) for share in shares), initial=0)
    return tuple(chunk for share in shares for chunk in share), tuple(edges)
