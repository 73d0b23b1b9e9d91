"""Cycles and counters of a layer without running it: exact loop counts times calibrated costs."""

import dataclasses
import functools
import math

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance
from tightrope.sim.mapping.plan import LOOSE_BODIES, LayerPlan
from tightrope.sim.workload.layers import Layer, LayerOp

from .calibration import Calibration, load_calibration
from .chunk_costs import costs_by_hart, on_tiles, price_list
from .cost import Clock, Cost
from .features import family_of, residual_class
from .held_code import HeldCode, with_held_code
from .interval import interval_of
from .prediction import TERMS, LayerPrediction, ModelCounters, prediction, repeated
from .ranges import outside, traits_of
from .rounds import Outcome, agreed_outcome
from .tile_counters import tile_counters
from .traffic import hart_beats, shared_traffic

__all__ = [
    "LayerPrediction",
    "ModelCounters",
    "TERMS",
    "chunk_cycles",
    "load_calibration",
    "predict_layer",
    "predicted_cycles",
]


MEMO_MAX = 50_000
"""Predictions that a calibration remembers."""


def predict_layer(
    layer: Layer,
    plan: LayerPlan,
    machine: ClusterConfig,
    calibration: Calibration,
    *,
    held: HeldCode = HeldCode.NOTHING,
) -> LayerPrediction:
    """Predict one layer that runs as ``plan`` says on ``machine``, alone unless ``held`` says what
    ran before.

    A convolution of several groups costs as much as one group, as often as there are groups.
    Operators without a kernel (ELEMENTWISE) are taken to cost what ADD or CLIP costs for as many
    elements; all of that is uncalibrated. Raises ModelError for a kernel that was not calibrated.
    """
    if layer.op is LayerOp.ELEMENTWISE:
        stand_in = dataclasses.replace(
            layer, op=LayerOp.ADD if layer.inputs > 1 else LayerOp.CLIP
        )
        found = predict_layer(stand_in, plan, machine, calibration, held=held)
        # Of what is not calibrated, no error is known.
        return dataclasses.replace(
            found, uncalibrated_cycles=found.model_cycles, interval=(0.0, math.inf)
        )
    found = _predict_descriptor(layer, plan, machine, calibration, held)
    if layer.groups > 1:
        found = repeated(found, layer.groups)
    residuals = calibration.residuals.get(residual_class(layer, plan), ())
    ranges = calibration.ranges.get(family_of(layer, plan.body), {})
    return dataclasses.replace(
        found,
        interval=interval_of(residuals, found.model_cycles),
        extrapolated=outside(traits_of(layer, plan.body, machine), ranges),
    )


def chunk_cycles(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> list[list[float]]:
    """Cycles of each chunk on each hart, if nobody else wants memory or tiles at the same time."""
    clock = Clock(machine, calibration, plan.body, post=plan.post_processes(machine.tile))
    by_hart, _ = costs_by_hart(layer, plan, machine, calibration)
    return [[clock.time(cost) for cost in chunk] for chunk in zip(*by_hart, strict=True)]


def predicted_cycles(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> float:
    """``model_cycles`` of a layer with weights and one group, alone; without counters, which take
    longer."""
    return _known(layer, plan, machine, calibration, HeldCode.NOTHING).cycles


@dataclasses.dataclass(frozen=True)
class _Run:
    """How a descriptor went, before anything is counted."""

    clock: Clock
    costs: list[list[Cost]]
    once: Cost
    first: Cost
    outcome: Outcome


@dataclasses.dataclass
class _Known:
    """What the calibration remembers of a descriptor."""

    used: ClusterConfig
    """The machine, without tiles that the plan has no use for."""
    cycles: float = 0.0
    found: _Run | LayerPrediction | None = None
    """How it went, until somebody wants to know all."""


def _known(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration, held: HeldCode
) -> _Known:
    shape = (layer.op, layer.in_shape, layer.out_shape, layer.kernel, layer.stride, layer.pads,
             layer.groups, layer.inputs)  # fmt: skip
    # Tiles that a plan has no use for make no difference, but for how many idle counters there are.
    used = machine if plan.groups else _without_tiles(machine)
    memo = calibration.memo
    if len(memo) >= MEMO_MAX:
        memo.clear()
    # In one step: it takes long to hash a plan.
    known = memo.setdefault((shape, plan, used, held), _Known(used))
    if known.found is None:
        known.found = _run(layer, plan, used, calibration, held)
        known.cycles = known.found.outcome.cycles
    return known


def _predict_descriptor(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration, held: HeldCode
) -> LayerPrediction:
    """Of one descriptor; what was predicted once is remembered."""
    known = _known(layer, plan, machine, calibration, held)
    if isinstance(known.found, _Run):
        known.found = _counted(layer, plan, known.used, known.found)
    found = known.found
    if known.used == machine:
        return found
    tiles = tile_counters(layer, plan, machine)
    return dataclasses.replace(found, counters=dataclasses.replace(found.counters, tiles=tiles))


@functools.lru_cache(maxsize=256)
def _without_tiles(machine: ClusterConfig) -> ClusterConfig:
    return dataclasses.replace(
        machine, tight_tiles_per_hart=0, tight_harts=None, loose_tiles=0, stream_ports=0
    )


def _run(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration, held: HeldCode
) -> _Run:
    prices = price_list(layer, plan.body, calibration)
    clock = Clock(machine, calibration, plan.body, post=plan.post_processes(machine.tile))
    costs, first = costs_by_hart(layer, plan, machine, calibration)
    # A hart that steals looks at what every other one has left; where tiles are shared, that is
    # lost in the waits for them.
    steals = plan.balance is Balance.STEAL and plan.body not in LOOSE_BODIES
    visits = machine.harts if steals else 0
    once, first = with_held_code([prices.once(machine.harts, visits), first], held)
    return _Run(clock, costs, once, first, agreed_outcome(plan, clock, costs, once, first))


def _counted(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, run: _Run
) -> LayerPrediction:
    found = run.outcome
    sums = _sums(found, run.costs, run.once, run.first)
    tiles = tile_counters(layer, plan, machine, on_tiles(plan, machine, found.owners))
    beats = sum(hart_beats(cost, machine.memory.bytes_per_cycle) for cost in sums)
    traffic = shared_traffic(layer, plan, machine, tiles, beats)
    return prediction(plan, run.clock, sums, found.waited, found.cycles, tiles, traffic)


def _sums(found: Outcome, costs: list[list[Cost]], once: Cost, first: Cost) -> list[Cost]:
    """What each hart did in all."""
    paid = [[once] for _ in costs]
    for hart in set(found.owners):
        paid[hart].append(first)
    for chunk, owner in enumerate(found.owners):
        paid[owner].append(costs[owner][chunk])
    # Harts that did the same share one sum.
    sums: dict[tuple[int, ...], Cost] = {}
    keys = [tuple(map(id, own)) for own in paid]
    for key, own in zip(keys, paid, strict=True):
        if key not in sums:
            sums[key] = Cost.total(own)
    return [sums[key] for key in keys]
