"""Layers on real numbers, with what their file says of integers."""

import dataclasses

import numpy as np
from tightrope.sim.workload.layers import Layer, LayerOp
from tightrope.sim.workload.model import Model
from tightrope.sim.workload.values import Value

from .network import TensorQuant
from .weights import Weights

__all__ = ["RealGraph", "RealLayer", "smallest_window"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealLayer:
    """One layer. Tensor 0 is the network's input, tensor i + 1 what layer i makes."""

    layer: Layer
    sources: tuple[int, ...]
    weights: Weights | None = None
    """Also the bias; None for layers without."""
    low: float = -np.inf
    high: float = np.inf
    """Its output is clamped to these."""
    count_include_pad: bool = False
    in_quants: tuple[TensorQuant | None, ...] = ()
    """What each input is quantised to where it is read; None as it is."""
    is_concat: bool = False

    @property
    def keeps_scale(self) -> bool:
        """Whether inputs and output have the same scale unless the file says otherwise."""
        return self.is_concat or self.layer.op in (LayerOp.MAXPOOL, LayerOp.CLIP)

    @property
    def smallest_divisor(self) -> int:
        """The fewest pixels that a window of an AVGPOOL divides by."""
        kernel = self.layer.kernel
        return kernel[0] * kernel[1] if self.count_include_pad else smallest_window(self.layer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealGraph:
    """The layers of a model in order."""

    model: Model
    layers: tuple[RealLayer, ...]
    stated: tuple[TensorQuant | None, ...]
    """For each tensor, how the file quantises it."""
    outputs: dict[str, tuple[int, Value]]
    """By name: the tensor, and how ONNX sees it."""
    notes: tuple[str, ...] = ()


def smallest_window(layer: Layer) -> int:
    """The fewest pixels of the image in a window of a pool; 0 if one lies outside."""
    counts = []
    for axis in (0, 1):
        begins = np.arange(layer.out_shape[axis]) * layer.stride[axis] - layer.pads[axis]
        ends = np.minimum(begins + layer.kernel[axis], layer.in_shape[axis])
        counts.append(max(0, int((ends - np.maximum(begins, 0)).min())))
    return counts[0] * counts[1]
