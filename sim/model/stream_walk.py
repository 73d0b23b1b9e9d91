"""Data cache misses of conv_stream.c beside those of the sums: stack, descriptor and tables, walked
band after band."""

import functools
from collections.abc import Sequence

import numpy as np
from tightrope.sim.image.layout import BLOCK, size_bytes

from .cache_lines import direct_mapped_misses
from .work import LINE_BYTES

__all__ = ["bands_misses"]

POSTED_BANDS_WALKED = 4
"""Of a group whose tiles requantise; other bands are like the last of them."""
_FAR = 1 << 28
"""The tables are this far from the stack, a multiple of the cache."""
_BEGIN = (3760, 3712, 3744, 3616, 3584, 3720, 3652, 2160)
_BEGIN_GROUP = (2156, 2168, 3592, 3632, 2196)
_LOAD = (2168, 3760, 3616, 3584, 3628, 3588, 3640, 3648, 3632, 3596, 3580, 2192, 3316, 2140, 2184)
_PUSH = (2168, 3760, 3616, 3648, 2176)
_PUSH_BLOCK = (2180, 3048, 3588, 2208, 2240, 2272)
_PLACES, _PLACE_BYTES = 2280, 12
_JOBS_PUSHED, _JOBS_END = 3318, 3060
_STORE = (2168, 2176, 2276, 3760, 3608, 3624, 2080, 3316, 2140, 2108, 2184)
_SUM = (2184, 2168, 3760, 2188, 2276)
_LEFT_BY_SUMS = (3424, 3456, 3616, 2064)
"""Stack that each step reads, as the compiler has it, addresses modulo the cache: the layer's
descriptor in the frame of ``main``, and the frames of conv_stream_s8 and of what it calls."""
_COUNT_OFFSET_BYTES = 12
"""Of a group's number of blocks."""


@functools.lru_cache(maxsize=8192)
def bands_misses(
    chunk: int, group: int, block: int, blocks: int, bands: int, *, posted: bool, is_first: bool
) -> float:
    """Lines missed by ``bands`` bands of a group of ``blocks``, the tables of which lie at these
    addresses modulo the cache; ``is_first``: of a chunk, which finds nothing in the cache."""
    walk = _Walk(chunk, group, [block + size_bytes(BLOCK) * index for index in range(blocks)])
    begin = (walk.begin() if is_first else []) + walk.begin_group()
    begin += walk.load() * min(2, bands)
    if not posted:
        first = _misses(begin + walk.raw_band())
        left = list(_LEFT_BY_SUMS)
        return first + (bands - 1) * (_misses(left + walk.raw_band()) - _misses(left))
    before = begin + walk.hold()
    walked = min(bands, POSTED_BANDS_WALKED)
    all_of_them = _misses(before + walk.posted_band() * walked)
    if walked == bands:
        return all_of_them
    last = all_of_them - _misses(before + walk.posted_band() * (walked - 1))
    return all_of_them + (bands - walked) * last


def _misses(addrs: Sequence[int]) -> int:
    return direct_mapped_misses(np.array(addrs) // LINE_BYTES, 0)


class _Walk:
    """Addresses that each step reads, one after the other."""

    def __init__(self, chunk: int, group: int, blocks: Sequence[int]) -> None:
        self._chunk = _FAR + chunk
        self._group = _FAR + group
        self._blocks = [_FAR + block for block in blocks]
        self._count = self._group + _COUNT_OFFSET_BYTES

    def begin(self) -> list[int]:
        return [self._chunk, *_BEGIN, self._chunk + 8]

    def begin_group(self) -> list[int]:
        looks = [addr for block in self._blocks for addr in (block + 20, 3592, self._count)]
        return [*_BEGIN_GROUP, self._group, *looks]

    def load(self) -> list[int]:
        return [self._chunk, *_LOAD]

    def hold(self) -> list[int]:
        """Tiles are taken, or given back."""
        search = [self._count, *self._blocks]
        return [2176, *search, 2108, *search, 2140, 2176, self._count, 2180, *self._blocks]

    def push(self) -> list[int]:
        addrs = [self._chunk, *_PUSH]
        for index, block in enumerate(self._blocks):
            addrs += [self._count, *_PUSH_BLOCK, _PLACES + _PLACE_BYTES * index, block + 8, block]
            addrs += [_JOBS_PUSHED + 2 * index, 2272]
        return [*addrs, 2140, 2108]

    def wait(self) -> list[int]:
        addrs = [2176]
        for index, block in enumerate(self._blocks):
            addrs += [self._count, 2180, block, _JOBS_END + 2 * index]
        return addrs

    def raw_band(self) -> list[int]:
        """Until the hart adds up."""
        band = [3056, *self.hold(), *self.push(), *self.wait(), self._count, *self._blocks]
        return [*band, *self.load(), *_SUM, self._chunk, self._group, self._count]

    def posted_band(self) -> list[int]:
        store = [*_STORE, self._chunk, self._group, self._count]
        return [3056, *self.push(), *self.wait(), *store, *self.load()]
