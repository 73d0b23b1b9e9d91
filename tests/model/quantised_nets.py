"""Random quantised graphs, QDQ or of QLinear operators, that onnxruntime computes exactly.

Scales of activations are powers of two, those of weights odd multiples of them, and sums stay
below 2**24: then float32 holds every number on the way, whatever the order of operations. Weights
stay in -64 .. 63, as onnxruntime's AVX2 kernels saturate pairs of larger products to 16 bits.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
QDQ, QLINEAR = "qdq", "qlinear"


class QuantisedNet:
    """A graph that grows; each method takes and returns a tensor as (name, shape, scale, zero)."""

    def __init__(self, rng, style, shape, *, unsigned, real_input):
        self.rng, self.style, self.unsigned = rng, style, unsigned
        self.nodes, self.constants, self.pairs = [], [], []
        kind = TensorProto.FLOAT if real_input else self.kind
        self.input = helper.make_tensor_value_info("input", kind, (1, *shape))
        scale, zero = self.format()
        name = "input"
        if real_input:
            name = self.node("QuantizeLinear", ["input", *self.stored(scale, zero)])
        self.first = (name, shape, scale, zero)

    @property
    def kind(self):
        return TensorProto.UINT8 if self.unsigned else TensorProto.INT8

    def const(self, data):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(data, order="C"), name))
        return name

    def format(self):
        """A scale and a zero point, even: QLinearAdd adds it before it rounds ties to even."""
        return 2.0 ** -int(self.rng.integers(3, 6)), 2 * int(self.rng.integers(-20, 21))

    def stored(self, scale, zero):
        offset = np.uint8(zero + 128) if self.unsigned else np.int8(zero)
        return [self.const(np.float32(scale)), self.const(offset)]

    def node(self, op, inputs, **attributes):
        name = f"{op}_{len(self.nodes)}"
        domain = "" if op in ("QLinearConv", "QLinearMatMul") else "com.microsoft"
        if not op.startswith(("QLinear", "QGemm")):
            domain = ""
        self.nodes.append(
            helper.make_node(op, inputs, [name], name=name, domain=domain, **attributes)
        )
        return name

    def real(self, tensor):
        name, _, scale, zero = tensor
        return self.node("DequantizeLinear", [name, *self.stored(scale, zero)])

    def finish(self, name, shape, scale, zero, *, activation=None):
        """Close a QDQ operator: a rectifier perhaps, then QuantizeLinear."""
        layer = name
        if activation == "Relu":
            name = self.node("Relu", [name])
        elif activation == "Clip":
            limits = [self.const(np.float32(x)) for x in (-0.3, 1.3)]
            name = self.node("Clip", [name, *limits])
        name = self.node("QuantizeLinear", [name, *self.stored(scale, zero)])
        self.pairs.append((layer, name))
        return name, shape, scale, zero

    def done(self, name, shape, scale, zero):
        """Close a QLinear operator."""
        self.pairs.append((name, name))
        return name, shape, scale, zero

    def conv(self, tensor, out_c, kernel, stride, pads, groups, *, bias):
        name, (in_c, *size), in_scale, in_zero = tensor
        weight = self.rng.integers(-64, 64, (out_c, in_c // groups, *kernel)).astype(np.int8)
        ratios = self.weight_ratios(out_c, weight[0].size)
        out_scale, out_zero = self.format()
        scales = ratios * out_scale / in_scale
        steps = self.rng.integers(-2000, 2000, out_c).astype(np.int32)
        out_size = [(size[i] + pads[i] + pads[i + 2] - kernel[i]) // stride[i] + 1 for i in (0, 1)]
        stated = {"kernel_shape": kernel, "strides": stride, "pads": pads, "group": groups}
        ends = ((out_c, *out_size), out_scale, out_zero)
        if self.style == QLINEAR:
            inputs = [name, *self.stored(in_scale, in_zero), self.const(weight)]
            inputs += [self.const(scales.astype(np.float32)), self.const(np.zeros(out_c, np.int8))]
            inputs += self.stored(out_scale, out_zero)
            inputs += [self.const(steps)] if bias else []
            return self.done(self.node("QLinearConv", inputs, **stated), *ends)
        inputs = [self.real(tensor), self.real_weight(weight, scales, 0)]
        inputs += [self.real_bias(steps, scales * in_scale)] if bias else []
        activation = self.rng.choice([None, "Relu", "Clip"])
        return self.finish(self.node("Conv", inputs, **stated), *ends, activation=activation)

    def weight_ratios(self, count, patch):
        """Short scales from sums to outputs that leave most outputs inside int8."""
        shift = round(np.log2(np.sqrt(patch))) + 8
        return (2 * self.rng.integers(0, 8, count) + 1) * 2.0**-shift

    def real_weight(self, weight, scales, axis):
        zeros = np.zeros(len(scales), np.int8)
        if self.rng.integers(2):
            weight, zeros = (weight.astype(np.int16) + 128).astype(np.uint8), zeros.view(np.uint8)
            zeros = zeros + np.uint8(128)
        inputs = [self.const(weight), self.const(scales.astype(np.float32)), self.const(zeros)]
        return self.node("DequantizeLinear", inputs, axis=axis)

    def real_bias(self, steps, scales):
        inputs = [self.const(steps), self.const(scales.astype(np.float32))]
        return self.node("DequantizeLinear", inputs, axis=0)

    def dense(self, tensor, out_c):
        name, shape, in_scale, in_zero = tensor
        count = int(np.prod(shape))
        weight = self.rng.integers(-64, 64, (out_c, count)).astype(np.int8)
        out_scale, out_zero = self.format()
        scales = self.weight_ratios(1, count) * out_scale / in_scale
        steps = self.rng.integers(-2000, 2000, out_c).astype(np.int32)
        ends = ((out_c,), out_scale, out_zero)
        if self.style == QLINEAR:
            flat = self.node("Flatten", [name])
            inputs = [flat, *self.stored(in_scale, in_zero), self.const(weight)]
            inputs += [self.const(scales.astype(np.float32)), self.const(np.zeros(1, np.int8))]
            inputs += [self.const(steps), *self.stored(out_scale, out_zero)]
            return self.done(self.node("QGemm", inputs, transB=1), *ends)
        flat = self.node("Flatten", [self.real(tensor)])
        if self.rng.integers(2):
            # 2 * bias and weights / 2, and the scale of the bias to fit.
            bias = self.real_bias(steps, np.full(out_c, scales[0] * in_scale / 4))
            inputs = [flat, self.real_weight(weight, scales, 0), bias]
            gemm = self.node("Gemm", inputs, transB=1, alpha=0.5, beta=2.0)
            return self.finish(gemm, *ends)
        weight_name = self.real_weight(np.ascontiguousarray(weight.T), scales, 1)
        summed = self.node("MatMul", [flat, weight_name])
        offset = self.real_bias(steps, np.full(out_c, scales[0] * in_scale))
        added = self.node("Add", [summed, offset])
        name, *rest = self.finish(added, *ends)
        self.pairs[-1] = (summed, name)
        return (name, *rest)

    def add(self, first, second):
        out_scale, out_zero = self.format()
        ends = (first[1], out_scale, out_zero)
        if self.style == QLINEAR:
            inputs = []
            for name, _, scale, zero in (first, second):
                inputs += [name, *self.stored(scale, zero)]
            inputs += self.stored(out_scale, out_zero)
            return self.done(self.node("QLinearAdd", inputs), *ends)
        activation = self.rng.choice([None, "Relu"])
        summed = self.node("Add", [self.real(first), self.real(second)])
        return self.finish(summed, *ends, activation=activation)

    def max_pool(self, tensor):
        name, (channels, height, width), scale, zero = tensor
        stated = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)}
        ends = ((channels, (height + 1) // 2, (width + 1) // 2), scale, zero)
        if self.style == QLINEAR:
            return self.done(self.node("MaxPool", [name], **stated), *ends)
        return self.finish(self.node("MaxPool", [self.real(tensor)], **stated), *ends)

    def average_pool(self, tensor):
        """2 x 2 with odd edges: windows of 1, 2 and 4 pixels, none of which rounds on the way."""
        name, (channels, height, width), scale, zero = tensor
        stated = {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (1, 1, 1, 1)}
        ends = ((channels, height // 2 + 1, width // 2 + 1), scale, zero)
        if self.style == QLINEAR:
            inputs = [name, *self.stored(scale, zero), *self.stored(scale, zero)]
            return self.done(self.node("QLinearAveragePool", inputs, **stated), *ends)
        return self.finish(self.node("AveragePool", [self.real(tensor)], **stated), *ends)

    def concat(self, tensors):
        scale, zero = max(tensor[2] for tensor in tensors), 2
        ends = ((sum(t[1][0] for t in tensors), *tensors[0][1][1:]), scale, zero)
        if self.style == QLINEAR:
            inputs = self.stored(scale, zero)
            for name, _, *form in tensors:
                inputs += [name, *self.stored(*form)]
            return self.done(self.node("QLinearConcat", inputs, axis=1), *ends)
        joined = self.node("Concat", [self.real(tensor) for tensor in tensors], axis=1)
        return self.finish(joined, *ends)

    def requantised(self, tensor):
        """The same at twice the scale, which is a layer of its own."""
        _, shape, scale, zero = tensor
        if self.style == QLINEAR:
            return tensor
        wide = (shape, 2 * scale, zero // 4 * 2)
        name = self.node("QuantizeLinear", [self.real(tensor), *self.stored(*wide[1:])])
        return name, *wide

    def model(self):
        outputs = [helper.make_tensor_value_info(name, self.kind, None) for _, name in self.pairs]
        graph = helper.make_graph(self.nodes, "net", [self.input], outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def random_net(rng, style, *, unsigned=False, real_input=True):
    """Convolutions of all sorts, a residual addition, pools, a concatenation, a dense layer."""
    channels = int(rng.integers(1, 5))
    size = int(rng.integers(6, 11))
    net = QuantisedNet(
        rng, style, (channels, size, size + 1), unsigned=unsigned, real_input=real_input
    )
    x = net.conv(net.first, 6, (3, 3), (1, 1), (1, 1, 1, 1), 1, bias=True)
    y = net.conv(x, 6, (3, 3), (1, 1), (1, 1, 1, 1), 6, bias=bool(rng.integers(2)))
    y = net.conv(y, 6, (1, 1), (1, 1), (0, 0, 0, 0), int(rng.choice([1, 2])), bias=False)
    x = net.add(x, y)
    x = net.max_pool(x) if rng.integers(2) else net.average_pool(x)
    left = net.conv(x, int(rng.integers(1, 6)), (1, 1), (1, 1), (0, 0, 0, 0), 1, bias=True)
    right = net.conv(x, 3, (2, 3), (1, 1), (1, 1, 0, 1), 3, bias=True)
    parts = [left, right] + ([x] if rng.integers(2) else [])
    x = net.requantised(net.concat(parts))
    x = net.conv(x, 4, (2, 2), (2, 1), (0, 1, 1, 0), 1, bias=False)
    net.dense(x, int(rng.integers(1, 12)))
    return net


def runtime_outputs(model, x, names=None):
    """Tensors by name, as onnxruntime computes the graph as it stands."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = names or [output.name for output in model.graph.output]
    return dict(zip(names, session.run(names, {"input": x}), strict=True))
