"""Data cache misses of stream_sums.c: a band's results, biases and scales, walked line by line."""

import functools

import numpy as np
from tightrope.sim.mapping.split import round_up

from .cache_lines import miss_mask
from .work import LINE_BYTES

__all__ = ["area_bytes", "sums_misses"]

WALKED_PIXELS = 16
"""Of a band; what follows is like all but the first."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _BIAS, _SCALES, _RESULTS = 0, _FAR, 2 * _FAR, 3 * _FAR
_FRAME = 2096
"""Of stream_sums: as the compiler has it, an address modulo the cache."""
_VALUES = 2064
"""Where the sums of four channels are kept that are stored byte by byte."""


@functools.lru_cache(maxsize=16384)
def sums_misses(
    bias: int, scales: int, results: int, *, blocks: int, area_bytes: int, pixel_bytes: int,
    element_bytes: int, channels: int, words: bool, pixels: int,
) -> tuple[float, float]:  # fmt: skip
    """Lines missed of (main memory, scratchpad) by a band of ``pixels``.

    Addresses are modulo the cache: of the group's biases and scales, and of its first block's
    results, ``area_bytes`` from those of the next block. ``words``: outputs are stored as words.
    """
    quads = 4 * np.arange(-(-channels // 4))
    walked = np.arange(min(pixels, WALKED_PIXELS))
    first = _RESULTS + results + walked[:, None, None] * pixel_bytes
    first = first + quads[None, :, None] * element_bytes + np.arange(blocks) * area_bytes
    ends = first + 4 * element_bytes - 4
    tables = np.stack([_BIAS + bias + 4 * quads, _SCALES + scales + 4 * quads], axis=1)
    if not words:
        # One channel after another: its bias, its sum, its scale.
        sums = np.full(len(quads), _STACK + _VALUES)
        tables = np.tile(np.stack([tables[:, 0], sums, tables[:, 1]], axis=1), (1, 4))
    shape = (len(walked), len(quads))
    parts = [
        first, ends, np.broadcast_to(tables, (*shape, tables.shape[1])),
        np.full((*shape, 1), _STACK + _FRAME),
    ]  # fmt: skip
    walk = np.concatenate(parts, axis=2).reshape(len(walked), -1) // LINE_BYTES
    missed = miss_mask(walk.ravel()).reshape(walk.shape)
    scratch = missed & (walk >= _RESULTS // LINE_BYTES)
    memory = missed & ~scratch
    return _scaled(memory, pixels), _scaled(scratch, pixels)


def _scaled(missed: np.ndarray, pixels: int) -> float:
    walked = len(missed)
    more = missed[1:].sum() / (walked - 1) if walked > 1 else 0.0
    return float(missed.sum() + more * (pixels - walked))


def area_bytes(pixels: int, pixel_bytes: int) -> int:
    """From a block's results to the next one's, as ``results_bytes`` of stream_sums.h has it."""
    return round_up(pixels * pixel_bytes, 64) + LINE_BYTES
