"""Seeded random layers and inputs, scaled so that most outputs are not saturated."""

import numpy as np
from tightrope.sim import operations
from tightrope.sim.workload.layers import Layer, LayerOp, QuantLayer

from .arithmetic import quantise_add, quantise_multipliers
from .errors import GoldenError

__all__ = ["random_geometry", "random_inputs", "random_layer", "random_quant_layer"]

OUTPUT_SIGMA = 40.0
"""Standard deviation aimed at in the output, in steps of int8."""
INT8_SIGMA = 73.9
"""Of uniform int8."""


def random_geometry(
    op: LayerOp,
    rng: np.random.Generator,
    *,
    max_size: int = 8,
    max_channels: int = 16,
    max_kernel: int = 3,
    max_stride: int = 2,
    max_groups: int = 1,
    name: str | None = None,
) -> Layer:
    """A random layer that is at most this large: image side, channels, kernel side, stride.

    Padding is less than the kernel on each side, and the output has at least one pixel.
    """

    def upto(high: int) -> int:
        return int(rng.integers(1, high + 1))

    in_c, out_c, groups = upto(max_channels), upto(max_channels), 1
    if op is LayerOp.CONV and max_groups > 1:
        groups = upto(min(max_groups, max_channels))
        in_c, out_c = (groups * upto(max(1, max_channels // groups)) for _ in range(2))
    if op not in (LayerOp.CONV, LayerOp.DENSE):
        out_c = in_c
    size: tuple[int, int] = (1, 1) if op is LayerOp.DENSE else (upto(max_size), upto(max_size))
    kernel, stride, pads, out = (1, 1), (1, 1), (0, 0, 0, 0), (size[0], size[1])
    if op in (LayerOp.CONV, LayerOp.DWCONV, LayerOp.MAXPOOL, LayerOp.AVGPOOL):
        kernel = (upto(max_kernel), upto(max_kernel))
        stride = (upto(max_stride), upto(max_stride))
        pads, out = _random_padding(rng, size, kernel, stride)
    elif op is LayerOp.GLOBAL_AVGPOOL:
        kernel, out = size, (1, 1)
    return Layer(
        name=name or op.value,
        op=op,
        source_op=op,
        in_shape=(size[0], size[1], in_c),
        out_shape=(out[0], out[1], out_c),
        kernel=kernel,
        stride=stride,
        pads=pads,
        groups=groups,
        inputs=operations.OPERATIONS[op].inputs,
    )


def random_quant_layer(
    layer: Layer, rng: np.random.Generator, *, weight_bits: int = 8, zero_points: bool = True
) -> QuantLayer:
    """Weights, bias, scales, zero points and clamp for ``layer``.

    Weights are uniform over all values of ``weight_bits``, biases move outputs by about one
    standard deviation; multipliers vary by channel so that an output has a standard deviation of
    about 40 for inputs of :func:`random_inputs`. ``zero_points=False`` makes all of them 0.
    Raises GoldenError for an ELEMENTWISE layer.
    """
    in_zero, in2_zero, out_zero = (
        int(value) for value in (rng.integers(-32, 33, 3) if zero_points else (0, 0, 0))
    )
    if layer.op is LayerOp.ELEMENTWISE:
        raise GoldenError(f"layer {layer.name}: {layer.source_op} can't be quantised at random")
    if layer.op is LayerOp.MAXPOOL:
        return QuantLayer(layer=layer, in_zero_point=out_zero, out_zero_point=out_zero)
    low, high = ((-128, 127), (out_zero, 127), (out_zero, min(127, out_zero + 60)))[
        rng.integers(0, 3)
    ]
    if layer.op is LayerOp.ADD:
        scales = rng.uniform(0.25, 1.0, 2)
        multipliers, add_shift = quantise_add(scales[0], scales[1], 1.0)
        return QuantLayer(
            layer=layer,
            in_zero_point=in_zero,
            in2_zero_point=in2_zero,
            out_zero_point=out_zero,
            act_min=low,
            act_max=high,
            add_multipliers=multipliers,
            add_shift=add_shift,
        )
    weight, bias, scales = _weights_and_scales(layer, rng, weight_bits, in_zero)
    multiplier, shift = quantise_multipliers(scales)
    return QuantLayer(
        layer=layer,
        weight=weight,
        bias=bias,
        multiplier=multiplier,
        shift=shift,
        in_zero_point=in_zero,
        out_zero_point=out_zero,
        act_min=low,
        act_max=high,
        count_include_pad=layer.op is LayerOp.AVGPOOL and bool(rng.integers(0, 2)),
    )


def random_layer(
    op: LayerOp,
    rng: np.random.Generator,
    *,
    max_size: int = 8,
    max_channels: int = 16,
    max_kernel: int = 3,
    max_stride: int = 2,
    max_groups: int = 1,
    weight_bits: int = 8,
) -> QuantLayer:
    """:func:`random_quant_layer` of a :func:`random_geometry`."""
    layer = random_geometry(
        op,
        rng,
        max_size=max_size,
        max_channels=max_channels,
        max_kernel=max_kernel,
        max_stride=max_stride,
        max_groups=max_groups,
    )
    return random_quant_layer(layer, rng, weight_bits=weight_bits)


def random_inputs(layer: Layer, rng: np.random.Generator) -> list[np.ndarray]:
    """Uniform int8 inputs of the layer's shape, two for ADD and one otherwise."""
    count = operations.OPERATIONS[layer.op].inputs
    return [rng.integers(-128, 128, layer.in_shape, dtype=np.int8) for _ in range(count)]


def _weights_and_scales(
    layer: Layer, rng: np.random.Generator, weight_bits: int, in_zero: int
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray]:
    """Weights and bias (None for layers without), and the scales from accumulator to output."""
    input_rms = float(np.hypot(INT8_SIGMA, in_zero))
    if layer.has_weights:
        kh, kw = layer.kernel
        shape = (layer.out_shape[2], kh, kw, layer.in_shape[2] // layer.groups)
        if layer.op is LayerOp.DWCONV:
            shape = (kh, kw, layer.out_shape[2])
        limit = 1 << weight_bits - 1
        weight = rng.integers(-limit, limit, shape, dtype=np.int8)
        acc_sigma = limit / np.sqrt(3.0) * input_rms * np.sqrt(layer.patch)
        bias = rng.normal(0.0, acc_sigma, layer.out_shape[2]).astype(np.int32)
        spread = rng.uniform(0.5, 1.25, layer.out_shape[2])
        return weight, bias, spread * OUTPUT_SIGMA / acc_sigma
    if layer.op is LayerOp.AVGPOOL:
        counts = np.arange(1, layer.kernel[0] * layer.kernel[1] + 1)
        return None, None, rng.uniform(0.7, 1.0) / counts
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        return None, None, np.array([rng.uniform(0.7, 1.0) / np.prod(layer.in_shape[:2])])
    return None, None, rng.uniform(0.3, 1.0, 1)


def _random_padding(
    rng: np.random.Generator,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """Padding (top, left, bottom, right) smaller than the kernel, and the output's size."""
    top, left, bottom, right = (int(rng.integers(0, kernel[axis % 2])) for axis in range(4))
    bottom += max(0, kernel[0] - (size[0] + top + bottom))
    right += max(0, kernel[1] - (size[1] + left + right))
    out_h = (size[0] + top + bottom - kernel[0]) // stride[0] + 1
    out_w = (size[1] + left + right - kernel[1]) // stride[1] + 1
    return (top, left, bottom, right), (out_h, out_w)
