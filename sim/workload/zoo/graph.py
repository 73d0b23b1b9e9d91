"""An ONNX graph under construction: layers of a CNN, with seeded weights."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Graph"]

OPSET = 17
IR_VERSION = 8
"""Of onnx 1.12, so that any reader of the last years takes the file."""
BIAS_LIMIT = 0.1


class Graph:
    """Adds nodes in order; each method returns the name of the tensor that it makes.

    Activations are NCHW with a batch of 1; convolutions pad as TensorFlow's SAME does. Batch
    normalisation is folded: every convolution has a bias, which is what there is left of it.

    Weights are uniform, with the variance of He et al. 2015 (2 / fan-in after a rectifier, else
    1 / fan-in), so activations keep their scale. Each is an integer of 24 bits times a power of
    two, scaled once: the same on every platform and with every version of numpy.

    Parameters
    ----------
    name: of the network.
    shape: (channels, height, width) of the input, which is called ``input``.
    bits: where weights come from.
    """

    def __init__(self, name: str, shape: tuple[int, int, int], bits: np.random.PCG64):
        self.name = name
        self.input_shape = shape
        self._bits = bits
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []
        self._shapes: dict[str, tuple[int, int, int]] = {"input": shape}
        self._rectified: set[str] = set()
        self._six: tuple[str, str] | None = None

    def channels(self, tensor: str) -> int:
        """Channels of a tensor."""
        return self._shapes[tensor][0]

    def conv(
        self,
        name: str,
        source: str,
        out_c: int,
        kernel: tuple[int, int],
        *,
        stride: int = 1,
        groups: int = 1,
    ) -> str:
        """A convolution with bias."""
        in_c, *size = self._shapes[source]
        out_size = [-(-length // stride) for length in size]
        needed = [
            max(0, (out - 1) * stride + window - length)
            for out, window, length in zip(out_size, kernel, size, strict=True)
        ]
        before = [n // 2 for n in needed]
        after = [n - b for n, b in zip(needed, before, strict=True)]
        output = self._node(
            "Conv",
            name,
            [
                source,
                self._weight(f"{name}.weight", (out_c, in_c // groups, *kernel), source),
                self._bias(f"{name}.bias", out_c),
            ],
            kernel_shape=kernel,
            strides=(stride, stride),
            pads=(*before, *after),
            group=groups,
        )
        self._shapes[output] = (out_c, out_size[0], out_size[1])
        return output

    def depthwise(self, name: str, source: str, *, stride: int = 1) -> str:
        """A 3 x 3 convolution of each channel by itself."""
        channels = self.channels(source)
        return self.conv(name, source, channels, (3, 3), stride=stride, groups=channels)

    def relu(self, source: str) -> str:
        """max(x, 0)."""
        return self._rectify(self._node("Relu", f"{source}.relu", [source]), source)

    def relu6(self, source: str) -> str:
        """min(max(x, 0), 6)."""
        if self._six is None:
            self._six = self._constant("zero", np.float32(0)), self._constant("six", np.float32(6))
        return self._rectify(self._node("Clip", f"{source}.relu6", [source, *self._six]), source)

    def add(self, name: str, first: str, second: str) -> str:
        """The sum of two tensors of one shape."""
        output = self._node("Add", name, [first, second])
        self._shapes[output] = self._shapes[first]
        return output

    def classifier(self, source: str, classes: int) -> str:
        """Global average pool and a dense layer; its outputs are logits."""
        pooled = self._node("GlobalAveragePool", "pool", [source])
        features = self._node("Flatten", "flatten", [pooled])
        weight = self._weight("classifier.weight", (classes, self.channels(source)), source)
        bias = self._bias("classifier.bias", classes)
        output = self._node("Gemm", "classifier", [features, weight, bias], transB=1)
        self._shapes[output] = (classes, 1, 1)
        return output

    def model(self, output: str) -> onnx.ModelProto:
        """The network that ends in ``output``, which is called so."""
        channels = self.channels(output)
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, *self.input_shape))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, (1, channels))],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tightrope"
        )

    def _node(self, kind: str, name: str, inputs: list[str], **attributes: object) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def _rectify(self, output: str, source: str) -> str:
        self._shapes[output] = self._shapes[source]
        self._rectified.add(output)
        return output

    def _weight(self, name: str, shape: tuple[int, ...], source: str) -> str:
        """``shape`` is (outputs, inputs of one output ...)."""
        gain = 2.0 if source in self._rectified else 1.0
        return self._uniform(name, shape, math.sqrt(3.0 * gain / math.prod(shape[1:])))

    def _bias(self, name: str, count: int) -> str:
        return self._uniform(name, (count,), BIAS_LIMIT)

    def _uniform(self, name: str, shape: tuple[int, ...], limit: float) -> str:
        # numpy promises that the bits stay the same; a Generator's distributions may change.
        bits = self._bits.random_raw(math.prod(shape)) >> np.uint64(40)
        odd = 2 * bits.astype(np.int64) + 1 - (1 << 24)
        unit = odd.astype(np.float32) / np.float32(1 << 24)
        return self._constant(name, (unit * np.float32(limit)).reshape(shape))

    def _constant(self, name: str, data: np.ndarray | np.float32) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name
