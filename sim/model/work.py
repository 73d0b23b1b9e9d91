"""What a chunk of a layer does, in numbers that don't depend on calibrated costs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from tightrope.hw.headers import DCACHE_BYTES, DCACHE_LINE_BYTES

__all__ = [
    "CACHE_BYTES",
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
FILL_CYCLES = 11.0
"""Of a data cache miss, beyond the cycles that count as waiting: eight words arrive one per cycle,
and the load starts again."""

Features = dict[str, float]


@dataclass(frozen=True)
class Pipeline:
    """What runs beside a hart that streams, in cycles: sums over all groups of a chunk."""

    load: float = 0.0
    """Of the DMA engine, which all harts share, for inputs."""
    tile: float = 0.0
    """Of the slowest tile of each group."""
    store: float = 0.0
    """Of the DMA engine, for results that tiles have requantised."""
    bands: float = 0.0
    jobs: float = 0.0
    groups: float = 0.0
    sums: float = 0.0
    """Groups whose results the hart adds up, one band after the other."""

    @property
    def engine(self) -> float:
        """Of the DMA engine."""
        return self.load + self.store

    def __add__(self, other: "Pipeline") -> "Pipeline":
        return Pipeline(
            load=self.load + other.load,
            tile=self.tile + other.tile,
            store=self.store + other.store,
            bands=self.bands + other.bands,
            jobs=self.jobs + other.jobs,
            groups=self.groups + other.groups,
            sums=self.sums + other.sums,
        )


@dataclass(frozen=True)
class Work:
    """One chunk in numbers."""

    loops: Features
    """Loop counts: instructions are linear in them."""
    lines: Features
    """Cache lines wanted, by array: misses are linear in them."""
    code: Features = dataclasses.field(default_factory=dict)
    """Rounds of loops whose functions may drive each other out of the instruction cache."""
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
