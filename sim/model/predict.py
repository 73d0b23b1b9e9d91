"""Cycles and counters of a layer without running it: exact loop counts times calibrated costs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import Chunk, LayerPlan, TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

from .calibration import COUNTS, Calibration, load_calibration
from .errors import ModelError
from .features import FILL_CYCLES, LINE_BYTES, chunk_work, family_of
from .schedule import run_locked, run_shares, run_stealing

__all__ = ["LayerPrediction", "ModelCounters", "TERMS", "load_calibration", "predict_layer"]

TERMS = ("compute", "dispatch", "memory", "fetch", "tile_wait", "bus_wait", "imbalance", "sync")
"""Causes of cycles, averaged over harts. ``dispatch``: once per chunk, panel or group; ``memory``:
data cache misses and stores; ``tile_wait``: for an MVM or for a tile that another hart holds;
``bus_wait``: on the shared bus; ``imbalance``: asleep until the last hart is done."""

_DISPATCH = ("layer", "chunk", "panel", "block", "group", "group_channel")


@dataclass(frozen=True, kw_only=True)
class ModelCounters:
    """Predicted hardware counters, in the form that the energy model reads."""

    harts: tuple[dict[HartCounter, float], ...]
    tiles: tuple[dict[TileStatusReg, float], ...]
    memory_beats: float
    cycles: float


@dataclass(frozen=True, kw_only=True)
class LayerPrediction:
    """What the model says of one layer."""

    model_cycles: float
    terms: Mapping[str, float]
    """Cycles by cause (:data:`TERMS`); their sum is ``model_cycles``."""
    counters: ModelCounters
    uncalibrated_cycles: float = 0.0
    """The part of model_cycles that rests on a cost that was not measured."""


@dataclass
class _Cost:
    """Events and cycles of a chunk, or a sum of them."""

    counts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0.0))
    dispatch: float = 0.0
    """The part of counts["compute"] that is overhead."""
    mvms: float = 0.0
    unseen: bool = False
    """Some loop of it never ran in the calibration."""

    def add(self, other: "_Cost") -> None:
        for name, value in other.counts.items():
            self.counts[name] += value
        self.dispatch += other.dispatch
        self.mvms += other.mvms
        self.unseen |= other.unseen


def _price(work: Mapping[str, float], lines: Mapping[str, float], kernel) -> _Cost:
    cost = _Cost()
    for count in COUNTS:
        costs = kernel.get(count, {})
        value = sum(rounds * costs.get(name, 0.0) for name, rounds in work.items())
        value += sum(rounds * costs.get(name, 0.0) for name, rounds in lines.items())
        cost.counts[count] = value
    compute = kernel.get("compute", {})
    cost.counts["compute"] += cost.counts["dcache_fills"] * FILL_CYCLES
    cost.dispatch = sum(work.get(name, 0.0) * compute.get(name, 0.0) for name in _DISPATCH)
    seen = kernel.get("seen", {})
    cost.unseen = any(rounds and name not in seen for name, rounds in work.items())
    return cost


class _Machine:
    """How long things wait on one machine."""

    def __init__(self, config: ClusterConfig, calibration: Calibration, body: Body) -> None:
        self.config = config
        self.memory = calibration.memory
        tight = body is Body.TIGHT
        offset = calibration.tile.get("tight_offset" if tight else "loose_offset", 0.0)
        self.mvm_latency = config.tile.mvm_latency_cycles + offset
        self.busy = 0.0
        """Share of cycles in which other harts occupy the memory."""
        self.others = 0.0
        """Other harts on the shared bus."""

    @property
    def queue(self) -> float:
        """Cycles that a request finds ahead of it, but for a calibrated factor."""
        return self.busy * LINE_BYTES / self.config.memory.bytes_per_cycle

    def beats(self, cost: _Cost) -> float:
        lines = cost.counts["icache_fills"] + cost.counts["dcache_fills"]
        return lines * LINE_BYTES / self.config.memory.bytes_per_cycle + cost.counts["stores"]

    def memory_wait(self, cost: _Cost) -> float:
        counts, price = cost.counts, self.memory
        latency = self.config.memory.latency_cycles + price.get("fill", 0.0)
        return (
            counts["dcache_fills"] * (latency + price.get("fill_busy", 0.0) * self.queue)
            + counts["stores"] * price.get("store_busy", 0.0) * self.queue
        )

    def fetch_wait(self, cost: _Cost) -> float:
        latency = self.config.memory.latency_cycles + self.memory.get("fetch", 0.0)
        return cost.counts["icache_fills"] * (
            latency + self.memory.get("fill_busy", 0.0) * self.queue
        )

    def bus_wait(self, cost: _Cost) -> float:
        price = self.memory.get("shared", 0.0) + self.memory.get("shared_others", 0.0) * self.others
        return cost.counts["shared_accesses"] * price

    def straggling(self, shares: list[_Cost]) -> float:
        """The last of several harts has more cache conflicts than their mean, which is predicted:
        addresses decide whose data meets its stack."""
        slowest = max(shares, key=self.time)
        half = 0.5 * slowest.counts["compute"]
        active = sum(1 for share in shares if share.counts["compute"] > half)
        misses = self.memory_wait(slowest) + FILL_CYCLES * slowest.counts["dcache_fills"]
        return misses * self.memory.get("straggler", 0.0) * (1 - 1 / active)

    def tile_wait(self, cost: _Cost) -> float:
        """A result is asked for one pixel's work after its MVM began."""
        if not cost.mvms:
            return 0.0
        work = (cost.counts["compute"] - cost.dispatch + self.memory_wait(cost)) / cost.mvms
        return cost.mvms * max(0.0, self.mvm_latency - work - self.bus_wait(cost) / cost.mvms)

    def time(self, cost: _Cost) -> float:
        waits = self.memory_wait(cost) + self.bus_wait(cost) + self.tile_wait(cost)
        return cost.counts["compute"] + self.fetch_wait(cost) + waits


def predict_layer(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> LayerPrediction:
    """Predict one layer that runs as ``plan`` says on ``machine``.

    A convolution of several groups costs as much as one group, as often as there are groups.
    Operators without a kernel (ELEMENTWISE) are taken to cost what ADD or CLIP costs for as many
    elements; all of that is uncalibrated. Raises ModelError for a kernel that was not calibrated.
    """
    if layer.op is LayerOp.ELEMENTWISE:
        stand_in = dataclasses.replace(
            layer, op=LayerOp.ADD if layer.inputs > 1 else LayerOp.CLIP
        )
        found = predict_layer(stand_in, plan, machine, calibration)
        return dataclasses.replace(found, uncalibrated_cycles=found.model_cycles)
    family = family_of(layer, plan.body)
    if family not in calibration.kernels:
        raise ModelError(
            f"layer {layer.name}: {layer.source_op} has no calibrated kernel {family!r}; "
            f"calibrated are {', '.join(sorted(calibration.kernels))}"
        )
    one = _predict_descriptor(layer, plan, machine, calibration, family)
    return one if layer.groups == 1 else _times(one, layer.groups)


def _predict_descriptor(layer, plan, machine, calibration, family) -> LayerPrediction:
    kernel = calibration.kernels[family]
    clock = _Machine(machine, calibration, plan.body)
    costs = _chunk_costs(layer, plan, machine, kernel)
    base = _price({"layer": 1.0}, {}, kernel)
    ends: list[float] = []
    waited: list[float] = []
    # Contention depends on the length of the layer, and the other way round: two rounds are enough.
    for _ in range(2):
        ends, waited, owners = _schedule(plan, machine, clock, costs)
        sums = [_Cost() for _ in range(machine.harts)]
        for share in sums:
            share.add(base)
        for chunk, owner in enumerate(owners):
            sums[owner].add(costs[chunk])
        cycles = max(ends) + clock.time(base) + clock.straggling(sums)
        total_beats = sum(clock.beats(share) for share in sums)
        active = sum(1 for end in ends if end > 0)
        clock.busy = min(0.9, total_beats / cycles * (active - 1) / max(active, 1))
        if plan.body is Body.LOOSE:
            busy_harts = sum(end - wait for end, wait in zip(ends, waited, strict=True)) / cycles
            clock.others = max(0.0, busy_harts - 1)
    return _result(layer, plan, machine, clock, sums, waited, cycles)


def _chunk_costs(layer, plan: LayerPlan, machine: ClusterConfig, kernel) -> list[_Cost]:
    known: dict[tuple[int, int, int], _Cost] = {}
    costs = []
    tiled = plan.body in (Body.TIGHT, Body.LOOSE)
    for chunk in plan.chunks:
        key = (
            chunk.pixel_end - chunk.pixel_begin,
            chunk.end - chunk.begin,
            chunk.begin if tiled else 0,
        )
        if key not in known:
            work = chunk_work(layer, plan, chunk, machine.tile.output_bytes)
            cost = _price(work.loops, work.lines, kernel)
            cost.mvms = work.pixel_mvms
            known[key] = cost
        costs.append(known[key])
    return costs


def _schedule(plan: LayerPlan, machine: ClusterConfig, clock: _Machine, costs: list[_Cost]):
    # Most chunks are alike, and share one cost.
    known = {id(cost): clock.time(cost) for cost in {id(cost): cost for cost in costs}.values()}
    times = [known[id(cost)] for cost in costs]
    first = plan.hart_first if plan.balance is Balance.STATIC else None
    no_wait = [0.0] * machine.harts
    if plan.body is Body.LOOSE:
        holds = [_holds(plan, chunk, time) for chunk, time in zip(plan.chunks, times, strict=True)]
        return run_locked(holds, first, machine.harts)
    if first is None:
        ends, owners = run_stealing(times, machine.harts)
        return ends, no_wait, owners
    owners = [h for h in range(machine.harts) for _ in range(first[h], first[h + 1])]
    return run_shares(times, first), no_wait, owners


def _holds(plan: LayerPlan, chunk: Chunk, time: float):
    """A chunk's groups, each with its tiles, sharing the chunk's time by their channels."""
    groups = plan.groups[chunk.begin : chunk.end]
    columns = [group.channel_count * len(group.blocks) for group in groups]
    return [
        (tuple({block.tile for block in group.blocks}), time * part / sum(columns))
        for group, part in zip(groups, columns, strict=True)
    ]


def _result(layer, plan, machine, clock, sums, waited, cycles) -> LayerPrediction:
    harts = machine.harts
    mean = dict.fromkeys(TERMS, 0.0)
    counters = []
    for share, wait in zip(sums, waited, strict=True):
        memory, bus = clock.memory_wait(share), clock.bus_wait(share)
        tile, fetch = clock.tile_wait(share), clock.fetch_wait(share)
        mean["compute"] += (share.counts["compute"] - share.dispatch) / harts
        mean["dispatch"] += share.dispatch / harts
        mean["memory"] += memory / harts
        mean["fetch"] += fetch / harts
        mean["bus_wait"] += bus / harts
        mean["tile_wait"] += (tile + wait) / harts
        asleep = max(0.0, cycles - share.counts["compute"] - fetch - memory - bus - tile - wait)
        counters.append(
            {
                HartCounter.CYCLES: cycles,
                HartCounter.SLEEP_CYCLES: asleep,
                HartCounter.DBUS_WAIT_CYCLES: memory + bus,
                HartCounter.IBUS_WAIT_CYCLES: fetch,
                HartCounter.CFU_WAIT_CYCLES: tile if plan.body is Body.TIGHT else 0.0,
                HartCounter.ICACHE_FILLS: share.counts["icache_fills"],
                HartCounter.DCACHE_FILLS: share.counts["dcache_fills"],
                HartCounter.STORES: share.counts["stores"],
                HartCounter.UNCACHED: share.counts["uncached"],
                HartCounter.CFU_COMMANDS: share.counts["cfu_commands"],
                HartCounter.SHARED_ACCESSES: share.counts["shared_accesses"],
                HartCounter.MEMORY_BEATS: clock.beats(share),
            }
        )
    mean["imbalance"] = max(0.0, cycles - sum(mean.values()))
    return LayerPrediction(
        model_cycles=cycles,
        uncalibrated_cycles=cycles if any(share.unseen for share in sums) else 0.0,
        terms=mean,
        counters=ModelCounters(
            harts=tuple(counters),
            tiles=_tile_counters(layer, plan, machine),
            memory_beats=sum(clock.beats(share) for share in sums),
            cycles=cycles,
        ),
    )


def _tile_counters(layer: Layer, plan: LayerPlan, machine: ClusterConfig):
    """Exact: which tile does how many MVMs of which window follows from the plan."""
    tight = machine.harts * machine.tight_tiles_per_hart
    tiles = [dict.fromkeys(TileStatusReg, 0.0) for _ in range(tight + machine.loose_tiles)]
    replicas = machine.harts if plan.split is TightSplit.REPLICATE else 1
    for group in plan.groups:
        for block in group.blocks:
            for replica in range(replicas):
                if plan.body is Body.LOOSE:
                    index = tight + block.tile
                else:
                    hart = replica if replicas > 1 else group.hart
                    index = hart * machine.tight_tiles_per_hart + block.tile
                mvms = layer.pixels / replicas
                tile = tiles[index]
                tile[TileStatusReg.MVMS] += mvms
                tile[TileStatusReg.BUSY_CYCLES] += mvms * machine.tile.mvm_latency_cycles
                tile[TileStatusReg.BYTES_IN] += mvms * block.row_count
                tile[TileStatusReg.BYTES_OUT] += mvms * block.col_count * machine.tile.output_bytes
                tile[TileStatusReg.ROWS_USED] += mvms * block.row_count
                tile[TileStatusReg.COLS_USED] += mvms * block.col_count
                tile[TileStatusReg.CELLS_USED] += mvms * block.row_count * block.col_count / 64
                if group.reprogram:
                    writes = block.row_count * block.col_count / 4
                    tile[TileStatusReg.PROGRAM_WRITES] += writes
    return tuple(tiles)


def _times(one: LayerPrediction, count: int) -> LayerPrediction:
    def scale(table):
        return {name: value * count for name, value in table.items()}

    counters = one.counters
    return dataclasses.replace(
        one,
        model_cycles=one.model_cycles * count,
        terms=scale(one.terms),
        counters=ModelCounters(
            harts=tuple(scale(hart) for hart in counters.harts),
            tiles=tuple(scale(tile) for tile in counters.tiles),
            memory_beats=counters.memory_beats * count,
            cycles=counters.cycles * count,
        ),
        uncalibrated_cycles=one.uncalibrated_cycles * count,
    )
