"""Data cache misses of small chunks of the digital convolution: all of them, walked exactly."""

from collections.abc import Sequence

import numpy as np
from tightrope.sim.workload.layers import Layer

from .dot4_lines import block_lines
from .input_lines import lines_of_patches
from .places import Places
from .work import LINE_BYTES, SETS

__all__ = ["WALKED_MACS", "Ends", "misses_of_chunks"]

WALKED_MACS = 200_000
"""Of a chunk that is walked: a millisecond."""
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _INPUT, _WEIGHTS, _SCRATCH, _TABLES = (part * _FAR for part in range(5))
_FRAMES = (3568, 3632, 3392, 3424, 3344)
"""Stack that each block of channels uses: fields of the descriptor, frames of run_panel and
dot_4x4; as the compiler has it, addresses modulo the cache."""


Ends = tuple[tuple[int, int], tuple[int, int]]
"""Of a chunk: (first, one past the last) pixel, and channel."""


def misses_of_chunks(
    layer: Layer, places: Places, pitch: int, panel_pixels: int, gathered: bool,
    chunks: Sequence[Ends],
) -> dict[Ends, int]:  # fmt: skip
    """Lines that each of some chunks misses that finds an empty cache.

    ``panel_pixels`` patches of ``pitch`` bytes pass all weights together; they are ``gathered`` or
    read where they are in the input.
    """
    alike: dict[tuple[int, int], list[Ends]] = {}
    for pixels, channels in dict.fromkeys(chunks):
        size = (pixels[1] - pixels[0], len(range(*channels, 4)))
        alike.setdefault(size, []).append((pixels, channels))
    found: dict[Ends, int] = {}
    for (pixels, blocks), some in alike.items():
        firsts = np.array([(chunk[0][0], chunk[1][0]) for chunk in some])
        missed = np.zeros(len(some), np.int64)
        parts: list[np.ndarray] = []
        for begin in range(0, pixels, panel_pixels):
            size = min(panel_pixels, pixels - begin)
            first = firsts[:, 0] + begin
            if gathered:
                parts.append(_gathered_lines(layer, first, size))
                panels = np.array([_SCRATCH + places.scratch])
            else:
                panels = (_INPUT + places.input + first * pitch).repeat(blocks)
            channels = firsts[:, 1:] + 4 * np.arange(blocks)
            weights = _WEIGHTS + places.weights + channels.ravel() * pitch
            walk = block_lines(pitch, weights, panels, size)
            both = np.concatenate([_block_lines(places, channels.ravel()), walk.lines], axis=1)
            parts.append(both.reshape(len(some), -1))
            missed += walk.again.reshape(len(some), -1).sum(axis=1)
        missed += _misses_of_each(np.concatenate(parts, axis=1))
        found |= zip(some, missed.tolist(), strict=True)
    return found


def _gathered_lines(layer: Layer, first: np.ndarray, pixels: int) -> np.ndarray:
    """(chunks, reads) lines of the input that are read to gather the chunks' next panels."""
    patches = (first[:, None] + np.arange(pixels)).ravel()
    lines = lines_of_patches(
        layer.in_shape, layer.out_shape[1], layer.kernel, layer.stride, layer.pads[:2],
        0, layer.patch, patches,
    )  # fmt: skip
    return lines.reshape(len(first), -1) + _INPUT // LINE_BYTES


def _block_lines(places: Places, channels: np.ndarray) -> np.ndarray:
    """(blocks, reads) lines of the stack, and of the constants of four channels each."""
    lines = np.empty((len(channels), len(_FRAMES) + 4), np.int64)
    lines[:, : len(_FRAMES)] = _FRAMES
    for index, place in enumerate((places.bias, places.scales), len(_FRAMES)):
        lines[:, index] = _TABLES + place + 4 * channels
        lines[:, index + 2] = lines[:, index] + 12
    return lines // LINE_BYTES


def _misses_of_each(walks: np.ndarray) -> np.ndarray:
    """(walks,) misses of some (walks, reads), each on an empty cache."""
    order = (walks.astype(np.uint8) % SETS).argsort(axis=1, kind="stable")
    found = np.take_along_axis(walks, order, axis=1)
    return 1 + np.count_nonzero(found[:, 1:] != found[:, :-1], axis=1)
