"""The free space of tiles' arrays, and how a group of blocks takes its windows from it."""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

from tightrope.hw.config import TileConfig

from .plan import Block, Group
from .split import COLUMN_UNIT, Range, round_up

__all__ = [
    "GROUP_BLOCKS_MAX",
    "FreeSpace",
    "Window",
    "best_fit",
    "block_at",
    "cut_window",
    "is_exact",
    "place_group",
]


GROUP_BLOCKS_MAX = 64
"""Blocks of a resident group that firmware can queue, as ``kernels.h`` has it."""


class Window(NamedTuple):
    """A rectangle of one array, in word lines and bit lines."""

    row: int
    col: int
    rows: int
    cols: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class FreeSpace:
    """What is free on each tile of a pool: disjoint windows. Never changed, only replaced."""

    tiles: tuple[tuple[Window, ...], ...]
    used: tuple[bool, ...]
    """Which tiles hold something."""

    @classmethod
    def empty(cls, count: int, tile: TileConfig) -> "FreeSpace":
        """``count`` tiles with nothing on them."""
        whole = Window(row=0, col=0, rows=tile.rows, cols=tile.cols)
        return cls(tiles=((whole,),) * count, used=(False,) * count)

    @functools.cached_property
    def cells(self) -> int:
        """That are free, whatever their shape."""
        return sum(window.rows * window.cols for tile in self.tiles for window in tile)

    def fit(self, tile: int, rows: int, cols: int) -> tuple[int, int] | None:
        """``(leftover, index)`` as of :func:`best_fit`, of a tile's free windows."""
        return best_fit(self.tiles[tile], rows, cols)

    def take(self, tile: int, rows: int, cols: int) -> tuple["FreeSpace", Window] | None:
        """The space that is left, and the window; None if it does not fit on ``tile``."""
        found = self.fit(tile, rows, cols)
        if found is None:
            return None
        left, window = cut_window(self.tiles[tile], found[1], rows, cols)
        tiles = (*self.tiles[:tile], left, *self.tiles[tile + 1 :])
        used = (*self.used[:tile], True, *self.used[tile + 1 :])
        return FreeSpace(tiles=tiles, used=used), window


def is_exact(tile: TileConfig) -> bool:
    """Whether a tile computes what digital code does: all of each weight and of each sum."""
    return tile.adc_bits == 32 and tile.weight_bits == 8


@functools.lru_cache(maxsize=65536)
def best_fit(windows: tuple[Window, ...], rows: int, cols: int) -> tuple[int, int] | None:
    """``(leftover, index)`` of the free window that ``rows`` x ``cols`` fills best, or None.

    The leftover is that of the tighter side: the smaller, the less is wasted.
    """
    fits = [
        (min(free.rows - rows, free.cols - cols), index)
        for index, free in enumerate(windows)
        if free.rows >= rows and free.cols >= cols
    ]
    return min(fits, default=None)


def cut_window(
    windows: Sequence[Window], index: int, rows: int, cols: int
) -> tuple[tuple[Window, ...], Window]:
    """The free windows that are left when one gives ``rows`` x ``cols`` away, and what it gave.

    It is cut once along each side of the new one (a guillotine), so that the larger of the two
    rests stays whole.
    """
    free = windows[index]
    below, beside = free.rows - rows, free.cols - cols
    full_width = below * free.cols >= beside * free.rows
    rests = (
        Window(
            row=free.row + rows,
            col=free.col,
            rows=below,
            cols=free.cols if full_width else cols,
        ),
        Window(
            row=free.row,
            col=free.col + cols,
            rows=rows if full_width else free.rows,
            cols=beside,
        ),
    )
    kept = [window for window in windows if window is not free]
    kept += [window for window in rests if window.rows and window.cols]
    return tuple(kept), Window(row=free.row, col=free.col, rows=rows, cols=cols)


def block_at(tile: int, window: Window, k_begin: int) -> Block:
    """The block that fills a window of a tile."""
    return Block(
        tile=tile,
        row_begin=window.row,
        row_count=window.rows,
        col_begin=window.col,
        col_count=window.cols,
        k_begin=k_begin,
    )


def place_group(
    space: FreeSpace,
    rows: list[Range],
    channels: Range,
    *,
    hart: int = 0,
    avoid: tuple[int, ...] = (),
) -> tuple[FreeSpace, Group] | None:
    """Windows for one group: a block for each range of ``rows``, all of the group's ``channels``.

    Blocks on different tiles are computed at the same time, so a tile holds one block of a group
    unless the pool has fewer tiles than the group has blocks; then they are dealt evenly. (A tile
    buffers two inputs and two outputs; firmware never has more than two MVMs in flight on one, and
    takes the oldest result first.) Tiles in ``avoid`` are the less welcome the more often they are
    listed. Returns the space that is left and the group; None if there is no room, or for more
    blocks than firmware can queue (64).
    """
    if len(rows) > GROUP_BLOCKS_MAX:
        return None
    cols = round_up(channels[1] - channels[0], COLUMN_UNIT)
    limit = -(-len(rows) // len(space.tiles))
    blocks: list[Block] = []
    for begin, end in rows:
        tile = _best_tile(space, (end - begin, cols), blocks, limit, avoid)
        taken = None if tile is None else space.take(tile, end - begin, cols)
        if tile is None or taken is None:
            return None
        space, window = taken
        blocks.append(block_at(tile, window, begin))
    group = Group(
        channel_begin=channels[0],
        channel_count=channels[1] - channels[0],
        blocks=tuple(blocks),
        hart=hart,
    )
    return space, group


def _best_tile(
    space: FreeSpace,
    size: tuple[int, int],
    blocks: list[Block],
    limit: int,
    avoid: tuple[int, ...],
) -> int | None:
    """Where the next block goes: few of the group's ``blocks``, then welcome, then a tight fit."""
    here = collections.Counter([block.tile for block in blocks])
    unwelcome = collections.Counter(avoid)
    best: tuple[int, int, int, int] | None = None
    seen: set[tuple[int, int, int]] = set()
    for tile, windows in enumerate(space.tiles):
        counts = (here.get(tile, 0), unwelcome.get(tile, 0))
        alike = (id(windows), *counts)
        # Of tiles that are alike the first one is taken, and most are.
        if not windows or counts[0] >= limit or alike in seen:
            continue
        seen.add(alike)
        found = best_fit(windows, *size)
        if found is not None:
            choice = (*counts, found[0], tile)
            if best is None or choice < best:
                best = choice
    return None if best is None else best[-1]
