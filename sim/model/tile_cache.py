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

from .input_lines import lines_of_patches
from .places import Places
from .rounds_walk import Between, Fixed, misses_of_rounds
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
    step = _window_step(layer.pixels)
    first, last = (
        min(int(pixel / WINDOW_PIXELS / step), WINDOWS_MAX - 1)
        for pixel in (pixel_begin, max(pixel_begin, pixel_end - 1))
    )
    shape = (layer.in_shape, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2])
    found = _misses_of_windows(shape, slices, tables)[first : last + 1]
    return sum(found) / len(found)


def _window_step(pixels: int) -> float:
    """Windows of a layer for each one that is walked."""
    return max(1.0, -(-pixels // WINDOW_PIXELS) / WINDOWS_MAX)


@functools.lru_cache(maxsize=4096)
def _misses_of_windows(shape, slices, tables: TileTables) -> list[float]:
    """Of the pixels of each window that is walked."""
    inputs, fixed = _input_reads(shape, slices), _fixed_reads(len(slices), tables)
    counted = inputs.rounds_of - inputs.warm
    # A layer of few pixels has no warm ones: then the constants' first lines are not counted.
    misses = misses_of_rounds(fixed, inputs) - (inputs.warm == 0) * fixed.lines
    return [max(0.0, found) for found in (misses / counted).tolist()]


@functools.lru_cache(maxsize=1024)
def _input_reads(shape, slices) -> Between:
    """What the pixels of all windows read of the input, block by block."""
    out_w, count = shape[1][1], shape[1][0] * shape[1][1]
    step = _window_step(count)
    firsts, begins = [], []
    for index in range(min(WINDOWS_MAX, -(-count // WINDOW_PIXELS))):
        begins.append(min(round(index * step) * WINDOW_PIXELS, max(0, count - WINDOW_PIXELS)))
        firsts.append(max(0, begins[-1] - WARM_PIXELS))
    ends = [min(begin + WINDOW_PIXELS, count) for begin in begins]
    pixels = np.concatenate([np.arange(*ends_of) for ends_of in zip(firsts, ends, strict=True)])
    reads = [lines_of_patches(shape[0], out_w, *shape[2:], *part, pixels) for part in slices]
    gaps = np.arange(len(slices)).repeat([lines.shape[1] for lines in reads])
    return Between.of(
        np.concatenate(reads, axis=1) + _INPUT // LINE_BYTES,
        gaps,
        [end - first for first, end in zip(firsts, ends, strict=True)],
        [begin - first for first, begin in zip(firsts, begins, strict=True)],
    )


@functools.lru_cache(maxsize=4096)
def _fixed_reads(blocks: int, tables: TileTables) -> Fixed:
    """What each pixel reads beside the input: before the first block's, between two, and last."""
    segments: list[list[int]] = [[]]
    for index in range(blocks):
        segments[-1] += _before_queue(blocks, index, tables)
        segments.append(_take(blocks, index, tables))
    return Fixed.of([[addr // LINE_BYTES for addr in segment] for segment in segments])


def _before_queue(blocks: int, index: int, tables: TileTables) -> list[int]:
    frames = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    block = tables.blocks + size_bytes(BLOCK) * index
    block = _CODE_DATA + _FAR + block
    addrs = [*frames["loop"], block, block + 28]
    if blocks > 1:
        addrs += [*frames["loop"], _SLICES + _SLICE_BYTES * index, block, block + 28]
        addrs += [_CODE_DATA + tables.io, _CODE_DATA + tables.io + 8]
    addrs += [*frames["queue"], *_LAYER]
    return [*addrs, *(_CODE_DATA + tail for tail in tables.tails)]


def _take(blocks: int, index: int, tables: TileTables) -> list[int]:
    """Bias, sums and scales of four channels after another."""
    frames = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    constants = _CODE_DATA + _FAR
    bias, scales = constants + tables.bias, constants + tables.scales
    sums = _ACC + tables.acc
    if blocks == 1:
        read = (bias, scales)
    elif index == 0:
        read = (bias,)
    elif index < blocks - 1:
        read = (sums,)
    else:
        read = (sums, scales)
    block = constants + tables.blocks + size_bytes(BLOCK) * index
    before = [*frames["queue"], *frames["loop"], block, block + 28]
    if blocks > 1:
        before += [_CODE_DATA + tables.io + (16 if index == blocks - 1 else 12)]
    before += [*frames["take"], *_LAYER[-4:]]
    size = 16 * -(-tables.channels // 4)
    after = [begin + offset for offset in range(0, size, 16) for begin in read]
    return [*before, *after, *frames["take"]]
