"""Data cache misses of small chunks of the digital convolution: all of them, walked exactly."""

from collections.abc import Sequence

import numpy as np
from tightrope.sim.workload.layers import Layer

from .dot4_lines import BlockLines, block_lines
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
        channels = firsts[:, 1:] + 4 * np.arange(blocks)
        whole = pixels // panel_pixels * panel_pixels
        walks = []
        for begin, end, size in ((0, whole, panel_pixels), (whole, pixels, pixels - whole)):
            if end > begin:
                panels = firsts[:, :1] + np.arange(begin, end, size)
                if gathered:
                    read = _gathered_lines(layer, panels, size)
                    walks.append(_gathered_walk(places, pitch, read, size, channels))
                else:
                    walks.append(_direct_walk(places, pitch, panels, size, channels))
        lines = np.concatenate([walk.lines for walk in walks], axis=1)
        missed = _misses_of_each(lines) + sum([walk.again for walk in walks])
        found |= zip(some, missed.tolist(), strict=True)
    return found


def _gathered_lines(layer: Layer, panels: np.ndarray, pixels: int) -> np.ndarray:
    """(chunks, panels, reads) lines of the input that are read to gather ``panels`` (chunks,
    panels) of so many ``pixels``, each with its first one."""
    patches = (panels[:, :, None] + np.arange(pixels)).ravel()
    lines = lines_of_patches(
        layer.in_shape, layer.out_shape[1], layer.kernel, layer.stride, layer.pads[:2],
        0, layer.patch, patches,
    )  # fmt: skip
    return lines.reshape(*panels.shape, -1) + _INPUT // LINE_BYTES


def _gathered_walk(
    places: Places, pitch: int, read: np.ndarray, pixels: int, channels: np.ndarray
) -> BlockLines:
    """(chunks, ..) of panels that are gathered from ``read``, see :func:`_gathered_lines`, and pass
    blocks of four ``channels`` (chunks, blocks), each with its first one."""
    chunks, count, _ = read.shape
    # All panels are put at the same place.
    weights = _WEIGHTS + places.weights + channels.ravel() * pitch
    walk = block_lines(pitch, weights, np.array([_SCRATCH + places.scratch]), pixels)
    own = np.concatenate([_block_lines(places, channels.ravel()), walk.lines], axis=1)
    each = own.reshape(chunks, 1, -1).repeat(count, axis=1)
    lines = np.concatenate([read, each], axis=2)
    return BlockLines(lines.reshape(chunks, -1), count * walk.again.reshape(chunks, -1).sum(axis=1))


def _direct_walk(
    places: Places, pitch: int, panels: np.ndarray, pixels: int, channels: np.ndarray
) -> BlockLines:
    """The same for ``panels`` (chunks, panels) that are read where they are in the input."""
    (chunks, count), blocks = panels.shape, channels.shape[1]
    of_panels = channels[:, None].repeat(count, axis=1).ravel()
    weights = _WEIGHTS + places.weights + of_panels * pitch
    patches = (_INPUT + places.input + panels.ravel() * pitch).repeat(blocks)
    walk = block_lines(pitch, weights, patches, pixels)
    lines = np.concatenate([_block_lines(places, of_panels), walk.lines], axis=1)
    return BlockLines(lines.reshape(chunks, -1), walk.again.reshape(chunks, -1).sum(axis=1))


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
    found = walks.ravel().take(order + np.arange(0, walks.size, walks.shape[1])[:, None])
    return 1 + np.count_nonzero(found[:, 1:] != found[:, :-1], axis=1)
