"""Calibrated costs at work: events and cycles of a chunk, and how long things wait on a machine."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.tile.lanes import LANE_LATENCY_CYCLES
from tightrope.sim.image.layout import Body

from .calibration import COUNTS, Calibration
from .stream_timeline import stream_wait
from .work import FETCH_CYCLES, FILL_CYCLES, LINE_BYTES, Features, Pipeline, Work

__all__ = ["BUSY_MAX", "Clock", "Cost", "PriceList", "burst_queue", "bus_queue"]

BUSY_MAX = 0.9
"""What others occupy at the most: more is not left to them while one waits."""
BURST_HARTS = 4
"""Whose bursts take the shared bus no longer than each takes alone."""
_DISPATCH = ("layer", "other_hart", "visit", "hart", "chunk", "panel", "block", "skipped_block",
             "group", "group_block", "tile_search", "post_group", "constants", "channel_block",
             "pack", "tile", "strip", "window_row")  # fmt: skip


class Cost(NamedTuple):
    """Events and cycles of a chunk, or a sum of them; the first are those of :data:`COUNTS`."""

    compute: float = 0.0
    icache_fills: float = 0.0
    dcache_fills: float = 0.0
    stores: float = 0.0
    cfu_commands: float = 0.0
    shared_accesses: float = 0.0
    uncached: float = 0.0
    joined_stores: float = 0.0
    dispatch: float = 0.0
    """The part of ``compute`` that is overhead."""
    scratch_fills: float = 0.0
    """The part of ``dcache_fills`` that comes from the scratchpad."""
    layers: float = 0.0
    """1 for what a layer costs once."""
    bursts: float = 0.0
    """``Work.bursts``."""
    mvms: float = 0.0
    pipeline: Pipeline = Pipeline()
    unseen: bool = False
    """Some loop of it never ran in the calibration."""

    @classmethod
    def total(cls, costs: Sequence["Cost"]) -> "Cost":
        """The sum of some, one or more, in their order."""
        numbers = [sum(each) for each in zip(*[cost[_NUMBERS] for cost in costs], strict=True)]
        pipeline = Pipeline()
        for cost in costs:
            if cost.pipeline.groups:
                pipeline += cost.pipeline
        unseen = any([cost.unseen for cost in costs])
        return cls(*numbers, pipeline=pipeline, unseen=unseen)


_NUMBERS = slice(Cost._fields.index("pipeline"))


class PriceList:
    """The calibrated costs of one kernel as a matrix."""

    def __init__(self, kernel: Mapping[str, Mapping[str, float]]) -> None:
        tables = [kernel.get(count, {}) for count in COUNTS]
        names = sorted(set().union(*tables))
        self._none = dict.fromkeys(names, 0.0)
        costs = np.array([[table.get(name, 0.0) for table in tables] for name in names])
        costs = costs.reshape(len(names), len(COUNTS))
        fills = costs[:, COUNTS.index("dcache_fills")] * FILL_CYCLES
        fetches = costs[:, COUNTS.index("icache_fills")] * FETCH_CYCLES
        compute = costs[:, COUNTS.index("compute")].copy()
        costs[:, COUNTS.index("compute")] += fills + fetches
        overhead = np.array([name in _DISPATCH for name in names])
        scratch = np.array([name == "results" for name in names])
        self._costs = np.column_stack(
            [costs, compute * overhead, fills / FILL_CYCLES * scratch]
        )  # fmt: skip
        self._seen = set(kernel.get("seen", {}))
        self._once: dict[tuple[int, int], Cost] = {}

    def price(self, works: Sequence[Work]) -> list[Cost]:
        """The cost of each."""
        rows = []
        for work in works:
            # Names that have a price come first, in their order.
            rounds = {**self._none, **work.loops, **work.lines, **work.code}
            rows.append([*rounds.values()][: len(self._none)])
        priced = (np.array(rows, float) @ self._costs).tolist() if rows else []
        return [
            Cost(
                *values,
                layers=work.loops.get("layer", 0.0),
                bursts=work.bursts,
                mvms=work.pixel_mvms,
                pipeline=work.pipeline,
                unseen=self._is_unseen(work.loops),
            )
            for work, values in zip(works, priced, strict=True)
        ]

    def once(self, harts: int, visits: int) -> Cost:
        """What a layer costs each hart before its first chunk, if it ``visits`` so many others."""
        key = (harts, visits)
        if key not in self._once:
            loops = {"layer": 1.0, "visit": float(visits), "other_hart": float(harts > 1)}
            (self._once[key],) = self.price([Work(loops, {})])
        return self._once[key]

    def _is_unseen(self, loops: Features) -> bool:
        if self._seen.issuperset(loops):
            return False
        return any([rounds for name, rounds in loops.items() if name not in self._seen])


def bus_queue(busy: float) -> float:
    """Transfers that one finds ahead of it at what others occupy for a share of the cycles, but for
    a calibrated factor."""
    busy = min(busy, BUSY_MAX)
    return busy / (1 - busy)


def burst_queue(harts: int) -> int:
    """Harts beyond those that the shared bus serves while one of them fetches its next word."""
    return max(0, harts - BURST_HARTS)


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
        self.loading = 1
        """Harts that begin and end at the same time, and then share the DMA engine and the bus."""
        self.first_loads: tuple[float, ...] = ()
        """Cycles of the DMA engine that each of them asks for first."""
        self.occupy(0.0, 0.0)

    def occupy(self, memory_busy: float, bus_busy: float) -> None:
        """Other harts occupy memory and shared bus for these shares of the cycles."""
        price, memory = self.memory.get, self.config.memory
        # Cycles that a request finds ahead of it, but for a calibrated factor.
        queue = bus_queue(memory_busy) * LINE_BYTES / memory.bytes_per_cycle
        busy = price("fill_busy", 0.0) * queue
        self._fill = memory.latency_cycles + price("fill", 0.0) + busy
        self._fetch = memory.latency_cycles + price("fetch", 0.0) + busy
        self._store = price("store_busy", 0.0) * queue
        self._burst = price("burst", 0.0)
        self._scratch_fill = price("scratch_fill", 0.0)
        self._layer = price("layer", 0.0)
        self._access = price("shared", 0.0)
        self._access_busy = price("shared_busy", 0.0) * bus_queue(bus_busy)

    def beats(self, cost: Cost) -> float:
        lines = cost.icache_fills + cost.dcache_fills
        return lines * LINE_BYTES / self.config.memory.bytes_per_cycle + cost.stores

    def memory_wait(self, cost: Cost) -> float:
        return (
            (cost.dcache_fills - cost.scratch_fills) * self._fill
            + cost.scratch_fills * self._scratch_fill
            + cost.layers * self._layer
            + cost.stores * self._store
        )

    def fetch_wait(self, cost: Cost) -> float:
        return cost.icache_fills * self._fetch

    def bus_wait(self, cost: Cost) -> float:
        if not cost.shared_accesses and not cost.bursts:
            return 0.0
        together = cost.bursts * burst_queue(self.loading)
        apart = cost.shared_accesses - cost.bursts
        return (
            cost.shared_accesses * self._access + apart * self._access_busy + together * self._burst
        )

    def tile_wait(self, cost: Cost) -> float:
        """A result is asked for one pixel's work after its MVM began. A hart that streams sleeps
        until the tiles and the DMA engine are done."""
        return self._tile_wait(cost, self.memory_wait(cost), self.bus_wait(cost))

    def _tile_wait(self, cost: Cost, memory: float, bus: float) -> float:
        """Of a hart that waits so long for ``memory`` and ``bus``."""
        if cost.pipeline.groups and cost.pipeline.bands:
            beside = cost.compute - cost.dispatch + memory + bus
            return stream_wait(
                cost.pipeline, beside, cost.dispatch, self.loading, self.first_loads
            )
        if not cost.mvms:
            return 0.0
        work = (cost.compute - cost.dispatch + memory) / cost.mvms
        return cost.mvms * max(0.0, self.mvm_latency - work - bus / cost.mvms)

    def least_tile_time(self, costs: Iterable[Cost]) -> float:
        """Cycles for which the work of chunks needs tiles at the least, however it is cut: nothing
        comes once for a chunk or a group, no cache misses, and nobody waits for others."""
        work = mvms = 0.0
        for cost in costs:
            fills = FILL_CYCLES * cost.dcache_fills + FETCH_CYCLES * cost.icache_fills
            work += cost.compute - cost.dispatch - fills
            mvms += cost.mvms
        return max(work, mvms * self.mvm_latency)

    def time(self, cost: Cost) -> float:
        memory, bus = self.memory_wait(cost), self.bus_wait(cost)
        own = cost.compute + self.fetch_wait(cost) + memory + bus
        return own + self._tile_wait(cost, memory, bus)
