"""What the model says of a layer: cycles by cause, and counters as the hardware has them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LOOSE_BODIES, LayerPlan

from .cost import Clock, Cost
from .interval import Interval
from .traffic import TRAFFIC, SharedTraffic, hart_beats

__all__ = ["TERMS", "LayerPrediction", "ModelCounters", "prediction", "repeated"]

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


def prediction(
    plan: LayerPlan,
    clock: Clock,
    sums: Sequence[Cost],
    waited: Sequence[float],
    cycles: float,
    tiles: tuple[dict[TileStatusReg, float], ...],
    traffic: SharedTraffic,
) -> LayerPrediction:
    """From what each hart did (``sums``) and waited for tiles that others held."""
    harts = len(sums)
    mean = dict.fromkeys(TERMS, 0.0)
    counters = []
    for share, wait in zip(sums, waited, strict=True):
        memory, bus = clock.memory_wait(share), clock.bus_wait(share)
        tile, fetch = clock.tile_wait(share), clock.fetch_wait(share)
        mean["compute"] += (share.compute - share.dispatch) / harts
        mean["dispatch"] += share.dispatch / harts
        mean["memory"] += memory / harts
        mean["fetch"] += fetch / harts
        mean["bus_wait"] += bus / harts
        mean["tile_wait"] += (tile + wait) / harts
        asleep = max(0.0, cycles - share.compute - fetch - memory - bus - tile - wait)
        # It sleeps while loose tiles are at work, or held by others.
        asleep += tile + wait if plan.body in LOOSE_BODIES else 0.0
        counters.append(_hart_counters(plan, clock, share, cycles, asleep))
    mean["imbalance"] = max(0.0, cycles - sum(mean.values()))
    return LayerPrediction(
        model_cycles=cycles,
        uncalibrated_cycles=cycles if any(share.unseen for share in sums) else 0.0,
        terms=mean,
        counters=ModelCounters(
            harts=tuple(counters),
            tiles=tiles,
            cycles=cycles,
            **{name: getattr(traffic, name) for name in TRAFFIC},
        ),
    )


def _hart_counters(
    plan: LayerPlan, clock: Clock, share: Cost, cycles: float, asleep: float
) -> dict[HartCounter, float]:
    return {
        HartCounter.CYCLES: cycles,
        HartCounter.SLEEP_CYCLES: asleep,
        HartCounter.DBUS_WAIT_CYCLES: clock.memory_wait(share) + clock.bus_wait(share),
        HartCounter.IBUS_WAIT_CYCLES: clock.fetch_wait(share),
        HartCounter.CFU_WAIT_CYCLES: clock.tile_wait(share) if plan.body is Body.TIGHT else 0.0,
        HartCounter.ICACHE_FILLS: share.icache_fills,
        HartCounter.DCACHE_FILLS: share.dcache_fills,
        HartCounter.STORES: share.stores,
        HartCounter.UNCACHED: share.uncached,
        HartCounter.CFU_COMMANDS: share.cfu_commands,
        HartCounter.SHARED_ACCESSES: share.shared_accesses,
        HartCounter.MEMORY_BEATS: hart_beats(share, clock.config.memory.bytes_per_cycle),
    }


def repeated(one: LayerPrediction, count: int) -> LayerPrediction:
    """The same ``count`` times, one after the other."""

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
