"""Data cache misses of the loops over pixels in conv_tile.c: a sample of them, walked line by line.

What a pixel reads lies at known places of the cache (``places``), so which lines drive out which
follows from the layer's shape and plan.
"""

import functools
import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from tightrope.sim.image.layout import BLOCK, size_bytes
from tightrope.sim.mapping.plan import Group
from tightrope.sim.workload.layers import Layer

from .input_lines import lines_of_patches
from .pixels import pixel_classes
from .places import Places
from .rounds_walk import Between, Fixed, misses_of_rounds
from .tile_runs import runs_of
from .work import CACHE_BYTES, LINE_BYTES

__all__ = ["TileTables", "misses_per_pixel", "table_lines"]

WINDOW_PIXELS = 16
WARM_PIXELS = 2
WINDOWS_MAX = 6
"""Of a layer that are walked."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _INPUT, _ACC, _CODE_DATA, _CONSTANTS = (part * _FAR for part in range(5))
_STEP, _PATCH, _SINK = 3616, (3584, 3616, 3648), (3584, 3616, 3680, 3712)
"""The layer's descriptor, in the frame of ``main``: what a step to the next pixel, a patch and the
storing of outputs read of it."""
_JOB, _ELEMENTS = 3424, 3456
"""The job, in the frame of run_group: its first fields, and the width of results."""
_ADC_SHIFT, _INPUT_PLACE = 3712, 3552
_ONE_BLOCK = {"patch": 3328, "slice": 3360, "queue": (3296, 3264), "unaligned": 3264,
              "bytes": (3264,)}  # fmt: skip
_MANY_BLOCKS = {"patch": 2528, "slice": 2604, "loop": 2496, "queue": (2464, 2432),
                "unaligned": 2400, "bytes": (2432, 2400)}  # fmt: skip
"""Stack that run_block and run_blocks, and what these call, use for each MVM: as the compiler has
it, addresses modulo the cache."""
_SLICE_BYTES = 12
_TAILS = {
    False: {"row": 2556, "left": 2556, "right": 2556, "aligned": 2584, "unaligned": 2616},
    True: {"row": 2172, "left": 2204, "right": 2236, "aligned": 2264, "unaligned": 2296},
}
"""By ``is_loose``, the tables of branches for the last 0 .. 7 bytes of a run: 4 bytes for each."""


class TileTables(NamedTuple):
    """Where a group's constants lie, modulo the cache, and what reads them."""

    bias: int
    scales: int
    blocks: int
    chunk: int
    channels: int
    acc: int
    in_flight: int
    """MVMs that are queued before the oldest is taken."""
    is_loose: bool
    by_bytes: bool
    """Some outputs are no whole words."""

    @classmethod
    def of(
        cls, places: Places, groups: tuple[Group, ...], index: int, is_loose: bool, by_bytes: bool
    ) -> "TileTables":
        """Those of one of ``groups``. All chunks are taken to lie where the first one does."""
        group, before = groups[index], groups[:index]
        first = 4 * group.channel_begin
        return cls(
            bias=(places.bias + first) % CACHE_BYTES,
            scales=(places.scales + first) % CACHE_BYTES,
            blocks=(places.blocks + size_bytes(BLOCK) * sum([len(one.blocks) for one in before]))
            % CACHE_BYTES,
            chunk=places.chunks,
            channels=group.channel_count,
            acc=places.scratch,
            in_flight=2 * len({block.tile for block in group.blocks}),
            is_loose=is_loose,
            by_bytes=by_bytes,
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
    inputs = _input_reads(shape, slices, tables.is_loose)
    fixed = _fixed_reads(len(slices), tables)
    walks = inputs.walks
    # A layer of few pixels has no warm ones: then the constants' first lines are not counted.
    lines = _lines_in(fixed.found[:-1])
    first = len(lines) + len(inputs.ends - lines) + inputs.others
    misses = misses_of_rounds(fixed, walks) - (walks.warm == 0) * first
    counted = walks.rounds_of - walks.warm
    return [max(0.0, found) for found in (misses / counted).tolist()]


class _InputReads(NamedTuple):
    """What pixels read that differs between them: the input, and at the end of each run of it."""

    walks: Between
    """Of all windows that are walked."""
    ends: frozenset[int]
    """Lines at the ends of runs, of the first window: of the stack in columns that begin with it,
    and of tables in those that begin with one."""
    others: int
    """Lines of the stack in columns of the latter kind, and of tables in the former."""


@functools.lru_cache(maxsize=1024)
def _input_reads(shape, slices, is_loose: bool) -> _InputReads:
    """Of the pixels of all windows, block by block."""
    out_w, count = shape[1][1], shape[1][0] * shape[1][1]
    step = _window_step(count)
    firsts, begins = [], []
    for index in range(min(WINDOWS_MAX, -(-count // WINDOW_PIXELS))):
        begins.append(min(round(index * step) * WINDOW_PIXELS, max(0, count - WINDOW_PIXELS)))
        firsts.append(max(0, begins[-1] - WARM_PIXELS))
    ends = [min(begin + WINDOW_PIXELS, count) for begin in begins]
    pixels = np.concatenate([np.arange(*ends_of) for ends_of in zip(firsts, ends, strict=True)])
    classes = pixel_classes(*shape)[1][pixels]
    reads, gaps, of_ends = [], [], []
    for index, part in enumerate(slices):
        of_ends.append(_ends_of_runs(shape, len(slices), *part, is_loose)[classes] // LINE_BYTES)
        read = lines_of_patches(shape[0], out_w, *shape[2:], *part, pixels)
        reads += [of_ends[-1], read + _INPUT // LINE_BYTES]
        gaps += [index] * (of_ends[-1].shape[1] + read.shape[1])
    walks = Between.of(
        np.concatenate(reads, axis=1).astype(np.int64),
        np.array(gaps),
        [end - first for first, end in zip(firsts, ends, strict=True)],
        [begin - first for first, begin in zip(firsts, begins, strict=True)],
    )
    cold = np.concatenate(of_ends, axis=1)[: ends[0]]
    is_stack = cold[0] < _INPUT // LINE_BYTES
    stack, tables = _lines_in(cold[:, is_stack]), _lines_in(cold[:, ~is_stack])
    ends = frozenset([line for line in stack if line < _INPUT // LINE_BYTES])
    ends |= frozenset([line for line in tables if line >= _INPUT // LINE_BYTES])
    return _InputReads(walks, ends, len(stack) + len(tables) - len(ends))


def _lines_in(lines: np.ndarray) -> frozenset[int]:
    return frozenset(lines.ravel().tolist())


@functools.lru_cache(maxsize=4096)
def _fixed_reads(blocks: int, tables: TileTables) -> Fixed:
    """What each pixel reads beside the input: before the first block's, between two, and last."""
    segments: list[list[int]] = [[]]
    for index in range(blocks):
        segments[-1] += _before_queue(blocks, index, tables)
        after = _after_queue(blocks, index, tables) if blocks > 1 else []
        taken = (index + 1 - tables.in_flight) % blocks
        segments.append([*after, *_take(blocks, taken, tables)])
    return Fixed.of([[addr // LINE_BYTES for addr in segment] for segment in segments])


def _before_queue(blocks: int, index: int, tables: TileTables) -> list[int]:
    chunk = _CONSTANTS + tables.chunk
    stack = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    if blocks == 1:
        addrs = [_JOB, chunk, stack["patch"], *_PATCH, stack["slice"]]
    else:
        block = _block_addr(tables, index)
        start = stack["slice"] + _SLICE_BYTES * index
        addrs = [
            _JOB, chunk, _JOB, block, stack["patch"], stack["queue"][0], block + 8, _ADC_SHIFT,
            stack["loop"], stack["queue"][0], *_PATCH[:2], start, start + _SLICE_BYTES - 4,
            stack["patch"], _PATCH[0], stack["loop"],
        ]  # fmt: skip
    return [*addrs, _INPUT_PLACE]


@functools.lru_cache(maxsize=16384)
def _ends_of_runs(shape, blocks: int, k_begin: int, count: int, is_loose: bool) -> np.ndarray:
    """(classes of pixels, reads) addresses at the end of each run: the branch for its last bytes,
    and another look at where in the patch it is."""
    stack = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
    (_, _, channels), _, kernel, *_ = shape
    classes, _ = pixel_classes(*shape)
    found = []
    for where in classes:
        addrs: list[int] = []
        for kind, size in runs_of(where, kernel[1], channels, k_begin, count):
            if kind == "aligned" and size % 8 == 0:
                continue
            frame = stack["unaligned" if kind == "unaligned" else "patch"]
            addrs += [frame, _CODE_DATA + _TAILS[is_loose][kind] + 4 * (size % 8), stack["patch"]]
        found.append(addrs)
    most = max(map(len, found))
    return np.array([[*addrs, *[stack["patch"]] * (most - len(addrs))] for addrs in found])


def _block_addr(tables: TileTables, index: int) -> int:
    return _CONSTANTS + tables.blocks + size_bytes(BLOCK) * index


def _after_queue(blocks: int, index: int, tables: TileTables) -> list[int]:
    """From the last byte of an MVM of several blocks until the oldest one is taken."""
    stack, following = _MANY_BLOCKS, (index + 1) % blocks
    addrs = [*stack["queue"], _block_addr(tables, index), stack["patch"], _JOB]
    addrs += [] if following else [stack["loop"], *_PATCH]
    addrs += [_CONSTANTS + tables.chunk, _JOB, _block_addr(tables, following), stack["patch"]]
    return [*addrs, _JOB]


def _take(blocks: int, index: int, tables: TileTables) -> list[int]:
    """Bias, sums and scales of four channels after another."""
    bias, scales = _CONSTANTS + tables.bias, _CONSTANTS + tables.scales
    block, is_last = _block_addr(tables, index), index == blocks - 1
    size = 16 * -(-tables.channels // 4)
    sums = _ACC + tables.acc if index else bias
    if is_last:
        stack = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
        frames = [itertools.repeat(frame) for frame in stack["bytes"] if tables.by_bytes]
        first, last = (range(addr, addr + size, 16) for addr in (sums, scales))
        read: Iterable[int] = itertools.chain(*zip(first, *frames, last, strict=False))
    else:
        # A line that is read twice in a row is there.
        read = range(sums // LINE_BYTES * LINE_BYTES, sums + size - 15, LINE_BYTES)
    sink = [_JOB, *(_SINK if is_last else (_ADC_SHIFT,)), _ELEMENTS]
    if blocks == 1:
        before, after = [*_ONE_BLOCK["queue"], block + 16], _ONE_BLOCK["queue"]
    else:
        before = [block, block + 16, _MANY_BLOCKS["loop"]]
        after = (*_MANY_BLOCKS["queue"], _JOB, block, _MANY_BLOCKS["patch"])
    return [*before, *sink, *read, *after]
