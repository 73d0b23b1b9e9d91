"""Data cache misses of a small chunk of the digital convolution: all of it, walked exactly."""

import functools

import numpy as np
from tightrope.sim.workload.layers import Layer

from .cache_lines import direct_mapped_misses
from .input_lines import lines_of_patches
from .places import Places
from .work import LINE_BYTES

__all__ = ["WALKED_MACS", "misses_of_chunk"]

WALKED_MACS = 200_000
"""Of a chunk that is walked: a millisecond."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _INPUT, _WEIGHTS, _SCRATCH, _TABLES = (part * _FAR for part in range(5))
_FRAMES = (3568, 3632, 3392, 3424, 3344)
"""Stack that each block of channels uses: fields of the descriptor, frames of run_panel and
dot_4x4; as the compiler has it, addresses modulo the cache."""


@functools.lru_cache(maxsize=8192)
def misses_of_chunk(
    layer: Layer, places: Places, pitch: int, panel_pixels: int, gathered: bool,
    pixels: tuple[int, int], channels: tuple[int, int],
) -> int:  # fmt: skip
    """Lines that a chunk on an empty cache misses.

    ``panel_pixels`` patches of ``pitch`` bytes pass all weights together; they are ``gathered`` or
    read where they are in the input.
    """
    parts = []
    blocks = range(channels[0], channels[1], 4)
    for first in range(*pixels, panel_pixels):
        last = min(first + panel_pixels, pixels[1])
        if gathered:
            patches = np.arange(first, last)
            lines = lines_of_patches(
                layer.in_shape, layer.out_shape[1], layer.kernel, layer.stride, layer.pads[:2],
                0, layer.patch, patches,
            )  # fmt: skip
            parts.append(lines.ravel() + _INPUT // LINE_BYTES)
            begin = _SCRATCH + places.scratch
        else:
            begin = _INPUT + places.input + first * pitch
        rows = begin + np.arange(last - first) * pitch
        for channel in blocks:
            parts.append(_block_lines(places, channel))
            weights = _WEIGHTS + places.weights + (channel + np.arange(4)) * pitch
            parts += _walks(weights, rows, pitch)
    return direct_mapped_misses(np.concatenate(parts), 0)


def _block_lines(places: Places, channel: int) -> np.ndarray:
    """Lines of four channels' constants, and of the stack."""
    tables = [_TABLES + place + 4 * channel for place in (places.bias, places.scales)]
    ends = [table + 12 for table in tables]
    return np.array([*_FRAMES, *tables, *ends]) // LINE_BYTES


def _walks(weights: np.ndarray, rows: np.ndarray, pitch: int) -> list[np.ndarray]:
    """Lines in the order in which four channels read patches: by four, then one by one."""
    offsets = np.arange(0, pitch, 4)[:, None]
    fours = len(rows) // 4 * 4
    groups = [rows[i : i + 4] for i in range(0, fours, 4)]
    groups += [rows[i : i + 1] for i in range(fours, len(rows))]
    return [
        ((offsets + np.concatenate([weights, group])) // LINE_BYTES).ravel() for group in groups
    ]
