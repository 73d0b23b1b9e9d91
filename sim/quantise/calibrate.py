"""Scales and zero points of activations: as the file states them, else from what is seen."""

from collections.abc import Sequence

import numpy as np
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import LayerOp

from .execute import run_real
from .network import TensorQuant
from .reals import RealGraph, RealLayer

__all__ = ["tensor_quants", "weight_scales"]

WEIGHT_LIMIT = 127
BIAS_LIMIT = float(1 << 30)
"""A bias stays below it in steps of the accumulator, which holds twice as much."""


def tensor_quants(
    graph: RealGraph, samples: Sequence[np.ndarray], percentile: float
) -> list[TensorQuant]:
    """How each tensor is quantised.

    ``samples`` are inputs (h, w, c) float32. In each of them, ``percentile`` (50 .. 100) per cent
    of a tensor's values lie below the upper end of its range, and as many above the lower end. Max
    pools, clamps and concatenations keep their input's scale, unless the file says otherwise.
    """
    classes = _classes(graph)
    stated = _stated(graph, classes)
    if all(quant is not None for quant in stated):
        return [quant for quant in stated if quant is not None]
    low, high = _ranges(graph, samples, percentile)
    scales, zeros = {}, {}
    for root in set(classes):
        members = [tensor for tensor, other in enumerate(classes) if other == root]
        lowest = min(0.0, *(low[tensor] for tensor in members))
        highest = max(0.0, *(high[tensor] for tensor in members))
        # A tensor that is 0 for all samples: any scale does.
        scales[root] = (highest - lowest) / 255 or 1.0
        zeros[root] = -lowest / (highest - lowest or 1.0)
    for tensor, quant in enumerate(stated):
        if quant is not None:
            scales[classes[tensor]] = quant.scale
    _grow(graph, classes, scales, stated)
    made = {
        root: TensorQuant(scale=float(scale), zero_point=int(np.rint(-128 + 255 * zeros[root])))
        for root, scale in scales.items()
    }
    return [quant or made[classes[tensor]] for tensor, quant in enumerate(stated)]


def weight_scales(real: RealLayer, in_scale: float) -> np.ndarray:
    """(out_c,) float64: the step of each output channel's weights; 0 if all and the bias are 0."""
    weights = real.weights
    assert weights is not None
    if weights.scale is not None:
        return weights.scale
    axes = (0, 1) if weights.real.ndim == 3 else (1, 2, 3)
    peak = np.abs(weights.real).max(axis=axes).astype(np.float64)
    return np.maximum(peak / WEIGHT_LIMIT, np.abs(weights.bias) / (in_scale * BIAS_LIMIT))


def _classes(graph: RealGraph) -> list[int]:
    """For each tensor, the first of those that share its scale."""
    classes = list(range(len(graph.stated)))
    said = dict(enumerate(graph.stated))
    for index, layer in enumerate(graph.layers):
        if not layer.keeps_scale:
            continue
        for source in layer.sources:
            kept, gone = sorted((classes[source], classes[index + 1]))
            both = said[kept] is not None and said[gone] is not None
            if kept == gone or (both and said[kept] != said[gone]):
                continue
            said[kept] = said[kept] or said[gone]
            classes = [kept if other == gone else other for other in classes]
    return classes


def _stated(graph: RealGraph, classes: Sequence[int]) -> list[TensorQuant | None]:
    """For each tensor what the file states of it or of one that shares its scale."""
    said: dict[int, TensorQuant] = {}
    for tensor, quant in enumerate(graph.stated):
        if quant is not None:
            said.setdefault(classes[tensor], quant)
    return [said.get(root) for root in classes]


def _ranges(
    graph: RealGraph, samples: Sequence[np.ndarray], percentile: float
) -> tuple[np.ndarray, np.ndarray]:
    """(tensors,) float64 each: the lowest and the highest value seen."""
    low = np.zeros(len(graph.stated))
    high = np.zeros(len(graph.stated))
    with np.errstate(over="ignore", invalid="ignore"):
        for x in samples:
            for tensor, values in enumerate(run_real(graph, x)):
                edges = _edges(values, percentile)
                low[tensor] = np.minimum(low[tensor], edges[0])
                high[tensor] = np.maximum(high[tensor], edges[1])
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise WorkloadError(
            f"{graph.model.label}: its activations overflow float32 on the calibration's inputs"
        )
    return low, high


def _edges(values: np.ndarray, percentile: float) -> tuple[float, float]:
    if percentile == 100:
        return float(values.min()), float(values.max())
    low, high = np.percentile(values, (100 - percentile, percentile))
    return float(low), float(high)


def _grow(
    graph: RealGraph,
    classes: Sequence[int],
    scales: dict[int, float],
    stated: Sequence[TensorQuant | None],
) -> None:
    """Make scales that are ours large enough: no layer may multiply its sums by more than 1.

    Scales only grow, and a layer's output needs more only if its input grew, so this ends.
    """
    for _ in range(len(graph.layers) + 1):
        grown = False
        for index, layer in enumerate(graph.layers):
            root = classes[index + 1]
            least = _least_scale(layer, scales[classes[layer.sources[0]]])
            if stated[index + 1] is None and scales[root] < least:
                scales[root], grown = least, True
        if not grown:
            return


def _least_scale(real: RealLayer, in_scale: float) -> float:
    """The smallest scale that the output may have."""
    layer = real.layer
    if real.weights is not None:
        return float((weight_scales(real, in_scale) * in_scale).max())
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        return in_scale / (layer.in_shape[0] * layer.in_shape[1])
    if layer.op is LayerOp.AVGPOOL:
        return in_scale / real.smallest_divisor
    return 0.0
