"""Runs of bytes that queue in sw/kernels/tile_io.inc hands to a tile, for a slice of one patch."""

import functools

from .pixels import PixelClass

__all__ = ["READ", "Run", "runs_of"]

READ = ("aligned", "unaligned")
"""Kinds of runs that are read from the input, not filled."""

Run = tuple[str, int]
"""What it is and how many bytes: "left" and "right" padding or a whole "row" of it, or bytes of the
input that begin at a word, or don't."""


@functools.lru_cache(maxsize=65536)
def runs_of(
    where: PixelClass, kernel_w: int, channels: int, k_begin: int, count: int
) -> tuple[Run, ...]:
    """Those of ``count`` bytes of a patch, from ``k_begin`` on, in order."""
    runs: list[Run] = []
    row_bytes = kernel_w * channels
    begin, k_end = k_begin % row_bytes, k_begin + count
    for ky in range(k_begin // row_bytes, -(-k_end // row_bytes)):
        end = min(row_bytes, k_end - ky * row_bytes)
        if where.ky[0] <= ky < where.ky[1]:
            left, right = (min(x * channels, end) for x in where.kx)
            left = max(begin, left)
            right = max(left, right)
            phase = (where.phase + ky * where.row_step + left) % 4
            runs.append(("left", left - begin))
            runs.append((READ[phase != 0], right - left))
            runs.append(("right", end - right))
        else:
            runs.append(("row", end - begin))
        begin = 0
    return tuple((kind, size) for kind, size in runs if size > 0)
