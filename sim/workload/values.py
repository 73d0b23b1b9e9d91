"""What the importer knows about a tensor: its shape, its layout, and whether it is constant."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from onnx import TensorProto
from tightrope.sim.workload.nodes import Node

__all__ = ["MAX_ELEMENTS", "Value", "View", "default_axis", "hwc", "per_channel", "reshaped_axis"]

MAX_ELEMENTS = 1 << 31
"""No tensor may be larger."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """The same elements in another shape, or with their dimensions in another order."""

    shape: tuple[int, ...] = ()
    """Of a reshape."""
    order: tuple[int, ...] | None = None
    """Of a transposition; None for a reshape."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """One tensor."""

    shape: tuple[int, ...]
    elem_type: int = TensorProto.FLOAT
    """As shape inference sees it: narrow numbers of activations count as float."""
    constant: bool = False
    data: np.ndarray | None = None
    """Of small constants."""
    axis: int = 1
    """Where an activation's channels are."""
    layer: int | None = None
    """Index of the layer that computes it."""
    sole: bool = False
    """Nothing but the next node reads what the layer computes."""
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    """(top, left, bottom, right) that ``shape`` holds already and the next convolution adds."""
    views: tuple[View, ...] = ()
    """How the layer's output (or the network's input) became this, if another shape or order."""
    formats: tuple[Node, ...] = ()
    """The QuantizeLinear and DequantizeLinear nodes that it came through, in order."""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """Elements along the channel axis."""
        return self.shape[self.axis] if self.axis < len(self.shape) else self.size

    @property
    def hwc(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return hwc(self.shape, self.axis)


def hwc(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """Any shape as (height, width, channels); no element is lost.

    Five or more dimensions (the middle of a channel shuffle) end in height and width.
    """
    rank = len(shape)
    if rank > 4:
        return shape[-2], shape[-1], math.prod(shape[:-2])
    if axis >= rank:
        return 1, 1, math.prod(shape)
    rest = [size for i, size in enumerate(shape) if i != axis]
    if len(rest) < 2:
        return 1, math.prod(rest), shape[axis]
    return math.prod(rest[:-1]), rest[-1], shape[axis]


def default_axis(shape: Sequence[int]) -> int:
    """Where the channels of a tensor of unknown origin probably are."""
    if len(shape) == 1:
        return 0
    if len(shape) == 4:
        pixel_last = shape[3] <= 4 < shape[1] and shape[1] == shape[2]
        vector_last = shape[1] == shape[2] == 1 < shape[3]
        return 3 if pixel_last or vector_last else 1
    return 1


def reshaped_axis(old: Value, shape: Sequence[int]) -> int:
    """Where the channels are after a reshape."""
    rank = len(shape)
    if rank == len(old.shape):
        return old.axis
    if rank < 3 or len(old.shape) < 3:
        return default_axis(shape)
    return rank - 1 if old.axis == len(old.shape) - 1 else 1


def per_channel(constant: Value, activation: Value, first_axis: int | None = None) -> bool:
    """Whether a constant that is combined with an activation has one number per channel, or one.

    ``first_axis`` is where its first dimension goes; it is right-aligned if None.
    """
    offset = len(activation.shape) - len(constant.shape) if first_axis is None else first_axis
    return all(
        size == 1 or (offset + i == activation.axis and size == activation.channels)
        for i, size in enumerate(constant.shape)
    )
