"""How much of a layer on tiles is better computed digitally, by harts that have no tile to feed."""

import itertools
from typing import NamedTuple

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.cuts import PIXEL_UNIT
from tightrope.sim.mapping.helped import Help, feeder_count, plan_helped
from tightrope.sim.mapping.plan import LayerPlan, held_channels, of_channels
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .chunk_costs import costs_by_hart
from .cost import Clock
from .least import ROUNDING, least_digital_cycles
from .predict import predicted_cycles

__all__ = ["helped_plan"]


def helped_plan(
    layer: Layer,
    even: LayerPlan,
    machine: ClusterConfig,
    balance: Balance,
    calibration: Calibration,
) -> LayerPlan:
    """The plan with help that the model likes best, or ``even``, which has equal shares.

    While a tile computes, the harts that don't feed it can compute the same with DOT4. All end
    together if f feeders, of which each would take F cycles for all pixels on tiles, leave so many
    pixels to the others that ``u F = (f u F + u D0 + (1 - u) D) / harts``: u is the part on tiles,
    D0 and D are what the layer's digital part and all of it take one hart digitally. If that asks
    for more than all pixels, tiles have them all, and the feeders take part in the digital rest.
    """
    groups, harts = even.groups, machine.harts
    reprogram = any(group.reprogram for group in groups)
    feeders = feeder_count(layer, machine, even.body, even.split, len(groups))
    if not groups or reprogram or feeders >= harts or layer.pixels < PIXEL_UNIT * harts:
        return even
    fed = _fed(layer, even, machine, calibration)
    held = held_channels(groups)
    everything = _digital_cycles(layer, layer.out_shape[2], machine, calibration)
    rest = _digital_cycles(layer, layer.out_shape[2] - held, machine, calibration)
    part = everything / ((harts - feeders) * fed.cycles + everything - rest)
    digital = round((1 - min(1.0, part)) * layer.pixels / PIXEL_UNIT) * PIXEL_UNIT
    together = (feeders * fed.cycles + rest) / harts
    share = max(0.0, 1 - fed.cycles / together) if part >= 1 else 0.0
    help = Help(digital_pixels=min(digital, layer.pixels - 1), feeder_share=share)
    helped = plan_helped(
        layer, machine, even.body, balance, help, groups=groups, split=even.split
    )
    # Most often the others take longer than helped even if nobody waits for anything.
    reached = (1 + ROUNDING) * predicted_cycles(layer, helped, machine, calibration)
    plans = [even, helped] if fed.least_even_cycles <= reached else [helped]
    if least_digital_cycles(layer, machine, calibration) <= reached:
        plans.append(plan_layer(layer, machine, Body.DOT4, balance))
    return min(plans, key=lambda plan: predicted_cycles(layer, plan, machine, calibration))


class _Fed(NamedTuple):
    """What tiles take that compute all pixels of some groups."""

    cycles: float
    """Of the feeder that has most to do."""
    least_even_cycles: float
    """That equal shares take at the least."""


def _fed(
    layer: Layer, even: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> _Fed:
    """The feeders of an ``even`` plan's groups."""
    groups, body = even.groups, even.body
    plan = plan_helped(
        layer, machine, body, Balance.STATIC, Help(digital_pixels=0, feeder_share=1.0),
        groups=groups, split=even.split,
    )  # fmt: skip
    clock = Clock(machine, calibration, body, post=plan.post_processes(machine.tile))
    by_hart, _ = costs_by_hart(layer, plan, machine, calibration)
    shares = [
        [costs[index] for index in range(*ends) if plan.body_of(plan.chunks[index]) is body]
        for costs, ends in zip(by_hart, itertools.pairwise(plan.hart_first), strict=True)
    ]
    cycles = max(sum([clock.time(cost) for cost in share]) for share in shares)
    if body is not Body.LOOSE:
        return _Fed(cycles, 0.0)
    return _Fed(cycles, clock.least_tile_time(itertools.chain(*shares)) / len(groups))


def _digital_cycles(
    layer: Layer, channels: int, machine: ClusterConfig, calibration: Calibration
) -> float:
    """Of all harts together, as fast as they are when all of them work."""
    if not channels:
        return 0.0
    part = of_channels(layer, channels)
    plan = plan_layer(part, machine, Body.DOT4, Balance.STATIC)
    return machine.harts * predicted_cycles(part, plan, machine, calibration)
