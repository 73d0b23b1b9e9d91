"""Plans of layers as points ask for them."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.mixed import plan_mixed
from tightrope.sim.mapping.plan import Chunk, Group, LayerPlan, TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = ["plan_for"]


def plan_for(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    groups: tuple[Group, ...] = (),
    split: TightSplit | None = None,
) -> LayerPlan:
    """The plan of one layer, also where the mapping has none.

    Elementwise work is split evenly over the harts. ``groups`` may hold the first channels only,
    and the others are digital. Tight tiles that hold different channels can't take each other's
    work, so those layers stay static under stealing.
    """
    if layer.op is LayerOp.ELEMENTWISE:
        return _elementwise_plan(layer, machine.harts)
    if split is TightSplit.CHANNELS:
        balance = Balance.STATIC
    if not groups:
        return plan_layer(layer, machine, body, balance)
    return plan_mixed(layer, machine, body, balance, groups=groups, split=split)


def _elementwise_plan(layer: Layer, harts: int) -> LayerPlan:
    edges = [layer.pixels * hart // harts for hart in range(harts + 1)]
    chunks = tuple(
        Chunk(pixel_begin=edges[hart], pixel_end=edges[hart + 1], begin=0, end=layer.out_shape[2])
        for hart in range(harts)
    )
    return LayerPlan(
        body=Body.DOT4,
        balance=Balance.STATIC,
        chunks=chunks,
        hart_first=tuple(range(harts + 1)),
    )
