"""How much of a layer on tiles is better computed digitally, by harts that have no tile to feed."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.cuts import PIXEL_UNIT
from tightrope.sim.mapping.helped import Help, feeder_count, plan_helped
from tightrope.sim.mapping.plan import Group, LayerPlan, TightSplit, held_channels, of_channels
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .predict import chunk_cycles, predict_layer

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
    fed = _fed_cycles(layer, even.body, machine, groups, even.split, calibration)
    held = held_channels(groups)
    everything = _digital_cycles(layer, layer.out_shape[2], machine, calibration)
    rest = _digital_cycles(layer, layer.out_shape[2] - held, machine, calibration)
    part = everything / ((harts - feeders) * fed + everything - rest)
    digital = round((1 - min(1.0, part)) * layer.pixels / PIXEL_UNIT) * PIXEL_UNIT
    together = (feeders * fed + rest) / harts
    share = max(0.0, 1 - fed / together) if part >= 1 else 0.0
    help = Help(digital_pixels=min(digital, layer.pixels - 1), feeder_share=share)
    helped = plan_helped(
        layer, machine, even.body, balance, help, groups=groups, split=even.split
    )
    alone = plan_layer(layer, machine, Body.DOT4, balance)
    return min(
        (even, helped, alone),
        key=lambda plan: predict_layer(layer, plan, machine, calibration).model_cycles,
    )


def _fed_cycles(
    layer: Layer,
    body: Body,
    machine: ClusterConfig,
    groups: Sequence[Group],
    split: TightSplit | None,
    calibration: Calibration,
) -> float:
    """Of the feeder that has most to do, if tiles compute all pixels."""
    plan = plan_helped(
        layer, machine, body, Balance.STATIC, Help(digital_pixels=0, feeder_share=1.0),
        groups=groups, split=split,
    )  # fmt: skip
    times = chunk_cycles(layer, plan, machine, calibration)
    return max(
        sum(
            times[index][hart]
            for index in range(*plan.hart_first[hart : hart + 2])
            if plan.body_of(plan.chunks[index]) is body
        )
        for hart in range(machine.harts)
    )


def _digital_cycles(
    layer: Layer, channels: int, machine: ClusterConfig, calibration: Calibration
) -> float:
    """Of all harts together, as fast as they are when all of them work."""
    if not channels:
        return 0.0
    part = of_channels(layer, channels)
    plan = plan_layer(part, machine, Body.DOT4, Balance.STATIC)
    return machine.harts * predict_layer(part, plan, machine, calibration).model_cycles
