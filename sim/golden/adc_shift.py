"""The ADC's full scale: which power of two the sums are divided by before they are clipped."""

from collections.abc import Sequence

import numpy as np
from tightrope.hw.config import TileConfig
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import QuantLayer

from .errors import GoldenError
from .matrix import clip_weights, exact_matmul, patches

__all__ = ["fit_adc_shift"]


def fit_adc_shift(
    qlayer: QuantLayer,
    inputs: Sequence[np.ndarray],
    plan: LayerPlan,
    tile: TileConfig,
    clipped_ratio: float = 0.0,
) -> int:
    """The smallest shift at which at most ``clipped_ratio`` of the blocks' sums are clipped.

    ``inputs`` are sample inputs, (h, w, c) int8 each. The result goes into ``LayerPlan.adc_shift``;
    it is 0 for an ideal converter. Raises GoldenError for a layer or a plan without tiles.
    """
    layer, weight = qlayer.layer, qlayer.weight
    if weight is None or layer.groups != 1 or not plan.groups:
        raise GoldenError(f"layer {layer.name} must be on tiles to have an ADC shift")
    if tile.adc_bits == 32:
        return 0
    matrix = clip_weights(weight.reshape(layer.out_shape[2], -1).T, tile.weight_bits)
    peaks: list[np.ndarray] = []
    for x in inputs:
        x = x.reshape(layer.in_shape)
        geometry = (layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2])
        rows = patches(x, *geometry, qlayer.in_zero_point)
        spans = {
            (block.k_begin, block.row_count) for group in plan.groups for block in group.blocks
        }
        for begin, count in sorted(spans):
            part = slice(begin, begin + count)
            peaks.append(np.abs(exact_matmul(rows[:, part], matrix[part])).ravel())
    totals = np.concatenate(peaks)
    limit = (1 << tile.adc_bits - 1) - 1
    for shift in range(32):
        rounded = (totals + (1 << shift >> 1)) >> shift
        if np.count_nonzero(rounded > limit) <= clipped_ratio * totals.size:
            return shift
    raise GoldenError(f"layer {layer.name}: no ADC shift up to 31 fits")
