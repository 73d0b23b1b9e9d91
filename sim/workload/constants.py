"""Constants with their data, read when somebody asks: weights, biases, scales, zero points."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from onnx import TensorProto
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.folding import tensor_data
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import MAX_ELEMENTS, Value

__all__ = ["Constant", "Constants"]

MAX_DEPTH = 32
"""Nodes in a row between a stored tensor and who reads it."""
INTEGERS = ("int8", "uint8", "int32", "int4", "uint4")
OTHER_FLOATS = ("float16", "float64", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
    """A constant tensor as it is stored."""

    data: np.ndarray
    """Of any shape: floats, or integers if there is a scale (zero points are subtracted)."""
    scale: np.ndarray | None = None
    """float64, of as many dimensions as ``data``: what its integers count."""
    blank: bool = False
    """Whether the file holds one number only, for all of it."""

    @property
    def real(self) -> np.ndarray:
        """The numbers meant, of the shape of ``data``; float64 if they have a scale."""
        return self.data if self.scale is None else self.data * self.scale


class Constants:
    """The constants of one model by name.

    Parameters
    ----------
    label: the file, for messages.
    folder: where external data lies.
    initializers: the file's tensors.
    makers: the node that makes each tensor that is not one of them.
    values: what the importer knows of each tensor.
    """

    def __init__(
        self,
        *,
        label: str,
        folder: Path,
        initializers: Mapping[str, TensorProto],
        makers: Mapping[str, Node],
        values: Mapping[str, Value],
    ):
        self.label = label
        self._folder = folder
        self._initializers = initializers
        self._makers = makers
        self._values = values

    def read(self, name: str) -> Constant:
        """The tensor of this name. Raises WorkloadError if it is damaged or made in an odd way."""
        return self._read(name, 0)

    def value(self, name: str) -> Value:
        """What the importer knows of the tensor of this name."""
        return self._values[name]

    def numbers(self, name: str) -> np.ndarray:
        """The tensor of this name as it is stored, without a scale."""
        constant = self.read(name)
        if constant.scale is not None:
            raise WorkloadError(f"{self.label}: tensor {name!r} must not be quantised")
        return constant.data

    def dequantised(self, name: str, scale: str, zero_point: str, axis: int) -> Constant:
        """The tensor ``name`` of integers with a scale, and perhaps a zero point, by name."""
        return self._scaled(self._read(name, 0), name, scale, zero_point, axis)

    def _read(self, name: str, depth: int) -> Constant:
        if depth > MAX_DEPTH:
            raise WorkloadError(
                f"{self.label}: tensor {name!r} goes through more than {MAX_DEPTH} nodes"
            )
        if name in self._initializers:
            return self._checked(
                name, tensor_data(self.label, self._initializers[name], self._folder)
            )
        known = self._values[name].data
        if known is not None:
            return self._checked(name, known)
        node = self._makers.get(name)
        handler = _MAKERS.get(node.source_op) if node else None
        if node is None or handler is None:
            what = f"made by {node.source_op}" if node else "sparse"
            raise WorkloadError(f"{self.label}: the constant {name!r} is {what}, which isn't read")
        return handler(self, node, depth + 1)

    def _checked(self, name: str, data: np.ndarray) -> Constant:
        if data.dtype.name in OTHER_FLOATS:
            data = data.astype(np.float32)
        if data.dtype == np.float32 and not np.isfinite(data).all():
            raise WorkloadError(
                f"{self.label}: tensor {name!r} holds numbers that are not finite as float32"
            )
        return Constant(data=data)

    def _constant(self, node: Node, depth: int) -> Constant:
        tensor = node.attribute("value")
        if not isinstance(tensor, TensorProto):
            raise WorkloadError(f"{self.label}: node {node.name!r} (Constant) must hold a tensor")
        return self._checked(node.outputs[0], tensor_data(self.label, tensor, self._folder))

    def _filled(self, node: Node, depth: int) -> Constant:
        value = node.attribute("value")
        filling = np.zeros(1, np.float32)
        if value is not None:
            filling = tensor_data(self.label, value, self._folder).reshape(-1)
        shape = self._values[node.outputs[0]].shape
        if filling.size != 1 or int(np.prod(shape, dtype=np.int64)) > MAX_ELEMENTS:
            raise WorkloadError(f"{self.label}: node {node.name!r} ({node.op}) is damaged")
        blank = self._checked(node.outputs[0], filling)
        return Constant(data=np.broadcast_to(blank.data, shape), blank=True)

    def _same(self, node: Node, depth: int) -> Constant:
        return self._read(node.inputs[0], depth)

    def _moved(self, node: Node, depth: int) -> Constant:
        source = self._read(node.inputs[0], depth)
        order = node.attribute("perm") or tuple(reversed(range(source.data.ndim)))
        return dataclasses.replace(
            source,
            data=source.data.transpose(order),
            scale=None if source.scale is None else source.scale.transpose(order),
        )

    def _reshaped(self, node: Node, depth: int) -> Constant:
        source = self._read(node.inputs[0], depth)
        shape = self._values[node.outputs[0]].shape
        if source.scale is None or source.scale.size == 1:
            scale = None if source.scale is None else source.scale.reshape((1,) * len(shape))
            return dataclasses.replace(source, data=source.data.reshape(shape), scale=scale)
        return Constant(data=source.real.astype(np.float32).reshape(shape))

    def _dequantised(self, node: Node, depth: int) -> Constant:
        source = self._read(node.inputs[0], depth)
        zero_point = node.inputs[2] if len(node.inputs) > 2 else ""
        self._refuse_blocks(node)
        return self._scaled(
            source, node.inputs[0], node.inputs[1], zero_point, node.attribute("axis", 1)
        )

    def _quantised(self, node: Node, depth: int) -> Constant:
        source = self._read(node.inputs[0], depth)
        self._refuse_blocks(node)
        scale = self._along(source.data, self.numbers(node.inputs[1]), node.attribute("axis", 1))
        zero_point = np.zeros((1,) * source.data.ndim, np.uint8)
        if len(node.inputs) > 2 and node.inputs[2]:
            zero_point = self._along(
                source.data, self.numbers(node.inputs[2]), node.attribute("axis", 1)
            )
        if zero_point.dtype not in (np.int8, np.uint8):
            raise WorkloadError(
                f"{self.label}: node {node.name!r} ({node.op}) makes {zero_point.dtype}; only int8 "
                "and uint8 are supported"
            )
        limits = np.iinfo(zero_point.dtype)
        steps = np.rint(source.real.astype(np.float32) / scale) + zero_point
        return Constant(data=np.clip(steps, limits.min, limits.max).astype(zero_point.dtype))

    def _refuse_blocks(self, node: Node) -> None:
        if node.attribute("block_size", 0):
            raise WorkloadError(
                f"{self.label}: node {node.name!r} ({node.op}) has a scale per block, which is not "
                "supported"
            )

    def _scaled(
        self, source: Constant, name: str, scale_name: str, zero_point: str, axis: int
    ) -> Constant:
        if source.data.dtype.name not in INTEGERS or source.scale is not None:
            raise WorkloadError(
                f"{self.label}: tensor {name!r} holds {source.data.dtype}; only integers of up to "
                "8 bits, and biases of 32, can have a scale"
            )
        scale = self._along(source.data, self.numbers(scale_name), axis).astype(np.float64)
        if (scale <= 0).any():
            raise WorkloadError(f"{self.label}: tensor {scale_name!r} has scales that are not > 0")
        data = source.data.astype(np.int64)
        if zero_point:
            data = data - self._along(data, self.numbers(zero_point), axis).astype(np.int64)
        return Constant(data=data, scale=scale, blank=source.blank)

    def _along(self, data: np.ndarray, numbers: np.ndarray, axis: int) -> np.ndarray:
        """One number, or one per place of an axis of ``data``, with as many dimensions."""
        if numbers.size == 1:
            return numbers.reshape((1,) * data.ndim)
        if not -data.ndim <= axis < data.ndim or numbers.shape != (data.shape[axis],):
            raise WorkloadError(
                f"{self.label}: {list(numbers.shape)} scales or zero points don't fit a tensor of "
                f"shape {list(data.shape)} along axis {axis}"
            )
        shape = [1] * data.ndim
        shape[axis] = numbers.size
        return numbers.reshape(shape)


_MAKERS: dict[str, Callable[[Constants, Node, int], Constant]] = {
    "Constant": Constants._constant,
    "ConstantOfShape": Constants._filled,
    "Identity": Constants._same,
    "Dropout": Constants._same,
    "Transpose": Constants._moved,
    "Reshape": Constants._reshaped,
    "Flatten": Constants._reshaped,
    "Squeeze": Constants._reshaped,
    "Unsqueeze": Constants._reshaped,
    "DequantizeLinear": Constants._dequantised,
    "QuantizeLinear": Constants._quantised,
}
