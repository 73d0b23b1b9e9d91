"""Calibrated costs at work: events and cycles of a chunk, and how long things wait on a machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tightrope.hw.config import ClusterConfig
from tightrope.hw.tile.lanes import LANE_LATENCY_CYCLES
from tightrope.sim.image.layout import Body

from .calibration import COUNTS, Calibration
from .stream_timeline import stream_wait
from .work import FETCH_CYCLES, FILL_CYCLES, LINE_BYTES, Pipeline

__all__ = ["BUSY_MAX", "Clock", "Cost", "bus_queue", "price"]

BUSY_MAX = 0.9
"""What others occupy at the most: more is not left to them while one waits."""
_DISPATCH = ("layer", "other_hart", "visit", "hart", "chunk", "panel", "block", "skipped_block",
             "group", "group_block", "tile_search", "post_group", "constants", "channel_block",
             "pack", "tile", "strip", "window_row")  # fmt: skip


@dataclass
class Cost:
    """Events and cycles of a chunk, or a sum of them."""

    counts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0.0))
    dispatch: float = 0.0
    """The part of counts["compute"] that is overhead."""
    scratch_fills: float = 0.0
    """The part of counts["dcache_fills"] that comes from the scratchpad."""
    layers: float = 0.0
    """1 for what a layer costs once."""
    mvms: float = 0.0
    pipeline: Pipeline = Pipeline()
    unseen: bool = False
    """Some loop of it never ran in the calibration."""

    def add(self, other: "Cost") -> None:
        for name, value in other.counts.items():
            self.counts[name] += value
        self.dispatch += other.dispatch
        self.scratch_fills += other.scratch_fills
        self.layers += other.layers
        self.mvms += other.mvms
        self.pipeline += other.pipeline
        self.unseen |= other.unseen


def price(
    work: Mapping[str, float], lines: Mapping[str, float], kernel, code: Mapping[str, float] = {}
) -> Cost:
    cost = Cost()
    for count in COUNTS:
        costs = kernel.get(count, {})
        value = sum(rounds * costs.get(name, 0.0) for name, rounds in work.items())
        value += sum(rounds * costs.get(name, 0.0) for name, rounds in lines.items())
        if count == "icache_fills":
            value += sum(rounds * costs.get(name, 0.0) for name, rounds in code.items())
        cost.counts[count] = value
    fills = kernel.get("dcache_fills", {})
    cost.scratch_fills = lines.get("results", 0.0) * fills.get("results", 0.0)
    cost.layers = work.get("layer", 0.0)
    compute = kernel.get("compute", {})
    cost.counts["compute"] += (
        cost.counts["dcache_fills"] * FILL_CYCLES + cost.counts["icache_fills"] * FETCH_CYCLES
    )
    cost.dispatch = sum(work.get(name, 0.0) * compute.get(name, 0.0) for name in _DISPATCH)
    seen = kernel.get("seen", {})
    cost.unseen = any(rounds and name not in seen for name, rounds in work.items())
    return cost


def bus_queue(busy: float) -> float:
    """Transfers that one finds ahead of it at what others occupy for a share of the cycles, but for
    a calibrated factor."""
    busy = min(busy, BUSY_MAX)
    return busy / (1 - busy)


class Clock:
    """How long things wait on one machine."""

    def __init__(
        self, config: ClusterConfig, calibration: Calibration, body: Body, *, post: bool = False
    ) -> None:
        self.config = config
        self.memory = calibration.memory
        tight = body is Body.TIGHT
        offset = calibration.tile.get("tight_offset" if tight else "loose_offset", 0.0)
        self.mvm_latency = config.tile.mvm_latency_cycles + offset
        if post:
            self.mvm_latency += LANE_LATENCY_CYCLES + 1
        self.busy = 0.0
        """Share of cycles in which other harts occupy the memory."""
        self.bus_busy = 0.0
        """Share of cycles in which other harts occupy the shared bus."""
        self.loading = 1
        """Harts that begin and end at the same time, and then share the DMA engine."""

    @property
    def queue(self) -> float:
        """Cycles that a request finds ahead of it, but for a calibrated factor."""
        return bus_queue(self.busy) * LINE_BYTES / self.config.memory.bytes_per_cycle

    def beats(self, cost: Cost) -> float:
        lines = cost.counts["icache_fills"] + cost.counts["dcache_fills"]
        return lines * LINE_BYTES / self.config.memory.bytes_per_cycle + cost.counts["stores"]

    def memory_wait(self, cost: Cost) -> float:
        counts, price = cost.counts, self.memory
        latency = self.config.memory.latency_cycles + price.get("fill", 0.0)
        fills = counts["dcache_fills"] - cost.scratch_fills
        return (
            fills * (latency + price.get("fill_busy", 0.0) * self.queue)
            + cost.scratch_fills * price.get("scratch_fill", 0.0)
            + cost.layers * price.get("layer", 0.0)
            + counts["stores"] * price.get("store_busy", 0.0) * self.queue
        )

    def fetch_wait(self, cost: Cost) -> float:
        latency = self.config.memory.latency_cycles + self.memory.get("fetch", 0.0)
        return cost.counts["icache_fills"] * (
            latency + self.memory.get("fill_busy", 0.0) * self.queue
        )

    def bus_wait(self, cost: Cost) -> float:
        queue = bus_queue(self.bus_busy)
        price = self.memory.get("shared", 0.0) + self.memory.get("shared_busy", 0.0) * queue
        return cost.counts["shared_accesses"] * price

    def tile_wait(self, cost: Cost) -> float:
        """A result is asked for one pixel's work after its MVM began. A hart that streams sleeps
        until the tiles and the DMA engine are done."""
        if cost.pipeline.bands:
            return self._stream_wait(cost)
        if not cost.mvms:
            return 0.0
        work = (cost.counts["compute"] - cost.dispatch + self.memory_wait(cost)) / cost.mvms
        return cost.mvms * max(0.0, self.mvm_latency - work - self.bus_wait(cost) / cost.mvms)

    def _stream_wait(self, cost: Cost) -> float:
        beside = (
            cost.counts["compute"] - cost.dispatch + self.memory_wait(cost) + self.bus_wait(cost)
        )
        return stream_wait(cost.pipeline, beside, cost.dispatch, self.loading)

    def time(self, cost: Cost) -> float:
        waits = self.memory_wait(cost) + self.bus_wait(cost) + self.tile_wait(cost)
        return cost.counts["compute"] + self.fetch_wait(cost) + waits
