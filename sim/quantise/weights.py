"""Weights and biases of a layer, channels last, real or as a quantised file stores them."""

import dataclasses
import math
from typing import NoReturn

import numpy as np
from tightrope.sim.workload.builder import Draft
from tightrope.sim.workload.constants import Constant, Constants
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.values import Value

from .formats import QLINEAR_WEIGHTS
from .order import element_order

__all__ = ["Weights", "read_weights"]

SEEDED_BIAS_LIMIT = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weights:
    """Of one layer; ``out_c`` output channels."""

    real: np.ndarray
    """CONV, DENSE: (out_c, kernel_h, kernel_w, in_c/groups); DWCONV: (kernel_h, kernel_w, c)."""
    bias: np.ndarray
    """(out_c,) float64."""
    stored: np.ndarray | None = None
    """int8 of the same shape, if the file has them."""
    scale: np.ndarray | None = None
    """(out_c,) float64: what the stored integers count."""
    stored_bias: np.ndarray | None = None
    """(out_c,) int64 in steps of scale times the input's scale, if the file has it so."""
    blank: bool = False
    """The file holds none; these are seeded."""

    def scaled(self, factor: np.ndarray, offset: np.ndarray) -> "Weights":
        """The weights of the layer whose output is ``factor * y + offset``, (out_c,) each."""
        if (factor == 1.0).all():
            return dataclasses.replace(
                self,
                bias=self.bias + offset,
                stored_bias=None if offset.any() else self.stored_bias,
            )
        by_channel = factor if self.real.ndim == 3 else factor[:, None, None, None]
        return Weights(
            real=self.real * by_channel, bias=self.bias * factor + offset, blank=self.blank
        )


def read_weights(
    constants: Constants, draft: Draft, origin: Value, rng: np.random.Generator
) -> Weights:
    """Weights and bias of a layer that has them.

    ``origin`` is what its input was made as: a dense layer's columns follow that order.
    """
    constant = _weight_constant(constants, draft)
    if constant.blank:
        return _seeded(draft, rng)
    layout = _Layout(constants, draft, origin)
    gain = float(draft.node.attribute("alpha", 1.0)) if draft.node.op == "Gemm" else 1.0
    real = layout.weights(constant.real.astype(np.float32)) * np.float32(gain)
    if constant.scale is None:
        if constant.data.dtype != np.float32:
            _fail(constants, draft, f"has weights of {constant.data.dtype} without a scale")
        bias, stored_bias = _bias(constants, draft, np.ones(draft.layer.out_shape[2]))
        return Weights(real=real, bias=bias, stored_bias=stored_bias)
    stored, scale = layout.weights(constant.data), layout.scales(constant) * gain
    if stored.min() < -128 or stored.max() > 127:
        _fail(constants, draft, "has weights that aren't int8 without their zero point")
    bias, stored_bias = _bias(constants, draft, scale)
    return Weights(
        real=real,
        bias=bias,
        stored=stored.astype(np.int8),
        scale=scale,
        stored_bias=stored_bias,
    )


class _Layout:
    """Moves a layer's constants from ONNX's order to ours."""

    def __init__(self, constants: Constants, draft: Draft, origin: Value):
        self.constants = constants
        self.draft = draft
        self.columns = None
        if draft.layer.op is LayerOp.DENSE:
            self.columns = element_order(origin, draft.sources[0]).reshape(-1)

    def weights(self, array: np.ndarray) -> np.ndarray:
        """The array as the layer's weights, contiguous."""
        moved = self._moved(array)
        if self.columns is not None:
            matrix = np.empty_like(moved)
            matrix[..., self.columns] = moved
            moved = matrix
        return np.ascontiguousarray(moved)

    def scales(self, constant: Constant) -> np.ndarray:
        """(out_c,): a scale per output channel."""
        assert constant.scale is not None
        out_c = self.draft.layer.out_shape[2]
        scale = self._moved(constant.scale)
        if scale.size > 1 and scale.shape[2 if scale.ndim == 3 else 0] != out_c:
            _fail(self.constants, self.draft, "has scales along its inputs; only outputs can")
        return np.broadcast_to(scale.reshape(-1), (out_c,)).copy()

    def _moved(self, array: np.ndarray) -> np.ndarray:
        node, layer = self.draft.node, self.draft.layer
        if layer.op is LayerOp.DWCONV:
            return array[:, 0].transpose(1, 2, 0)
        if node.op == "Conv":
            return array.transpose(0, 2, 3, 1)
        matrix = array.reshape(array.shape[-2:])
        matrix = matrix if node.op == "Gemm" and node.attribute("transB", 0) else matrix.T
        return matrix[:, None, None, :]


def _weight_constant(constants: Constants, draft: Draft) -> Constant:
    node = draft.node
    if node.source_op not in QLINEAR_WEIGHTS:
        return constants.read(node.inputs[1])
    name, scale, zero_point = node.file_inputs[3:6]
    axis = 0 if node.op == "Conv" or node.attribute("transB", 0) else -1
    return constants.dequantised(name, scale, zero_point, axis)


def _bias(
    constants: Constants, draft: Draft, weight_scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """The bias in real numbers, and as integers if the file has those; (out_c,) each."""
    node, out_c = draft.node, draft.layer.out_shape[2]
    if len(node.inputs) < 3 or not node.inputs[2]:
        return np.zeros(out_c), None
    constant = constants.read(node.inputs[2])
    gain = float(node.attribute("beta", 1.0)) if node.op == "Gemm" else 1.0
    if constant.data.size not in (1, out_c):
        _fail(constants, draft, f"has a bias of shape {list(constant.data.shape)}")
    real = np.broadcast_to(constant.real.reshape(-1), (out_c,)).astype(np.float64)
    if not np.issubdtype(constant.data.dtype, np.integer):
        return real * gain, None
    steps = np.broadcast_to(constant.data.reshape(-1), (out_c,)).astype(np.int64)
    if node.source_op in QLINEAR_WEIGHTS:
        return steps * weight_scale * constants.numbers(node.file_inputs[1]).item(), steps
    return real * gain, steps


def _seeded(draft: Draft, rng: np.random.Generator) -> Weights:
    """Uniform, with the variance of He et al. 2015 for what rectifiers follow."""
    layer = draft.layer
    kernel_h, kernel_w = layer.kernel
    out_c = layer.out_shape[2]
    shape = (out_c, kernel_h, kernel_w, layer.in_shape[2] // layer.groups)
    if layer.op is LayerOp.DWCONV:
        shape = (kernel_h, kernel_w, out_c)
    limit = math.sqrt(6.0 / layer.patch)
    return Weights(
        real=rng.uniform(-limit, limit, shape).astype(np.float32),
        bias=rng.uniform(-SEEDED_BIAS_LIMIT, SEEDED_BIAS_LIMIT, out_c),
        blank=True,
    )


def _fail(constants: Constants, draft: Draft, what: str) -> NoReturn:
    node = draft.node
    raise WorkloadError(f"{constants.label}: node {node.name!r} ({node.source_op}) {what}")
