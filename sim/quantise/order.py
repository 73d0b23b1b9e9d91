"""Where the elements of an ONNX tensor lie in memory, where a pixel's channels are side by side."""

import math

import numpy as np
from tightrope.sim.workload.values import Value

__all__ = ["element_order", "in_place"]


def element_order(origin: Value, seen: Value) -> np.ndarray:
    """The place in memory of each element of ``seen``, int64 of its shape (pads left off).

    ``origin`` is what a layer made, before any change of view, and is stored channels last.
    """
    if origin.axis >= len(origin.shape):
        order = np.arange(math.prod(origin.shape)).reshape(origin.shape)
    else:
        moved = np.moveaxis(np.empty(origin.shape, np.bool_), origin.axis, -1).shape
        order = np.moveaxis(np.arange(math.prod(moved)).reshape(moved), -1, origin.axis)
    for view in seen.views:
        order = order.reshape(view.shape) if view.order is None else order.transpose(view.order)
    return order


def in_place(origin: Value, seen: Value) -> bool:
    """Whether ``seen``, channels last, lies in memory as ``origin`` does: nothing has to move."""
    if not seen.views and seen.axis == origin.axis:
        return True
    order = element_order(origin, seen)
    if seen.axis < order.ndim:
        order = np.moveaxis(order, seen.axis, -1)
    return bool((order.reshape(-1) == np.arange(order.size)).all())
