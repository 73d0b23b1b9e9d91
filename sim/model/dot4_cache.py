"""Data cache misses of the digital convolution's inner loops: a sample of them, walked exactly.

The image puts weights, patches and inputs at known places of a round of the cache, so which rows
drive out which follows from a layer's shape.
"""

import functools
from collections.abc import Sequence

import numpy as np
from tightrope.sim.image.arena import SCRATCH_PHASE_BYTES, WEIGHTS_PHASE_BYTES
from tightrope.sim.image.image import GUARD_BYTES

from .cache_lines import miss_mask
from .dot4_lines import block_lines
from .work import CACHE_BYTES, LINE_BYTES

__all__ = ["misses_if_weights_stay", "misses_in_two_turns", "misses_per_block"]

_BLOCKS = 4
"""Blocks that are counted at each place, after one that warms the cache."""
_PLACES = 3
"""Places in the weights, and for patches that are read where they are, in the input."""
_STAY_PLACES = 6
_TURN_BLOCKS = 16
"""Blocks that are counted of each turn."""
_FAR = 1 << 24
"""Weights are this far from patches, a multiple of the cache."""
_APART = 1 << 26
"""Walks that are counted together are this far from each other."""

_Walk = tuple[int, Sequence[int]]
"""Where a panel begins, and the blocks that pass it."""


@functools.lru_cache(maxsize=4096)
def misses_per_block(
    row_bytes: int, pixels: int, blocks: int, panels: int, gathered: bool, first_block: int = 0
) -> float:
    """Lines that a block of 4 channels misses on all pixels of a panel, in the mean.

    ``row_bytes`` of weights and patch; the chunk's channels begin with ``first_block``.
    """
    places = 1 if gathered else _PLACES
    starts = sorted({round(i * max(0, blocks - 1 - _BLOCKS) / (_PLACES - 1))
                     for i in range(_PLACES)})  # fmt: skip
    last = min(_BLOCKS, blocks - 1)
    walks: list[_Walk] = []
    for place in range(places):
        panel = round(place * max(0, panels - 1) / max(1, places - 1))
        first = _panel_addr(panel * pixels * row_bytes, gathered)
        walks += [
            (first, range(first_block + start, first_block + start + last + 1))
            for start in starts
        ]
    counted = sum(_missed(row_bytes, pixels, walks, int(blocks > 1)))
    return counted / (places * len(starts) * max(1, last))


@functools.lru_cache(maxsize=4096)
def misses_if_weights_stay(
    row_bytes: int, pixels: int, blocks: int, panels: int, gathered: bool
) -> tuple[float, float]:
    """The same for weights that all fit in the cache or nearly: of a first panel, and of others.

    ``blocks`` and ``panels`` of the whole layer.
    """
    begin = SCRATCH_PHASE_BYTES if gathered else GUARD_BYTES
    step = 0 if gathered else pixels * row_bytes
    places = 1 if gathered else min(_STAY_PLACES, max(1, panels - 1))
    begins = []
    for place in range(places):
        panel = round(place * max(0, panels - 2) / max(1, places - 1))
        begins.append((begin + panel * step) % CACHE_BYTES)
    first, later = _missed_by_two(row_bytes, pixels, tuple(begins), step, blocks)
    return first / (blocks * places), later / (blocks * places)


@functools.lru_cache(maxsize=4096)
def misses_in_two_turns(
    row_bytes: int, pixels: int, blocks: int, panels: int, gathered: bool, first_block: int = 0
) -> float:
    """The same where weights pass the panel, then a copy of it on the other half of the cache."""
    places = 1 if gathered else _PLACES
    half = CACHE_BYTES // 2
    walks: list[_Walk] = []
    sizes: list[int] = []
    for place in range(places):
        panel = round(place * max(0, panels - 1) / max(1, places - 1))
        first = _panel_addr(panel * pixels * row_bytes, gathered)
        middle = WEIGHTS_PHASE_BYTES + 2 * row_bytes - first
        turns: tuple[list[int], list[int]] = ([], [])
        for block in range(first_block, first_block + blocks):
            turns[(middle + 4 * row_bytes * block) & half == 0].append(block)
        for found, start in zip(turns, (first, first + half), strict=True):
            if found:
                walks.append((start, found[:_TURN_BLOCKS]))
                sizes.append(len(found))
    missed = 0.0
    counted = _missed(row_bytes, pixels, walks, 0)
    for (_, walked), size, misses in zip(walks, sizes, counted, strict=True):
        # The panel is counted with the copying.
        missed += max(0.0, misses - pixels * row_bytes / LINE_BYTES) * size / len(walked)
    return missed / (places * blocks)


def _panel_addr(offset_bytes: int, gathered: bool) -> int:
    """Where in a round of the cache a panel begins, ``offset_bytes`` into the input."""
    return SCRATCH_PHASE_BYTES if gathered else GUARD_BYTES + offset_bytes


def _missed(row_bytes: int, pixels: int, walks: Sequence[_Walk], warm: int) -> list[int]:
    """Lines that the blocks of each walk miss one after the other, but for the first ``warm`` ones,
    on patches from the walk's address on."""
    keys = []
    for panel, blocks in walks:
        weights = WEIGHTS_PHASE_BYTES + 4 * row_bytes * blocks[0]
        # The cache looks the same from each of its sets.
        phase, beside = panel % LINE_BYTES, (weights - panel) % CACHE_BYTES
        keys.append((phase, beside, tuple([block - blocks[0] for block in blocks])))
    different = dict.fromkeys(keys)
    missed = _missed_from(row_bytes, pixels, tuple(different), warm)
    found = dict(zip(different, missed, strict=True))
    return [found[key] for key in keys]


@functools.lru_cache(maxsize=8192)
def _missed_from(
    row_bytes: int, pixels: int, walks: tuple[tuple[int, int, tuple[int, ...]], ...], warm: int
) -> list[int]:
    """The same for patches from a phase on, and weights so many bytes behind that."""
    weights: list[int] = []
    panels: list[int] = []
    for index, (phase, beside, blocks) in enumerate(walks):
        # As one walk, in which each has lines of its own.
        own = index * _APART
        weights += [own + _FAR + phase + beside + 4 * row_bytes * block for block in blocks]
        panels += [own + phase] * len(blocks)
    walk = block_lines(row_bytes, np.array(weights), np.array(panels), pixels)
    mask = miss_mask(walk.lines.ravel()).reshape(walk.lines.shape)
    of_blocks = (np.add.reduce(mask, axis=1) + walk.again).tolist()
    found = []
    for _, _, blocks in walks:
        found.append(sum(of_blocks[warm : len(blocks)]))
        of_blocks = of_blocks[len(blocks) :]
    return found


def _missed_by_two(
    row_bytes: int, pixels: int, begins: Sequence[int], step: int, blocks: int
) -> tuple[int, int]:
    """Lines that all blocks miss on first panels at ``begins`` and on the next ones, ``step`` bytes
    later."""
    # As one walk, in which each place has lines of its own.
    apart = _APART * np.arange(len(begins))[:, None, None]
    panels = np.array([(begin, begin + step) for begin in begins])[:, :, None] + apart
    weights = _FAR + WEIGHTS_PHASE_BYTES + 4 * row_bytes * np.arange(blocks)
    both = (len(begins), 2, blocks)
    walk = block_lines(
        row_bytes,
        np.broadcast_to(weights + apart, both).ravel(),
        np.broadcast_to(panels, both).ravel(),
        pixels,
    )
    mask = miss_mask(walk.lines.ravel()).reshape(*both, -1)
    missed = mask.sum(axis=(0, 2, 3)) + walk.again.reshape(both).sum(axis=(0, 2))
    first, later = missed.tolist()
    return first, later
