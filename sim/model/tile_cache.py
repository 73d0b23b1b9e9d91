"""Data cache misses of the loops over pixels in conv_tile.c: a sample of them, walked line by line.

What a pixel reads lies at known places of the cache (``places``), so which lines drive out which
follows from the layer's shape and plan.
"""

import dataclasses
import functools

import numpy as np
from tightrope.sim.image.layout import BLOCK, CHUNK, size_bytes
from tightrope.sim.mapping.plan import Group
from tightrope.sim.workload.layers import Layer

from .cache_lines import direct_mapped_misses
from .input_lines import lines_of_patches
from .pixels import pixel_classes
from .places import Places
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


@dataclasses.dataclass(frozen=True)
class TileTables:
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
        cls, places: Places, groups: tuple[Group, ...], index: int, is_loose: bool, chunk: int,
        by_bytes: bool,
    ) -> "TileTables":  # fmt: skip
        """Those of one of ``groups`` and of the chunk of that index."""
        group, before = groups[index], groups[:index]
        first = 4 * group.channel_begin
        return cls(
            bias=(places.bias + first) % CACHE_BYTES,
            scales=(places.scales + first) % CACHE_BYTES,
            blocks=(places.blocks + size_bytes(BLOCK) * sum(len(one.blocks) for one in before))
            % CACHE_BYTES,
            chunk=(places.chunks + size_bytes(CHUNK) * chunk) % CACHE_BYTES,
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
        ends = _ends_of_runs(shape, len(slices), k_begin, rows, tables.is_loose)
        columns.append(ends[pixel_classes(*shape)[1][pixels]] // LINE_BYTES)
        read = lines_of_patches(shape[0], out_w, *shape[2:], k_begin, rows, pixels)
        columns.append(read + _INPUT // LINE_BYTES)
        if len(slices) > 1:
            columns.append(_fixed(_after_queue(len(slices), index, tables), len(pixels)))
        taken = (index + 1 - tables.in_flight) % len(slices)
        columns.append(_fixed(_take(len(slices), taken, tables), len(pixels)))
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
    return np.array([*addrs, _INPUT_PLACE])


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


def _after_queue(blocks: int, index: int, tables: TileTables) -> np.ndarray:
    """From the last byte of an MVM of several blocks until the oldest one is taken."""
    stack, following = _MANY_BLOCKS, (index + 1) % blocks
    addrs = [*stack["queue"], _block_addr(tables, index), stack["patch"], _JOB]
    addrs += [] if following else [stack["loop"], *_PATCH]
    addrs += [_CONSTANTS + tables.chunk, _JOB, _block_addr(tables, following), stack["patch"]]
    return np.array([*addrs, _JOB])


def _take(blocks: int, index: int, tables: TileTables) -> np.ndarray:
    """Bias, sums and scales of four channels after another."""
    quads = 16 * np.arange(-(-tables.channels // 4))
    bias, scales = _CONSTANTS + tables.bias + quads, _CONSTANTS + tables.scales + quads
    sums = _ACC + tables.acc + quads
    block, is_last = _block_addr(tables, index), index == blocks - 1
    parts = [sums if index else bias]
    if is_last:
        stack = _ONE_BLOCK if blocks == 1 else _MANY_BLOCKS
        frames = stack["bytes"] if tables.by_bytes else ()
        parts += [*(np.full(len(quads), frame) for frame in frames), scales]
    read = np.stack(parts, axis=1).ravel()
    sink = [_JOB, *(_SINK if is_last else (_ADC_SHIFT,)), _ELEMENTS]
    if blocks == 1:
        before, after = [*_ONE_BLOCK["queue"], block + 16], _ONE_BLOCK["queue"]
    else:
        before = [block, block + 16, _MANY_BLOCKS["loop"]]
        after = (*_MANY_BLOCKS["queue"], _JOB, block, _MANY_BLOCKS["patch"])
    return np.concatenate([before, sink, read, after]).astype(np.int64)
