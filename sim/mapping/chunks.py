"""The plan of a layer: its output cut into chunks, and handed to harts."""

import math
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer, LayerOp

from .cuts import one_after_another
from .digital_chunks import digital_shares
from .errors import MappingError
from .plan import TILE_BODIES, Group, LayerPlan, TightSplit
from .stream import stream_geometry
from .tile_chunks import tile_shares

__all__ = ["nominal_adc_shift", "plan_layer"]


def plan_layer(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    *,
    groups: Sequence[Group] = (),
    split: TightSplit | None = None,
    adc_shift: int | None = None,
) -> LayerPlan:
    """How one layer runs: its chunks and who takes them.

    ``groups`` are those of the tile bodies, from ``allocate`` or ``single_layer_groups``; ``split``
    is theirs (tight tiles only; REPLICATE if None). ``adc_shift`` defaults to
    :func:`nominal_adc_shift`. The chunks of a convolution of several groups cover the channels of
    one of them, since each becomes a layer of its own in the image.

    Harts without a tight tile take chunks of TightSplit.REPLICATE like the others and compute them
    with DOT4; they have no part in TightSplit.CHANNELS.

    A layer too small to be cut further than into a chunk per hart runs STATIC, whatever is asked.

    Raises MappingError for a layer that can't run so: ELEMENTWISE, tile bodies for anything but one
    dense matrix or without groups, digital bodies with groups, stealing with TightSplit.CHANNELS,
    REPLICATE where DOT4 would give other outputs than tiles, streaming that the machine can't do
    (``stream_geometry``).
    """
    if layer.op is LayerOp.ELEMENTWISE:
        raise MappingError(f"layer {layer.name}: {layer.source_op} has no kernel")
    if body in TILE_BODIES:
        shares = tile_shares(layer, machine, body, balance, tuple(groups), split)
        shift = nominal_adc_shift(groups, machine.tile) if adc_shift is None else adc_shift
        used_split = (split or TightSplit.REPLICATE) if body is Body.TIGHT else None
    else:
        if groups or split is not None:
            raise MappingError(f"layer {layer.name}: a {body.name} body has no groups")
        channels = layer.out_shape[2] // layer.groups
        shares = digital_shares(layer, channels, machine.harts, balance)
        shift, used_split = 0, None
    if all(len(share) <= 1 for share in shares):
        # Whoever is late has begun by then: there would be nothing to steal, only to look for.
        balance = Balance.STATIC
    chunks, hart_first = one_after_another(shares)
    plan = LayerPlan(
        body=body,
        balance=balance,
        chunks=chunks,
        hart_first=hart_first,
        groups=tuple(groups),
        split=used_split,
        adc_shift=shift,
    )
    if body is Body.STREAM:
        stream_geometry(layer, machine, plan)
    return plan


def nominal_adc_shift(groups: Sequence[Group], tile: TileConfig) -> int:
    """The shift that keeps four standard deviations of the tallest block's sums unclipped.

    For weights and inputs uniform over their range; ``golden.fit_adc_shift`` fits real data. 0 for
    an ideal converter.
    """
    if tile.adc_bits == 32 or not groups:
        return 0
    rows = max(block.row_count for group in groups for block in group.blocks)
    sigma = (1 << tile.weight_bits - 1) * (1 << 7) / 3.0 * math.sqrt(rows)
    return max(0, math.ceil(math.log2(4.0 * sigma / (1 << tile.adc_bits - 1))))
