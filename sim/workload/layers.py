"""A network as the project sees it: layers with shapes, and quantised layers with data."""

import dataclasses
import enum
import functools

import numpy as np


class LayerOp(enum.StrEnum):
    """What a layer computes."""

    CONV = "conv"
    DWCONV = "dwconv"
    DENSE = "dense"
    MAXPOOL = "maxpool"
    AVGPOOL = "avgpool"
    GLOBAL_AVGPOOL = "global_avgpool"
    ADD = "add"
    CLIP = "clip"
    ELEMENTWISE = "elementwise"
    """Counted as digital work, not run on RTL; ``source_op`` names the ONNX operator."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """The shape of one layer. Activations are NHWC with N = 1."""

    name: str
    op: LayerOp
    source_op: str
    """The ONNX operator it came from."""
    in_shape: tuple[int, int, int]
    """(height, width, channels)."""
    out_shape: tuple[int, int, int]
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    """(top, left, bottom, right)."""
    groups: int = 1
    """CONV only; each group is a convolution of in_c/groups by out_c/groups channels."""
    inputs: int = 1
    """Activations read (2 for ADD, any number for ELEMENTWISE)."""

    @functools.cached_property
    def pixels(self) -> int:
        """Output pixels."""
        return self.out_shape[0] * self.out_shape[1]

    @functools.cached_property
    def patch(self) -> int:
        """Inputs of one dot product of CONV, DENSE (per group) or DWCONV."""
        channels = 1 if self.op is LayerOp.DWCONV else self.in_shape[2] // self.groups
        return self.kernel[0] * self.kernel[1] * channels

    @functools.cached_property
    def macs(self) -> int:
        """Multiply-accumulates; 0 for layers without weights."""
        return self.pixels * self.out_shape[2] * self.patch if self.has_weights else 0

    @functools.cached_property
    def params(self) -> int:
        """Weights (biases excluded)."""
        return self.out_shape[2] * self.patch if self.has_weights else 0

    @property
    def has_weights(self) -> bool:
        """Whether the layer multiplies by stored weights."""
        return self.op in (LayerOp.CONV, LayerOp.DWCONV, LayerOp.DENSE)

    @property
    def fits_tiles(self) -> bool:
        """Whether its weights can sit on AIMC tiles (dense matrices only)."""
        return self.op in (LayerOp.CONV, LayerOp.DENSE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantLayer:
    """A layer with everything needed to run it in int8.

    Activations are int8. ``y = clip(requantise(acc) + out_zero_point, act_min, act_max)``.
    """

    layer: Layer
    weight: np.ndarray | None = None
    """CONV, DENSE: (out_c, kernel_h, kernel_w, in_c/groups) int8; DWCONV: (kh, kw, out_c) int8."""
    bias: np.ndarray | None = None
    """(out_c,) int32, without the zero-point correction."""
    multiplier: np.ndarray | None = None
    """uint32, a multiple of 64: (out_c,) for weights, (count,) for AVGPOOL, else (1,)."""
    shift: np.ndarray | None = None
    """uint32 32 .. 62, same shape as multiplier."""
    in_zero_point: int = 0
    in2_zero_point: int = 0
    out_zero_point: int = 0
    act_min: int = -128
    act_max: int = 127
    add_multipliers: tuple[int, int] = (0, 0)
    add_shift: int = 0
    count_include_pad: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network: its layers in execution order, and where it came from."""

    name: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()
    """Things the importer folded, skipped or assumed, one sentence each."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)

    @property
    def params(self) -> int:
        """Weights (biases excluded)."""
        return sum(layer.params for layer in self.layers)
