"""One entry for every operator."""

from collections.abc import Sequence

import numpy as np
from tightrope.hw.config import TileConfig
from tightrope.sim import operations
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import LayerOp, QuantLayer

from .errors import GoldenError

__all__ = ["run_layer"]


def run_layer(
    qlayer: QuantLayer,
    inputs: Sequence[np.ndarray],
    plan: LayerPlan | None = None,
    tile: TileConfig | None = None,
) -> np.ndarray:
    """What ``qlayer`` must output for ``inputs``, bit by bit: (out_h, out_w, out_c) int8.

    ``inputs`` holds as many (h, w, c) int8 arrays as the layer reads; an array of another shape
    with as many elements is read as the layer's shape, so that a dense layer may follow an image.
    ``plan`` and ``tile`` matter only if the plan has groups: the products are then computed block
    by block as those tiles do. Raises GoldenError for a layer or an input that can't be computed.
    """
    layer = qlayer.layer
    if layer.op is LayerOp.ELEMENTWISE:
        raise GoldenError(f"layer {layer.name}: {layer.source_op} has no integer reference")
    operation = operations.OPERATIONS[layer.op]
    if len(inputs) != operation.inputs:
        raise GoldenError(
            f"layer {layer.name} must have {operation.inputs} inputs, not {len(inputs)}"
        )
    arrays = [_checked(qlayer, array) for array in inputs]
    where = (plan, tile) if layer.fits_tiles else ()
    return operation.golden(qlayer, *arrays, *where)


def _checked(qlayer: QuantLayer, array: np.ndarray) -> np.ndarray:
    layer = qlayer.layer
    if array.dtype != np.int8 or array.size != np.prod(layer.in_shape):
        raise GoldenError(
            f"layer {layer.name}: an input must be int8 {layer.in_shape}, "
            f"not {array.dtype} {array.shape}"
        )
    return array.reshape(layer.in_shape)
