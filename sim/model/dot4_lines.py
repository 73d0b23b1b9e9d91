"""Lines that the inner loops of the digital convolution read, once for all words of a line.

Four rows of weights and one or four patches are read word by word, side by side. While all of them
stay on their lines, every round of words reads what the one before did: it misses those lines, and
only those, that share a set with another one.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from .work import LINE_BYTES, SETS

__all__ = ["BlockLines", "block_lines"]

WORD_BYTES = 4


class BlockLines(NamedTuple):
    """What blocks of four channels read as they pass a panel of patches."""

    lines: np.ndarray
    """(blocks, reads) int32: in order, but of equal rounds the first only."""
    again: np.ndarray
    """(blocks,) int: lines that the other rounds miss."""


def block_lines(
    row_bytes: int, weights: np.ndarray, patches: np.ndarray, pixels: int
) -> BlockLines:
    """Of rows of ``row_bytes``: ``weights`` (blocks,) are the addresses of each block's first one,
    ``patches`` (blocks,) or (1,) those of the first one of its panel, which has so many ``pixels``.
    Four patches are read together, those that are left one by one."""
    addrs = np.bitwise_or.reduce(weights) | np.bitwise_or.reduce(patches)
    step = _round_bytes(row_bytes, int(addrs))
    own = weights[:, None] + np.arange(4) * row_bytes
    whole = pixels // 4 * 4
    rows = patches[:, None] + np.arange(pixels) * row_bytes
    parts = [
        _part(row_bytes, step, own, rows[:, begin:end].reshape(len(rows), -1, together))
        for begin, end, together in ((0, whole, 4), (whole, pixels, 1))
        if end > begin
    ]
    if len(parts) == 1:
        return parts[0]
    lines, again = zip(*parts, strict=True)
    return BlockLines(np.concatenate(lines, axis=1), sum(again))


def _round_bytes(row_bytes: int, addrs: int) -> int:
    """Of each row, in which all rows stay on their lines. Shorter rows may share lines."""
    if row_bytes < LINE_BYTES:
        return WORD_BYTES
    return math.gcd(row_bytes, addrs, LINE_BYTES)


def _part(row_bytes: int, step: int, own: np.ndarray, groups: np.ndarray) -> BlockLines:
    """``own`` (blocks, 4) and ``groups`` (blocks or 1, groups, patches) are addresses of rows."""
    blocks, (_, count, together) = len(own), groups.shape
    bases = np.empty((blocks, count, 4 + together), np.int32)
    bases[:, :, :4] = own[:, None]
    bases[:, :, 4:] = groups
    offsets = np.arange(0, row_bytes, step, dtype=np.int32)
    if step == LINE_BYTES:
        lines = (bases // LINE_BYTES)[:, :, None] + (offsets // LINE_BYTES)[:, None]
    else:
        lines = (bases[:, :, None] + offsets[:, None]) // LINE_BYTES
    rounds = step // WORD_BYTES
    again = np.zeros(blocks, np.int64)
    if rounds > 1:
        # How lines meet depends on the place in the line only.
        phases = LINE_BYTES // step
        counts = _phase_counts(len(offsets), phases)
        sets = lines[:, :, : len(counts)].astype(np.uint8) % SETS
        sets.sort(axis=-1)
        # Whether each is the same as the one before.
        same = np.zeros((*sets.shape[:-1], 5 + together), bool)
        same[..., 1:-1] = sets[..., 1:] == sets[..., :-1]
        meet = same[..., 1:] | same[..., :-1]
        again = (rounds - 1) * (np.add.reduce(meet, axis=(1, 3)) @ counts)
    return BlockLines(lines.reshape(blocks, -1), again)


@functools.lru_cache(maxsize=1024)
def _phase_counts(steps: int, phases: int) -> np.ndarray:
    """How many of some steps have each place in a line, (places,)."""
    return np.bincount(np.arange(steps) % phases)
