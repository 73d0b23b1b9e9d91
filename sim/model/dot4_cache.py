"""Data cache misses of the digital convolution's inner loops: a sample of them, walked exactly.

The image puts weights, patches and inputs at known places of a round of the cache, so which rows
drive out which follows from a layer's shape.
"""

import functools

import numpy as np
from tightrope.sim.image.arena import SCRATCH_PHASE_BYTES, WEIGHTS_PHASE_BYTES
from tightrope.sim.image.image import GUARD_BYTES

from .cache_lines import direct_mapped_misses
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


@functools.lru_cache(maxsize=4096)
def misses_per_block(
    row_bytes: int, pixels: int, blocks: int, panels: int, gathered: bool, first_block: int = 0
) -> float:
    """Lines that a block of 4 channels misses on all pixels of a panel, in the mean.

    ``row_bytes`` of weights and patch; the chunk's channels begin with ``first_block``.
    """
    counted = 0
    places = 1 if gathered else _PLACES
    starts = sorted({round(i * max(0, blocks - 1 - _BLOCKS) / (_PLACES - 1))
                     for i in range(_PLACES)})  # fmt: skip
    last = min(_BLOCKS, blocks - 1)
    for place in range(places):
        panel = round(place * max(0, panels - 1) / max(1, places - 1))
        first = _panel_addr(panel * pixels * row_bytes, gathered)
        for start in starts:
            walks = _walks(row_bytes, pixels, first, first_block + start + np.arange(last + 1))
            warm = 0 if blocks == 1 else walks.shape[1]
            counted += direct_mapped_misses(walks.ravel(), warm)
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
    first = later = 0
    for place in range(places):
        panel = round(place * max(0, panels - 2) / max(1, places - 1))
        walks = [
            _walks(row_bytes, pixels, begin + (panel + i) * step, np.arange(blocks)).ravel()
            for i in range(2)
        ]
        both, half = np.concatenate(walks), len(walks[0])
        found = direct_mapped_misses(both, half)
        later += found
        first += direct_mapped_misses(both, 0) - found
    return first / (blocks * places), later / (blocks * places)


@functools.lru_cache(maxsize=4096)
def misses_in_two_turns(
    row_bytes: int, pixels: int, blocks: int, panels: int, gathered: bool, first_block: int = 0
) -> float:
    """The same where weights pass the panel, then a copy of it on the other half of the cache."""
    places = 1 if gathered else _PLACES
    half = CACHE_BYTES // 2
    missed = 0.0
    for place in range(places):
        panel = round(place * max(0, panels - 1) / max(1, places - 1))
        first = _panel_addr(panel * pixels * row_bytes, gathered)
        middles = WEIGHTS_PHASE_BYTES + (4 * (first_block + np.arange(blocks)) + 2) * row_bytes
        beside = ((middles - first) & half) == 0
        for turn, start in ((~beside, first), (beside, first + half)):
            found = np.flatnonzero(turn)
            if not len(found):
                continue
            walks = _walks(row_bytes, pixels, start, first_block + found[:_TURN_BLOCKS])
            # The panel is counted with the copying.
            misses = direct_mapped_misses(walks.ravel(), 0)
            misses -= pixels * row_bytes / LINE_BYTES
            missed += max(0.0, misses) * len(found) / len(walks)
    return missed / (places * blocks)


def _panel_addr(offset_bytes: int, gathered: bool) -> int:
    """Where in a round of the cache a panel begins, ``offset_bytes`` into the input."""
    return SCRATCH_PHASE_BYTES if gathered else GUARD_BYTES + offset_bytes


def _walks(row_bytes: int, pixels: int, first: int, blocks: np.ndarray) -> np.ndarray:
    """(blocks, reads) lines in the order in which blocks of channels read them."""
    offsets = np.arange(0, row_bytes, 4, dtype=np.int32)
    begins = _FAR + WEIGHTS_PHASE_BYTES + 4 * row_bytes * blocks
    weights = (begins[:, None] + np.arange(4) * row_bytes).astype(np.int32)
    patches = (first + np.arange(pixels) * row_bytes).astype(np.int32)
    fours = pixels // 4
    parts = [
        _reads(offsets, weights, patches[: 4 * fours].reshape(fours, 4)),
        _reads(offsets, weights, patches[4 * fours :].reshape(pixels % 4, 1)),
    ]
    return np.concatenate(parts, axis=1) // LINE_BYTES


def _reads(offsets: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(blocks, reads) addresses of four rows of weights and of the patches of each group."""
    shape = (len(weights), len(groups), len(offsets))
    own = weights[:, None, None, :] + offsets[:, None]
    patches = groups[None, :, None, :] + offsets[:, None]
    rows = [
        np.broadcast_to(own, (*shape, 4)), np.broadcast_to(patches, (*shape, groups.shape[1])),
    ]  # fmt: skip
    return np.concatenate(rows, axis=3).reshape(len(weights), -1)
