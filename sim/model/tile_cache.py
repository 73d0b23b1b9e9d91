"""Data cache misses of the loops over pixels in conv_tile.c: a sample of them, walked line by line.

What a pixel reads lies at known places of the cache (``places``), so which lines drive out which
follows from the layer's shape and plan.
"""

import dataclasses
import functools

import numpy as np
from tightrope.sim.image.layout import BLOCK, size_bytes
from tightrope.sim.mapping.plan import Group
from tightrope.sim.workload.layers import Layer

from .cache_lines import direct_mapped_misses
from .input_lines import lines_of_patches
from .places import Places
from .work import CACHE_BYTES, LINE_BYTES

__all__ = ["TileTables", "misses_per_pixel", "table_lines"]

WINDOW_PIXELS = 16
WARM_PIXELS = 2
WINDOWS_MAX = 6
"""Of a layer that are walked."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _INPUT, _ACC, _CODE_DATA = 0, _FAR, 2 * _FAR, 3 * _FAR
_LAYER = tuple(range(3568, 3776, LINE_BYTES))
"""The layer's descriptor, in the frame of ``main``."""
_ONE_BLOCK = {"loop": (3328, 3360, 3392, 3424), "queue": (3264, 3296), "take": (3264, 3296)}
_MANY_BLOCKS = {"loop": (2480, 2496, 2528, 3424, 3456), "queue": (2416, 2432, 2464),
                "take": (2416, 2432, 2464)}  # fmt: skip
"""Stack that run_block and run_blocks, queue and finish use for each MVM: as the compiler has it,
addresses modulo the cache."""
_SLICES = 2604
_SLICE_BYTES = 12
_IO = {False: 2644, True: 2324}
"""By ``is_loose``, the table of functions that run_blocks calls: configure and queue in its first
12 bytes, accumulate and finish in the next 8."""
_TAILS = {
    False: {"fill": 2556, "aligned": 2588, "unaligned": 2616},
    True: {"fill": 2172, "aligned": 2268, "unaligned": 2296},
}
"""By ``is_loose``, the tables of branches for the last bytes of a run."""


@dataclasses.dataclass(frozen=True)
class TileTables:
    """Where a group's constants lie, modulo the cache, and what reads them."""

    bias: int
    scales: int
    blocks: int
    channels: int
    acc: int
    io: int
    tails: tuple[int, ...]
    """Addresses of tables for the last bytes of a run, those that are read."""

    @classmethod
    def of(
        cls, places: Places, groups: tuple[Group, ...], index: int, is_loose: bool,
        tails: frozenset[str],
    ) -> "TileTables":  # fmt: skip
        """Those of one of ``groups``; ``tails``: kinds of runs whose last bytes are fewer than
        eight."""
        group, before = groups[index], groups[:index]
        first = 4 * group.channel_begin
        return cls(
            bias=(places.bias + first) % CACHE_BYTES,
            scales=(places.scales + first) % CACHE_BYTES,
            blocks=(places.blocks + size_bytes(BLOCK) * sum(len(one.blocks) for one in before))
            % CACHE_BYTES,
            channels=group.channel_count,
            acc=places.scratch,
            io=_IO[is_loose],
            tails=tuple(_TAILS[is_loose][kind] for kind in sorted(tails)),
        )


def table_lines(group: Group) -> float:
    """Lines of a group's constants, of which the first pixel misses all."""
    blocks = len(group.blocks)
    size = 8 * group.channel_count + size_bytes(BLOCK) * blocks
    return (size + (4 * group.channel_count if blocks > 1 else 0)) / LINE_BYTES


def misses_per_pixel(
    layer: Layer, group: Group, tables: TileTables, pixel_begin: int, pixel_end: int
) -> float:
    """Lines that one of some pixels misses, in the mean, once the constants were read."""
    slices = tuple((block.k_begin, block.row_count) for block in group.blocks)
    count = -(-layer.pixels // WINDOW_PIXELS)
    step = max(1.0, count / WINDOWS_MAX)
    first, last = (
        min(int(pixel / WINDOW_PIXELS / step), WINDOWS_MAX - 1)
        for pixel in (pixel_begin, max(pixel_begin, pixel_end - 1))
    )
    shape = (layer.in_shape, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2])
    found = [
        _window_misses(shape, slices, tables, round(index * step) * WINDOW_PIXELS)
        for index in range(first, last + 1)
    ]
    return sum(found) / len(found)


@functools.lru_cache(maxsize=16384)
def _window_misses(shape, slices, tables: TileTables, begin: int) -> float:
    """Of the pixels of one window."""
    (out_h, out_w) = shape[1]
    begin = min(begin, max(0, out_h * out_w - WINDOW_PIXELS))
    first = max(0, begin - WARM_PIXELS)
    pixels = np.arange(first, min(begin + WINDOW_PIXELS, out_h * out_w))
    columns: list[np.ndarray] = []
    for index, (k_begin, rows) in enumerate(slices):
        columns.append(_fixed(_before_queue(len(slices), index, tables), len(pixels)))
        read = lines_of_patches(shape[0], out_w, *shape[2:], k_begin, rows, pixels)
        columns.append(read + _INPUT // LINE_BYTES)
        columns.append(_fixed(_take(len(slices), index, tables), len(pixels)))
    walk = np.concatenate(columns, axis=1)
    # A layer of few pixels has no warm ones: then the constants' first lines are not counted.
    warm = walk.shape[1] * min(WARM_PIXELS, begin - first) if begin else 0
    misses = direct_mapped_misses(walk.ravel(), warm)
    if not warm:
        misses -= len(np.unique(walk[:, walk[0] < _INPUT // LINE_BYTES])) + len(
            np.unique(walk[:, walk[0] >= _ACC // LINE_BYTES])
        )
    return max(0.0, misses / (len(pixels) - min(WARM_PIXELS, begin - first) * bool(warm)))


def _fixed(addrs: np.ndarray, pixels: int) -> np.ndarray:
    return np.broadcast_to(addrs // LINE_BYTES, (pixels, len(addrs)))


def _before_queue(blocks: int, index: int, tables: TileTables) -> np.ndarray:
    frames = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    block = tables.blocks + size_bytes(BLOCK) * index
    block = _CODE_DATA + _FAR + block
    addrs = [*frames["loop"], block, block + 28]
    if blocks > 1:
        addrs += [*frames["loop"], _SLICES + _SLICE_BYTES * index, block, block + 28]
        addrs += [_CODE_DATA + tables.io, _CODE_DATA + tables.io + 8]
    addrs += [*frames["queue"], *_LAYER]
    return np.array([*addrs, *(_CODE_DATA + tail for tail in tables.tails)])


def _take(blocks: int, index: int, tables: TileTables) -> np.ndarray:
    """Bias, sums and scales of four channels after another."""
    frames = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    quads = 16 * np.arange(-(-tables.channels // 4))
    constants = _CODE_DATA + _FAR
    bias, scales = constants + tables.bias + quads, constants + tables.scales + quads
    sums = _ACC + tables.acc + quads
    if blocks == 1:
        read = np.stack([bias, scales], axis=1).ravel()
    elif index == 0:
        read = bias
    elif index < blocks - 1:
        read = sums
    else:
        read = np.stack([sums, scales], axis=1).ravel()
    block = constants + tables.blocks + size_bytes(BLOCK) * index
    before = [*frames["queue"], *frames["loop"], block, block + 28]
    if blocks > 1:
        before += [_CODE_DATA + tables.io + (16 if index == blocks - 1 else 12)]
    before += [*frames["take"], *_LAYER[-4:]]
    return np.concatenate([before, read, frames["take"]]).astype(np.int64)
