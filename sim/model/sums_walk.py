"""Data cache misses of stream_sums.c: a band's results, biases and scales, walked line by line."""

import functools

import numpy as np
from tightrope.sim.mapping.split import round_up

from .cache_lines import miss_mask
from .work import LINE_BYTES

__all__ = ["area_bytes", "sums_misses"]

PARTS_MAX = 6
"""Of a band. Results lie at other places of the cache in each."""
WALKED_PIXELS = 8
"""Of a part, of which the others are like these."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_CONSTANTS, _RESULTS = _FAR, 2 * _FAR
_PIXEL_FRAME = (3456, 2064, 3616)
"""Stack that each pixel reads: what the results are, the frame of stream_sums, the layer's
descriptor. As the compiler has it, addresses modulo the cache."""
_RESULTS_FIELDS = 3452
"""Of the results: how many blocks. What follows, how far these are from each other, is on the next
line."""
_VALUES = 2076
"""Where the sums of four channels are kept that are stored byte by byte."""


@functools.lru_cache(maxsize=16384)
def sums_misses(
    bias: int, scales: int, results: int, *, blocks: int, area_bytes: int, pixel_bytes: int,
    element_bytes: int, channels: int, aligned: tuple[bool, ...], pixels: int,
) -> tuple[float, float]:  # fmt: skip
    """Lines missed of (main memory, scratchpad) by a band of ``pixels``.

    Addresses are modulo the cache: of the group's biases and scales, and of its first block's
    results, ``area_bytes`` from those of the next block. ``aligned``: whether outputs begin at a
    word, for the first pixels, and then again and again.
    """
    band = (
        bias, scales, results, blocks, area_bytes, pixel_bytes, element_bytes, channels, aligned,
    )  # fmt: skip
    parts = min(PARTS_MAX, -(-pixels // WALKED_PIXELS))
    firsts = [round(index * pixels / parts) for index in range(parts)]
    memory = scratch = 0.0
    for first, end in zip(firsts, [*firsts[1:], pixels], strict=True):
        walked = min(WALKED_PIXELS, end - first)
        found = _walked(*band, first, first + walked)
        memory += found[0] * (end - first) / walked
        scratch += found[1] * (end - first) / walked
    return memory, scratch


def _walked(
    bias: int, scales: int, results: int, blocks: int, area_bytes: int, pixel_bytes: int,
    element_bytes: int, channels: int, aligned: tuple[bool, ...], begin: int, end: int,
) -> tuple[int, int]:  # fmt: skip
    """Lines missed of (main memory, scratchpad) by some pixels, of which only the band's first one
    finds nothing in the cache."""
    quads = 4 * np.arange(-(-channels // 4))
    tables = np.stack([_CONSTANTS + bias + 4 * quads, _CONSTANTS + scales + 4 * quads], axis=1)
    areas = np.arange(blocks) * area_bytes
    walks = []
    warm = 0
    for pixel in range(max(0, begin - 1), end):
        first = _RESULTS + results + pixel * pixel_bytes + quads[:, None] * element_bytes + areas
        words = channels // 4 if aligned[pixel % len(aligned)] else 0
        walks += [
            np.array(_PIXEL_FRAME),
            _quads_read(first[:words], tables[:words], by_bytes=False),
            _quads_read(first[words:], tables[words:], by_bytes=True),
        ]
        warm = warm if pixel >= begin else sum(map(len, walks))
    walk = np.concatenate(walks) // LINE_BYTES
    missed = walk[miss_mask(walk) & (np.arange(len(walk)) >= warm)]
    scratch = int(np.count_nonzero(missed >= _RESULTS // LINE_BYTES))
    return len(missed) - scratch, scratch


def _quads_read(first: np.ndarray, tables: np.ndarray, *, by_bytes: bool) -> np.ndarray:
    """Addresses that some quads of channels read: results of each block, biases and scales."""
    fields = np.full((len(first), 1), _RESULTS_FIELDS)
    parts = [fields, first[:, :1]]
    if first.shape[1] > 1:
        parts += [fields + 4, first[:, 1:]]
    if by_bytes:
        # One channel after another: its bias, its sum, its scale.
        for channel in range(4):
            parts += [tables[:, :1], np.full_like(fields, _VALUES + 4 * channel), tables[:, 1:]]
    else:
        parts.append(tables)
    return np.concatenate(parts, axis=1).ravel()


def area_bytes(pixels: int, pixel_bytes: int) -> int:
    """From a block's results to the next one's, as ``results_bytes`` of stream_sums.h has it."""
    return round_up(pixels * pixel_bytes, 64) + LINE_BYTES
