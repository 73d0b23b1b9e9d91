"""Each operator on quantised layers: activations (h, w, c) int8 in and out."""

import numpy as np
from tightrope.hw.config import TileConfig
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import Layer, QuantLayer

from .arithmetic import clip_int8, requantise, round_half_even_shift, wrap_int32
from .errors import GoldenError
from .matrix import adc, clip_weights, exact_matmul, patches, windows

__all__ = [
    "add",
    "avgpool",
    "clip",
    "conv",
    "conv_accumulators",
    "corrected_bias",
    "dwconv",
    "global_avgpool",
    "image_bias",
    "maxpool",
]


def corrected_bias(qlayer: QuantLayer, weight_bits: int = 8) -> np.ndarray:
    """``bias - in_zero_point * sum(weights)``, (out_c,) int32: what the image holds.

    The sum is over the weights as tiles of ``weight_bits`` hold them.
    """
    weight, bias = _weight(qlayer), qlayer.bias
    channel_axis = weight.ndim - 1 if weight.ndim == 3 else 0
    axes = tuple(axis for axis in range(weight.ndim) if axis != channel_axis)
    sums = clip_weights(weight, weight_bits).sum(axis=axes, dtype=np.int64)
    start = np.zeros(sums.shape, np.int64) if bias is None else bias.astype(np.int64)
    return wrap_int32(start - qlayer.in_zero_point * sums)


def image_bias(
    qlayer: QuantLayer, plan: LayerPlan | None, tile: TileConfig | None
) -> np.ndarray:
    """:func:`corrected_bias` with each channel's weights as they are where it is computed."""
    bias = corrected_bias(qlayer)
    if plan is not None and tile is not None:
        clipped = corrected_bias(qlayer, tile.weight_bits)
        for group in plan.groups:
            columns = slice(group.channel_begin, group.channel_begin + group.channel_count)
            bias[columns] = clipped[columns]
    return bias


def conv(
    qlayer: QuantLayer,
    x: np.ndarray,
    plan: LayerPlan | None = None,
    tile: TileConfig | None = None,
) -> np.ndarray:
    """CONV of any number of groups, and DENSE: :func:`conv_accumulators`, requantised."""
    return _finish(qlayer, conv_accumulators(qlayer, x, plan, tile))


def conv_accumulators(
    qlayer: QuantLayer,
    x: np.ndarray,
    plan: LayerPlan | None = None,
    tile: TileConfig | None = None,
) -> np.ndarray:
    """``bias + sum w * (x - in_zero_point)`` of CONV and DENSE, (pixels, out_c) int32.

    With ``plan`` (whose groups' blocks say which rows share a tile) and ``tile``, the products of
    the groups' channels go through the tile: 4-bit weights are clipped, and each block is converted
    by the ADC.
    """
    layer, weight = qlayer.layer, _weight(qlayer)
    on_tiles = tile is not None and plan is not None and bool(plan.groups)
    bias = image_bias(qlayer, plan, tile)
    sums = np.empty((layer.pixels, layer.out_shape[2]), np.int64)
    in_c, out_c = layer.in_shape[2] // layer.groups, layer.out_shape[2] // layer.groups
    for group in range(layer.groups):
        columns = slice(group * out_c, (group + 1) * out_c)
        part = x[:, :, group * in_c : (group + 1) * in_c]
        rows = _patches(layer, part, qlayer.in_zero_point)
        matrix = weight[columns].reshape(out_c, -1).T
        if on_tiles and plan and tile:
            sums[:, columns] = _tile_sums(rows, matrix, plan, tile)
        else:
            sums[:, columns] = exact_matmul(rows, matrix)
    return wrap_int32(sums + bias)


def dwconv(qlayer: QuantLayer, x: np.ndarray) -> np.ndarray:
    """DWCONV: output channel c sees input channel c only; weight (kernel_h, kernel_w, c) int8."""
    layer, weight = qlayer.layer, _weight(qlayer)
    view = windows(
        x, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2], qlayer.in_zero_point
    )
    sums = np.zeros(layer.out_shape, np.int64)
    for row, column in np.ndindex(*layer.kernel):
        sums += view[:, :, row, column].astype(np.int64) * weight[row, column]
    return _finish(qlayer, wrap_int32(sums + corrected_bias(qlayer)))


def maxpool(qlayer: QuantLayer, x: np.ndarray) -> np.ndarray:
    """MAXPOOL: the maximum over the pixels inside the image; nothing is scaled or clamped."""
    layer = qlayer.layer
    view = windows(x, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2], -128)
    return view.max(axis=(2, 3))


def avgpool(qlayer: QuantLayer, x: np.ndarray) -> np.ndarray:
    """AVGPOOL: multiplier and shift indexed by the number of pixels counted, minus one."""
    layer = qlayer.layer
    multiplier, shift = _scales(qlayer, layer.kernel[0] * layer.kernel[1])
    geometry = (layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2])
    centred = x.astype(np.int64) - qlayer.in_zero_point
    sums = windows(centred, *geometry, 0).sum(axis=(2, 3))
    if qlayer.count_include_pad:
        count = np.full((*layer.out_shape[:2], 1), layer.kernel[0] * layer.kernel[1])
    else:
        inside = np.ones((*x.shape[:2], 1), np.int64)
        count = windows(inside, *geometry, 0).sum(axis=(2, 3))
    if count.min() < 1:
        raise GoldenError(f"layer {layer.name}: a pooling window lies outside the image")
    scaled = requantise(wrap_int32(sums), multiplier[count - 1], shift[count - 1])
    return clip_int8(scaled + qlayer.out_zero_point, qlayer.act_min, qlayer.act_max)


def global_avgpool(qlayer: QuantLayer, x: np.ndarray) -> np.ndarray:
    """GLOBAL_AVGPOOL: one pixel; entry 0 of multiplier and shift holds the division."""
    _scales(qlayer, 1)
    sums = (x.astype(np.int64) - qlayer.in_zero_point).sum(axis=(0, 1), keepdims=True)
    return _finish(qlayer, wrap_int32(sums))


def add(qlayer: QuantLayer, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """ADD of two inputs of the same shape."""
    total = (a.astype(np.int64) - qlayer.in_zero_point) * qlayer.add_multipliers[0]
    total += (b.astype(np.int64) - qlayer.in2_zero_point) * qlayer.add_multipliers[1]
    scaled = round_half_even_shift(total, qlayer.add_shift) + qlayer.out_zero_point
    return clip_int8(scaled, qlayer.act_min, qlayer.act_max)


def clip(qlayer: QuantLayer, x: np.ndarray) -> np.ndarray:
    """CLIP: requantise and clamp each element."""
    _scales(qlayer, 1)
    return _finish(qlayer, x.astype(np.int32) - np.int32(qlayer.in_zero_point))


def _weight(qlayer: QuantLayer) -> np.ndarray:
    if qlayer.weight is None:
        raise GoldenError(f"layer {qlayer.layer.name} must have weights")
    return qlayer.weight


def _scales(qlayer: QuantLayer, count: int) -> tuple[np.ndarray, np.ndarray]:
    multiplier, shift = qlayer.multiplier, qlayer.shift
    if multiplier is None or shift is None:
        raise GoldenError(f"layer {qlayer.layer.name} must have multipliers and shifts")
    if multiplier.shape != (count,) or shift.shape != (count,):
        raise GoldenError(
            f"layer {qlayer.layer.name}: multiplier and shift must be ({count},), "
            f"not {multiplier.shape} and {shift.shape}"
        )
    return multiplier, shift


def _finish(qlayer: QuantLayer, acc: np.ndarray) -> np.ndarray:
    """Requantise ``acc`` (..., out_c) int32, offset, clamp, and shape as the output."""
    count = qlayer.layer.out_shape[2] if qlayer.layer.has_weights else 1
    multiplier, shift = _scales(qlayer, count)
    scaled = requantise(acc, multiplier, shift) + qlayer.out_zero_point
    return clip_int8(scaled, qlayer.act_min, qlayer.act_max).reshape(qlayer.layer.out_shape)


def _patches(layer: Layer, x: np.ndarray, fill: int) -> np.ndarray:
    return patches(x, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2], fill)


def _tile_sums(
    rows: np.ndarray, matrix: np.ndarray, plan: LayerPlan, tile: TileConfig
) -> np.ndarray:
    """(pixels, out_c) int64: each block's conversion, shifted back and added over the blocks."""
    digital, matrix = matrix, clip_weights(matrix, tile.weight_bits)
    shift_back = 0 if tile.adc_bits == 32 else plan.adc_shift
    sums = np.zeros((rows.shape[0], matrix.shape[1]), np.int64)
    covered = np.zeros(matrix.shape, np.int8)
    # Copies of a group compute other pixels in the same way.
    for group in {group.channel_begin: group for group in plan.groups}.values():
        columns = slice(group.channel_begin, group.channel_begin + group.channel_count)
        for block in group.blocks:
            k = slice(block.k_begin, block.k_begin + block.row_count)
            total = exact_matmul(rows[:, k], matrix[k, columns])
            sums[:, columns] += adc(total, tile.adc_bits, plan.adc_shift) << shift_back
            covered[k, columns] += 1
    rest = ~covered.any(axis=0)
    if not (covered[:, ~rest] == 1).all():
        raise GoldenError("the plan's blocks must cover their channels' weights exactly once")
    sums[:, rest] = exact_matmul(rows, digital[:, rest])
    return sums
