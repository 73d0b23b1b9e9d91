"""Each kind of layer from real numbers to the integers of its kernel."""

import numpy as np
from tightrope.sim.golden.arithmetic import quantise_add, quantise_multipliers
from tightrope.sim.golden.errors import GoldenError
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import Layer, LayerOp, QuantLayer

from .calibrate import weight_scales
from .network import TensorQuant
from .reals import RealLayer
from .weights import Weights

__all__ = ["quant_layer", "requantiser"]

SMALLEST_RATIO = 2.0**-31
"""A smaller one turns what an accumulator can hold into less than a step: it becomes 0."""


def quant_layer(
    label: str, real: RealLayer, inputs: list[TensorQuant], output: TensorQuant
) -> QuantLayer:
    """The layer in int8. Raises WorkloadError, naming it, if its scales don't fit the kernels."""
    layer = real.layer
    fields = {
        "layer": layer,
        "in_zero_point": inputs[0].zero_point,
        "out_zero_point": output.zero_point,
        "act_min": output.limit(real.low),
        "act_max": output.limit(real.high),
        "count_include_pad": real.count_include_pad,
    }
    try:
        if layer.op is LayerOp.ADD:
            multipliers, shift = quantise_add(inputs[0].scale, inputs[1].scale, output.scale)
            fields |= {"add_multipliers": multipliers, "add_shift": shift}
            return QuantLayer(**fields, in2_zero_point=inputs[1].zero_point)
        if layer.op is LayerOp.MAXPOOL:
            return QuantLayer(**fields)
        if real.weights is not None:
            integers = _weights(label, real, real.weights, inputs[0].scale, output.scale)
            return QuantLayer(**fields, **integers)
        multiplier, shift = quantise_multipliers(_ratios(real, inputs[0].scale / output.scale))
        return QuantLayer(**fields, multiplier=multiplier, shift=shift)
    except GoldenError as error:
        raise WorkloadError(
            f"{label}: layer {layer.name!r} ({layer.source_op}): {error}"
        ) from error


def requantiser(
    label: str,
    name: str,
    shape: tuple[int, int, int],
    source: TensorQuant,
    target: TensorQuant,
) -> QuantLayer:
    """A layer that copies a tensor of ``shape`` and changes its scale and zero point."""
    layer = Layer(
        name=name, op=LayerOp.CLIP, source_op="QuantizeLinear", in_shape=shape, out_shape=shape
    )
    return quant_layer(label, RealLayer(layer=layer, sources=(0,)), [source], target)


def _ratios(real: RealLayer, ratio: float) -> np.ndarray:
    """What the sums of a layer without weights are multiplied by, one per table entry."""
    layer = real.layer
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        return np.array([ratio / (layer.in_shape[0] * layer.in_shape[1])])
    if layer.op is LayerOp.AVGPOOL:
        counts = np.arange(1, layer.kernel[0] * layer.kernel[1] + 1)
        # No window is smaller than the smallest: entries below are never read.
        return ratio / np.maximum(counts, real.smallest_divisor)
    return np.array([ratio])


def _weights(
    label: str, real: RealLayer, weights: Weights, in_scale: float, out_scale: float
) -> dict[str, np.ndarray]:
    """Fields of QuantLayer: weight, bias, multiplier, shift."""
    scale = weight_scales(real, in_scale)
    step = in_scale * scale
    bias = np.rint(np.divide(weights.bias, step, out=np.zeros_like(step), where=step > 0))
    stored = weights.stored_bias
    if stored is not None and np.allclose(stored * step, weights.bias, rtol=1e-6, atol=0.0):
        bias = stored.astype(np.float64)
    if (np.abs(bias) > 2**31 - 1).any():
        raise WorkloadError(
            f"{label}: layer {real.layer.name!r} ({real.layer.source_op}) has a bias that is too "
            "large for its accumulators"
        )
    ratio = step / out_scale
    multiplier, shift = quantise_multipliers(np.where(ratio < SMALLEST_RATIO, 0.0, ratio))
    return {
        "weight": _integers(weights, scale),
        "bias": bias.astype(np.int32),
        "multiplier": multiplier,
        "shift": shift,
    }


def _integers(weights: Weights, scale: np.ndarray) -> np.ndarray:
    if weights.stored is not None:
        return weights.stored
    by_channel = scale if weights.real.ndim == 3 else scale[:, None, None, None]
    real = weights.real.astype(np.float64)
    steps = np.divide(real, by_channel, out=np.zeros_like(real), where=by_channel > 0)
    return np.rint(steps).astype(np.int8)
