"""What a chunk of a layer does, in numbers that don't depend on calibrated costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from tightrope.hw.headers import DCACHE_BYTES, DCACHE_LINE_BYTES

__all__ = [
    "Band",
    "CACHE_BYTES",
    "FETCH_CYCLES",
    "FILL_CYCLES",
    "LINE_BYTES",
    "SETS",
    "Features",
    "Pipeline",
    "Work",
    "total",
]

CACHE_BYTES = DCACHE_BYTES
LINE_BYTES = DCACHE_LINE_BYTES
SETS = CACHE_BYTES // LINE_BYTES
FILL_CYCLES = 10.0
"""Of a data cache miss, beyond the cycles that count as waiting: eight words arrive one per cycle,
and the load starts again."""
FETCH_CYCLES = 10.0
"""The same of an instruction cache miss."""

Features = dict[str, float]


@dataclass(frozen=True)
class Band:
    """What runs beside a hart that streams, for one band, in cycles."""

    load: float
    """Of the DMA engine, which all harts share, for inputs."""
    tile: float
    """Of the slowest tile."""
    store: float
    """Of the DMA engine, for results that tiles have requantised."""
    after: float
    """Of the tiles, once the hart has pushed the last job."""


@dataclass(frozen=True)
class Pipeline:
    """The bands of each group of a chunk, in order."""

    groups: tuple[tuple[Band, ...], ...] = ()
    sums: bool = False
    """The hart adds up the results, one band after the other."""

    @property
    def bands(self) -> int:
        """Of all groups."""
        return sum(map(len, self.groups))

    @property
    def tile(self) -> float:
        """Cycles of tiles."""
        return sum(band.tile for group in self.groups for band in group)

    @property
    def engine(self) -> float:
        """Cycles of the DMA engine."""
        return sum(band.load + band.store for group in self.groups for band in group)

    def __add__(self, other: "Pipeline") -> "Pipeline":
        return Pipeline(groups=self.groups + other.groups, sums=self.sums or other.sums)


class Work(NamedTuple):
    """One chunk in numbers."""

    loops: Features
    """Loop counts: instructions are linear in them."""
    lines: Features
    """Cache lines wanted, by array: misses are linear in them."""
    code: Mapping[str, float] = MappingProxyType({})
    """Rounds of loops whose functions may drive each other out of the instruction cache."""
    bursts: float = 0.0
    """Accesses to the shared bus that come one after the other, when all harts begin."""
    pixel_mvms: float = 0.0
    """Pixels times row blocks: the waits for an MVM are counted by it."""
    pipeline: Pipeline = Pipeline()


def total(features: list[Mapping[str, float]]) -> Features:
    """The sum, name by name."""
    result: Features = {}
    for item in features:
        for name, value in item.items():
            result[name] = result.get(name, 0.0) + value
    return result
