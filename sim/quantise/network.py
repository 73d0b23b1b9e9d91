"""A quantised network: steps in order, the tensors between them, and where those lie."""

import dataclasses

import numpy as np
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import Network, QuantLayer

__all__ = ["QuantOutput", "QuantNetwork", "QuantStep", "QuantTensor", "TensorQuant"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TensorQuant:
    """What the int8 numbers of a tensor mean: ``(q - zero_point) * scale``."""

    scale: float
    zero_point: int
    unsigned: bool = False
    """The file has it as uint8: numbers and zero point are 128 higher there."""

    def encode(self, real: np.ndarray) -> np.ndarray:
        """int8 of real numbers, rounded half to even as ONNX does, in float32 as onnxruntime."""
        steps = np.rint(np.asarray(real, np.float32) / np.float32(self.scale)) + self.zero_point
        return np.clip(steps, -128, 127).astype(np.int8)

    def decode(self, quantised: np.ndarray) -> np.ndarray:
        """float32 of int8 numbers."""
        steps = quantised.astype(np.int16) - self.zero_point
        return steps.astype(np.float32) * np.float32(self.scale)

    def limit(self, real: float) -> int:
        """The int8 step of a clamp at ``real``, which may be infinite."""
        steps = np.rint(np.float64(real) / self.scale) + self.zero_point
        return int(np.clip(steps, -128, 127))


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantTensor:
    """An activation, (h, w, c) int8, as channels of the pixels of a buffer."""

    name: str
    shape: tuple[int, int, int]
    quant: TensorQuant
    buffer: int
    """Index into the network's buffers. The parts of a concatenation share one."""
    channel_begin: int = 0
    """Where it begins in each pixel of the buffer, in bytes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantStep:
    """A layer, and the indices of the tensors that it reads and makes."""

    qlayer: QuantLayer
    inputs: tuple[int, ...]
    """A tensor of another shape than the layer's, with as many elements, is read as it lies."""
    output: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantOutput:
    """An output of the network, and how its elements are ordered in ONNX."""

    name: str
    tensor: int
    order: np.ndarray
    """Of ONNX's shape: the place of each element among the tensor's (h, w, c)."""

    def as_onnx(self, values: np.ndarray) -> np.ndarray:
        """The tensor's ``values`` (h, w, c) in ONNX's shape."""
        return values.reshape(-1)[self.order]


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantNetwork:
    """A network in int8, ready to be mapped and run: each step reads what earlier ones made."""

    network: Network
    """Shapes, as imported."""
    tensors: tuple[QuantTensor, ...]
    """The first is the input."""
    buffers: tuple[tuple[int, int, int], ...]
    """(h, w, pitch): pitch bytes from a pixel to the next."""
    steps: tuple[QuantStep, ...]
    outputs: tuple[QuantOutput, ...]
    input_shape: tuple[int, ...]
    """In ONNX, batch of 1 included."""
    input_axis: int
    """Where the input's channels are in ONNX."""
    notes: tuple[str, ...] = ()
    """What was assumed or left to the host, one sentence each."""

    @property
    def name(self) -> str:
        """The network's."""
        return self.network.name

    @property
    def input(self) -> QuantTensor:
        """The first tensor."""
        return self.tensors[0]

    def as_network(self) -> Network:
        """The steps as layers to be mapped, those that int8 needs on top included."""
        return Network(
            name=self.name,
            layers=tuple(step.qlayer.layer for step in self.steps),
            notes=self.notes,
        )

    def encode(self, x: np.ndarray) -> np.ndarray:
        """The input (h, w, c) int8 for ``x``, one image as ONNX has it, real numbers.

        A batch of 1 may be left out. Raises WorkloadError for another shape.
        """
        return self.input.quant.encode(self._as_hwc(x))

    def from_stored(self, x: np.ndarray) -> np.ndarray:
        """:meth:`encode` of an image that is int8 or uint8 already, as a quantised file wants it.

        Raises WorkloadError for another type than the file's.
        """
        kind = np.uint8 if self.input.quant.unsigned else np.int8
        if x.dtype != kind:
            raise WorkloadError(f"the input must be {np.dtype(kind)}, not {x.dtype}")
        return (self._as_hwc(x).astype(np.int16) - 128 * self.input.quant.unsigned).astype(np.int8)

    def _as_hwc(self, x: np.ndarray) -> np.ndarray:
        if x.shape not in (self.input_shape, self.input_shape[1:]):
            raise WorkloadError(
                f"the input must have the shape {list(self.input_shape)}, not {list(x.shape)}"
            )
        moved = np.moveaxis(x.reshape(self.input_shape), self.input_axis, -1)
        return np.ascontiguousarray(moved).reshape(self.input.shape)
