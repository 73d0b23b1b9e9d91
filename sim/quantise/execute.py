"""Runs layers on real numbers, in numpy: what calibration watches."""

from collections.abc import Iterator

import numpy as np
from tightrope.sim.golden.matrix import patches, windows
from tightrope.sim.workload.layers import Layer, LayerOp

from .reals import RealGraph, RealLayer

__all__ = ["run_layer_real", "run_real"]


def run_real(graph: RealGraph, x: np.ndarray) -> Iterator[np.ndarray]:
    """Each tensor in order, (h, w, c) float32, the first being the input ``x``.

    A tensor is kept no longer than a layer reads it.
    """
    last_read = {
        tensor: index for index, layer in enumerate(graph.layers) for tensor in layer.sources
    }
    alive = {0: x}
    yield x
    for index, layer in enumerate(graph.layers):
        y = run_layer_real(layer, [alive[tensor] for tensor in layer.sources])
        for tensor in set(layer.sources):
            if last_read[tensor] == index:
                del alive[tensor]
        if index + 1 in last_read:
            alive[index + 1] = y
        yield y


def run_layer_real(real: RealLayer, inputs: list[np.ndarray]) -> np.ndarray:
    """What one layer makes of ``inputs``, (h, w, c) float32 each."""
    layer = real.layer
    if real.is_concat:
        parts = [x.reshape(*layer.out_shape[:2], -1) for x in inputs]
        return np.concatenate(parts, axis=2)
    x = inputs[0].reshape(layer.in_shape)
    if layer.op in (LayerOp.CONV, LayerOp.DENSE):
        y = _conv(real, x)
    elif layer.op is LayerOp.DWCONV:
        y = _dwconv(real, x)
    elif layer.op is LayerOp.MAXPOOL:
        y = _windows(layer, x, -np.inf).max(axis=(2, 3))
    elif layer.op is LayerOp.AVGPOOL:
        counts = np.ones((*x.shape[:2], 1), np.float32)
        divisor = _windows(layer, counts, float(real.count_include_pad)).sum(axis=(2, 3))
        y = _windows(layer, x, 0.0).sum(axis=(2, 3)) / divisor
    elif layer.op is LayerOp.GLOBAL_AVGPOOL:
        y = x.mean(axis=(0, 1), keepdims=True)
    elif layer.op is LayerOp.ADD:
        y = x + inputs[1].reshape(layer.in_shape)
    else:
        y = x
    return np.clip(y, real.low, real.high).astype(np.float32, copy=False)


def _conv(real: RealLayer, x: np.ndarray) -> np.ndarray:
    layer, weights = real.layer, real.weights
    assert weights is not None
    in_c, out_c = layer.in_shape[2] // layer.groups, layer.out_shape[2] // layer.groups
    y = np.empty((layer.pixels, layer.out_shape[2]), np.float32)
    for group in range(layer.groups):
        columns = slice(group * out_c, (group + 1) * out_c)
        part = x[:, :, group * in_c : (group + 1) * in_c]
        geometry = (layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2])
        rows = patches(part, *geometry, 0.0)
        y[:, columns] = rows @ weights.real[columns].reshape(out_c, -1).T.astype(np.float32)
    return (y + weights.bias.astype(np.float32)).reshape(layer.out_shape)


def _dwconv(real: RealLayer, x: np.ndarray) -> np.ndarray:
    layer, weights = real.layer, real.weights
    assert weights is not None
    view = _windows(layer, x, 0.0)
    y = np.empty(layer.out_shape, np.float32)
    y[:] = weights.bias
    for row, column in np.ndindex(*layer.kernel):
        y += view[:, :, row, column] * weights.real[row, column].astype(np.float32)
    return y


def _windows(layer: Layer, x: np.ndarray, fill: float) -> np.ndarray:
    return windows(x, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2], fill)
