"""Cycles and counters of a layer without running it: exact loop counts times calibrated costs."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import LOOSE_BODIES, Chunk, LayerPlan
from tightrope.sim.workload.layers import Layer, LayerOp

from .calibration import Calibration, load_calibration
from .cost import BUSY_MAX, Clock, Cost, bus_queue, price
from .errors import ModelError
from .features import chunk_works, family_of, residual_class
from .interval import Interval, interval_of
from .ranges import outside, traits_of
from .schedule import Hold, run_locked, run_shares, run_stealing
from .tile_counters import tile_counters
from .traffic import TRAFFIC, SharedTraffic, shared_traffic

__all__ = [
    "LayerPrediction",
    "ModelCounters",
    "TERMS",
    "chunk_cycles",
    "load_calibration",
    "predict_layer",
]

COLD_HELD_RATIO = 0.6
"""Of what a hart's first chunk costs more than others: while it holds loose tiles."""
HELD_BAND_CYCLES = 600.0
"""For which a hart that streams holds tiles beside what they compute, for each band,"""
HELD_JOB_CYCLES = 250.0
"""and for each job."""
TERMS = ("compute", "dispatch", "memory", "fetch", "tile_wait", "bus_wait", "imbalance", "sync")
"""Causes of cycles, averaged over harts. ``dispatch``: once per chunk, panel or group; ``memory``:
data cache misses and stores; ``tile_wait``: for an MVM or for a tile that another hart holds;
``bus_wait``: on the shared bus; ``imbalance``: asleep until the last hart is done."""


@dataclass(frozen=True, kw_only=True)
class ModelCounters(SharedTraffic):
    """Predicted hardware counters, in the form that the energy model reads."""

    harts: tuple[dict[HartCounter, float], ...]
    tiles: tuple[dict[TileStatusReg, float], ...]
    cycles: float


@dataclass(frozen=True, kw_only=True)
class LayerPrediction:
    """What the model says of one layer."""

    model_cycles: float
    terms: Mapping[str, float]
    """Cycles by cause (:data:`TERMS`); their sum is ``model_cycles``."""
    counters: ModelCounters
    interval: Interval = (0.0, math.inf)
    """(low, high) cycles between which the truth lies with a probability of CONFIDENCE."""
    extrapolated: tuple[str, ...] = ()
    """What of the layer or the machine lies outside of all that was measured, and outside of what:
    then the interval is a guess."""
    uncalibrated_cycles: float = 0.0
    """The part of model_cycles that rests on a cost that was not measured."""


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
        # Of what is not calibrated, no error is known.
        return dataclasses.replace(
            found, uncalibrated_cycles=found.model_cycles, interval=(0.0, math.inf)
        )
    found = _predict_descriptor(layer, plan, machine, calibration)
    if layer.groups > 1:
        found = _times(found, layer.groups)
    family = family_of(layer, plan.body)
    return dataclasses.replace(
        found,
        interval=interval_of(
            calibration.residuals.get(residual_class(layer, plan), ()), found.model_cycles
        ),
        extrapolated=outside(
            traits_of(layer, plan.body, machine), calibration.ranges.get(family, {})
        ),
    )


def chunk_cycles(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> list[list[float]]:
    """Cycles of each chunk on each hart, if nobody else wants memory or tiles at the same time."""
    clock = Clock(machine, calibration, plan.body, post=plan.post_processes(machine.tile))
    by_hart = _costs_by_hart(layer, plan, machine, calibration)
    return [[clock.time(cost) for cost in chunk] for chunk in zip(*by_hart, strict=True)]


def _kernel(layer: Layer, body: Body, calibration: Calibration):
    family = family_of(layer, body)
    if family not in calibration.kernels:
        raise ModelError(
            f"layer {layer.name}: {layer.source_op} has no calibrated kernel {family!r}; "
            f"calibrated are {', '.join(sorted(calibration.kernels))}"
        )
    return calibration.kernels[family]


def _predict_descriptor(layer, plan, machine, calibration) -> LayerPrediction:
    kernel = _kernel(layer, plan.body, calibration)
    clock = Clock(machine, calibration, plan.body, post=plan.post_processes(machine.tile))
    costs = _costs_by_hart(layer, plan, machine, calibration)
    # A hart that steals looks at what every other one has left; where tiles are shared, that is
    # lost in the waits for them.
    steals = plan.balance is Balance.STEAL and plan.body not in LOOSE_BODIES
    visits = machine.harts if steals else 0
    once = {"layer": 1.0, "visit": float(visits), "other_hart": float(machine.harts > 1)}
    base = price(once, {}, kernel)
    # A hart's first chunk finds caches that hold nothing of the kernel.
    first = price({"hart": 1.0}, {}, kernel)

    def run():
        cold = clock.time(first)
        held = COLD_HELD_RATIO * cold if plan.body in LOOSE_BODIES else 0.0
        ends, waited, owners = _schedule(plan, machine, clock, costs, held)
        sums = [Cost() for _ in range(machine.harts)]
        for share in sums:
            share.add(base)
        for chunk, owner in enumerate(owners):
            sums[owner].add(costs[owner][chunk])
        for hart in set(owners):
            sums[hart].add(first)
        engine = sum(share.pipeline.engine for share in sums)
        cycles = max(max(ends), engine) + clock.time(base) + cold - held
        return cycles, sums, ends, waited, owners

    cycles, sums, ends, waited, owners = run()
    total_beats = sum(clock.beats(share) for share in sums)
    active = sum(1 for end in ends if end > 0)
    if active > 1:
        # Contention depends on the length of the layer, and the other way round. The wait is nearly
        # proportional to what others ask for in a cycle, so two lengths tell where they agree.
        clock.loading = active
        others = (active - 1) / active
        accesses = sum(share.counts["shared_accesses"] for share in sums)
        demand = _Demand(total_beats * others, accesses * others)
        demand.apply(clock, cycles)
        found, *_ = run()
        demand.apply(clock, demand.agreed_cycles(cycles, found))
        cycles, sums, ends, waited, owners = run()
    tiles = tile_counters(layer, plan, machine, _on_tiles(layer, plan, machine, owners))
    traffic = shared_traffic(layer, plan, machine, tiles, total_beats)
    return _result(plan, machine, clock, sums, waited, cycles, tiles, traffic)


@dataclass(frozen=True)
class _Demand:
    """What other harts ask for while one works."""

    beats: float
    """Of main memory."""
    accesses: float
    """To the shared bus."""

    def apply(self, clock: Clock, cycles: float) -> None:
        """To a layer of this length."""
        clock.busy = min(BUSY_MAX, self.beats / cycles)
        clock.bus_busy = min(BUSY_MAX, self.accesses / cycles)

    def agreed_cycles(self, alone: float, found: float) -> float:
        """The length that makes itself: ``alone`` if nobody waited, ``found`` if all waited as they
        would in a layer of that length. Waits grow as the queue does that is longer."""
        asked = max(self.accesses, self.beats)

        def queue(cycles: float) -> float:
            return bus_queue(asked / cycles)

        if found <= alone or not asked:
            return alone
        low, high, slope = alone, found, (found - alone) / queue(alone)
        for _ in range(12):
            middle = (low + high) / 2
            if alone + slope * queue(middle) > middle:
                low = middle
            else:
                high = middle
        return (low + high) / 2


def _costs_by_hart(layer, plan: LayerPlan, machine: ClusterConfig, calibration) -> list[list[Cost]]:
    """The chunks' costs for each hart. A hart without a tile computes the channels of a chunk's
    groups with DOT4, and nothing else of the plan differs for it."""
    costs = _chunk_costs(layer, plan, machine, calibration)
    if not plan.needs_digital_harts(machine):
        return [costs] * machine.harts
    channels = [group.channel_count for group in plan.groups]
    digital = dataclasses.replace(
        plan,
        body=Body.DOT4,
        groups=(),
        chunks=tuple(
            chunk
            if plan.body_of(chunk) is not plan.body
            else dataclasses.replace(chunk, begin=0, end=sum(channels[chunk.begin : chunk.end]))
            for chunk in plan.chunks
        ),
    )
    others = _chunk_costs(layer, digital, machine, calibration)
    return [costs if hart < machine.tiled_harts else others for hart in range(machine.harts)]


def _on_tiles(layer, plan: LayerPlan, machine: ClusterConfig, owners: list[int]) -> float:
    """The share of a layer's MVMs that tiles compute."""
    if not plan.needs_digital_harts(machine):
        return 1.0
    sizes = [
        (c.pixel_end - c.pixel_begin) * (c.end - c.begin)
        if plan.body_of(c) is plan.body
        else 0
        for c in plan.chunks
    ]
    done = sum(
        size for size, owner in zip(sizes, owners, strict=True) if owner < machine.tiled_harts
    )
    return done / sum(sizes)


def _chunk_costs(layer, plan: LayerPlan, machine: ClusterConfig, calibration) -> list[Cost]:
    known: dict[int, Cost] = {}
    costs = []
    for chunk, work in zip(plan.chunks, chunk_works(layer, plan, machine), strict=True):
        if id(work) not in known:
            kernel = _kernel(layer, plan.body_of(chunk), calibration)
            cost = price(work.loops, work.lines, kernel, work.code)
            cost.mvms, cost.pipeline = work.pixel_mvms, work.pipeline
            known[id(work)] = cost
        costs.append(known[id(work)])
    return costs


def _schedule(
    plan: LayerPlan, machine: ClusterConfig, clock: Clock, costs: list[list[Cost]], cold: float
):
    # Most chunks are alike and share one cost, and most harts one list.
    lists = {id(own): own for own in costs}
    known = {id(cost): cost for own in lists.values() for cost in own}
    prices = {key: clock.time(cost) for key, cost in known.items()}
    found = {key: [prices[id(cost)] for cost in own] for key, own in lists.items()}
    times = [found[id(own)] for own in costs]
    first, steal = plan.hart_first, plan.balance is Balance.STEAL
    no_wait = [0.0] * machine.harts
    if plan.body in LOOSE_BODIES:
        each = zip(plan.chunks, times[0], costs[0], strict=True)
        holds = [_holds(plan, chunk, time, cost) for chunk, time, cost in each]
        return run_locked(holds, first, machine.harts, steal=steal, cold=cold)
    if steal:
        ends, owners = run_stealing(times, first)
        return ends, no_wait, owners
    owners = [h for h in range(machine.harts) for _ in range(first[h], first[h + 1])]
    return run_shares(times, first), no_wait, owners


def _holds(plan: LayerPlan, chunk: Chunk, time: float, cost: Cost):
    """A chunk's groups, each with its tiles, sharing the chunk's time by their channels.

    A hart that streams gives the tiles back before it adds up what they computed.
    """
    if plan.body_of(chunk) is not plan.body:
        return [((), time)]
    groups = plan.groups[chunk.begin : chunk.end]
    columns = [group.channel_count * len(group.blocks) for group in groups]
    holds: list[Hold] = []
    for index, (group, part) in enumerate(zip(groups, columns, strict=True)):
        tiles = tuple({block.tile for block in group.blocks})
        share = time * part / sum(columns)
        if not cost.pipeline.sums:
            holds.append((tiles, share))
            continue
        bands = cost.pipeline.groups[index]
        pushed = HELD_BAND_CYCLES + HELD_JOB_CYCLES * len(group.blocks)
        held = [band.tile + pushed for band in bands]
        rest = max(0.0, share - sum(held)) / len(bands)
        for one in held:
            holds += [(tiles, one), ((), rest)]
    return holds


def _result(plan, machine, clock, sums, waited, cycles, tiles, traffic) -> LayerPrediction:
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
        # It sleeps while loose tiles are at work, or held by others.
        asleep += tile + wait if plan.body in LOOSE_BODIES else 0.0
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
            tiles=tiles,
            cycles=cycles,
            **dataclasses.asdict(traffic),
        ),
    )


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
            cycles=counters.cycles * count,
            **scale({name: getattr(counters, name) for name in TRAFFIC}),
        ),
        uncalibrated_cycles=one.uncalibrated_cycles * count,
    )
