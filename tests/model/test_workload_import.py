import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.onnx_import import find_network, load_network
from workload_nets import Net, runtime_shapes


def ops(network):
    return [layer.op for layer in network.layers]


def check_against_runtime(network, path, input_shape, dtype=np.float32):
    shapes = runtime_shapes(path, input_shape, dtype)
    for layer in network.layers:
        dims = shapes[layer.name]
        hwc = (dims[2], dims[3], dims[1]) if len(dims) == 4 else (1, 1, dims[-1])
        assert layer.out_shape == hwc, layer
        if layer.op in (LayerOp.CONV, LayerOp.DWCONV, LayerOp.MAXPOOL, LayerOp.AVGPOOL):
            top, left, bottom, right = layer.pads
            padded = (layer.in_shape[0] + top + bottom, layer.in_shape[1] + left + right)
            for size, kernel, stride, out in zip(
                padded, layer.kernel, layer.stride, layer.out_shape, strict=False
            ):
                assert (size - kernel) // stride + 1 == out, layer


# As published, but for ShuffleNet and ZFNet-512, which are variants: there the sums of their files.
@pytest.mark.parametrize(
    "name, macs, params",
    [
        ("alexnet", 0.65e9, 60.9e6),
        ("densenet121", 2.83e9, 7.9e6),
        ("inception_v1", 1.43e9, 7.0e6),
        ("inception_v2", 2.02e9, 11.2e6),
        ("resnet50", 4.09e9, 25.5e6),
        ("shufflenet", 0.125e9, 1.37e6),
        ("squeezenet", 0.349e9, 1.23e6),
        ("vgg19", 19.63e9, 143.65e6),
        ("zfnet512", 1.48e9, 87.2e6),
    ],
)
def test_known_networks_have_their_size(name, macs, params):
    path = find_network(name)
    network = load_network(path)
    assert network.name == name
    assert network.macs == pytest.approx(macs, rel=0.01)
    assert network.params == pytest.approx(params, rel=0.01)
    assert (network.macs, network.params) == size_by_whole_graph_inference(path)
    assert len({layer.name for layer in network.layers}) == len(network.layers)


def size_by_whole_graph_inference(path):
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        for info in (*graph.value_info, *graph.output, *graph.input)
    }
    macs = params = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            weight = shapes[node.input[1]]
            per_output = math.prod(weight[1:])
            if node.op_type == "Gemm":
                (by_column,) = [a.i for a in node.attribute if a.name == "transB"] or [0]
                per_output = weight[1 if by_column else 0]
            macs += math.prod(shapes[node.output[0]]) * per_output
            params += math.prod(weight)
    return macs, params


def test_resnet50_is_convolutions_pools_additions_and_one_dense_layer():
    network = load_network(find_network("resnet50"))
    count = {op: ops(network).count(op) for op in set(ops(network))}
    assert count == {
        LayerOp.CONV: 53,
        LayerOp.MAXPOOL: 1,
        LayerOp.ADD: 16,
        LayerOp.GLOBAL_AVGPOOL: 1,
        LayerOp.DENSE: 1,
        LayerOp.ELEMENTWISE: 1,
    }
    first, last = network.layers[0], network.layers[-2]
    assert (first.in_shape, first.out_shape) == ((224, 224, 3), (112, 112, 64))
    assert (first.kernel, first.stride, first.pads) == ((7, 7), (2, 2), (3, 3, 3, 3))
    assert (last.in_shape, last.out_shape) == ((1, 1, 2048), (1, 1, 1000))


def test_shufflenet_has_grouped_and_depthwise_convolutions_and_channel_shuffles():
    network = load_network(find_network("shufflenet"))
    assert sum(layer.groups > 1 for layer in network.layers) == 32
    assert ops(network).count(LayerOp.DWCONV) == 16
    shuffles = [layer for layer in network.layers if layer.source_op == "Transpose"]
    assert len(shuffles) == 16
    assert all(layer.in_shape == layer.out_shape for layer in shuffles)


def test_residual_block_folds_norm_and_activation(tmp_path):
    net = Net(1, 8, 12, 10)
    x = net.op("Relu", net.conv("input", (16, 8, 3, 3), pads=[1, 1, 1, 1]))
    norm = [net.const(np.ones(16)) for _ in range(4)]
    y = net.op("BatchNormalization", net.conv(x, (16, 16, 3, 3), pads=[1, 1, 1, 1]), *norm)
    path = net.save(tmp_path, net.op("Relu", net.op("Add", y, x)))
    network = load_network(path)
    assert ops(network) == [LayerOp.CONV, LayerOp.CONV, LayerOp.ADD]
    assert network.layers[2].inputs == 2
    assert network.notes == ("Made part of the layer before them: 1 BatchNormalization, 2 Relu.",)
    check_against_runtime(network, path, (1, 8, 12, 10))


def test_activation_read_twice_is_a_layer_of_its_own(tmp_path):
    net = Net(1, 8, 6, 6)
    x = net.conv("input", (8, 8, 1, 1))
    path = net.save(tmp_path, net.op("Add", net.op("Clip", x), x))
    assert ops(load_network(path)) == [LayerOp.CONV, LayerOp.CLIP, LayerOp.ADD]


def test_norm_after_activation_is_elementwise_and_takes_what_follows(tmp_path):
    net = Net(1, 8, 6, 6)
    x = net.op("Relu", net.conv("input", (8, 8, 1, 1)))
    x = net.op("BatchNormalization", x, *(net.const(np.ones(8)) for _ in range(4)))
    path = net.save(tmp_path, net.op("Relu", net.op("Mul", x, net.weight(8, 1, 1))))
    network = load_network(path)
    assert [layer.source_op for layer in network.layers] == ["Conv", "BatchNormalization"]


def test_squeeze_and_excite_block(tmp_path):
    net = Net(1, 16, 8, 8)
    x = net.conv("input", (16, 1, 5, 5), group=16, pads=[2, 2, 2, 2])
    s = net.op("GlobalAveragePool", x)
    s = net.op("Relu", net.conv(s, (4, 16, 1, 1)))
    s = net.op("HardSigmoid", net.conv(s, (16, 4, 1, 1)))
    path = net.save(tmp_path, net.op("Mul", x, s))
    network = load_network(path)
    assert ops(network) == [
        LayerOp.DWCONV,
        LayerOp.GLOBAL_AVGPOOL,
        LayerOp.CONV,
        LayerOp.CONV,
        LayerOp.ELEMENTWISE,
        LayerOp.ELEMENTWISE,
    ]
    assert network.layers[0].params == 16 * 25
    assert network.layers[-1].in_shape == (8, 8, 16)
    assert network.layers[-1].inputs == 2
    check_against_runtime(network, path, (1, 16, 8, 8))


def test_channel_multiplier_is_a_grouped_convolution(tmp_path):
    net = Net(1, 6, 8, 8)
    path = net.save(tmp_path, net.conv("input", (12, 1, 3, 3), group=6))
    (layer,) = load_network(path).layers
    assert (layer.op, layer.groups, layer.params) == (LayerOp.CONV, 6, 12 * 9)


@pytest.mark.parametrize("size", [(11, 14), (12, 13), (7, 8)])
@pytest.mark.parametrize(
    "window",
    [
        {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [3, 2], "strides": [2, 3], "ceil_mode": 1, "pads": [1, 0, 1, 1]},
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"kernel_shape": [4, 3], "strides": [1, 2], "auto_pad": "SAME_LOWER"},
        {"kernel_shape": [3, 3], "strides": [2, 1], "auto_pad": "VALID"},
    ],
)
def test_windows_have_the_size_that_onnxruntime_gives(tmp_path, size, window):
    net = Net(1, 4, *size)
    x = net.op("MaxPool", "input", **window)
    y = net.op("AveragePool", "input", **window)
    outputs = [x, y]
    if not window.get("ceil_mode"):
        outputs.append(net.conv("input", (5, 4, *window["kernel_shape"]), **window))
    path = net.save(tmp_path, *outputs)
    check_against_runtime(load_network(path), path, (1, 4, *size))


def test_global_pools_by_other_names(tmp_path):
    net = Net(1, 4, 7, 5)
    outputs = [
        net.op("AveragePool", "input", kernel_shape=[7, 5]),
        net.op("ReduceMean", "input", axes=[-1, -2]),
        net.op("ReduceMean", "input", axes=[2, 3], keepdims=0),
        net.op("GlobalMaxPool", "input"),
        net.op("ReduceMean", "input", axes=[1]),
    ]
    network = load_network(net.save(tmp_path, *outputs))
    assert ops(network)[:3] == [LayerOp.GLOBAL_AVGPOOL] * 3
    assert ops(network)[3:] == [LayerOp.MAXPOOL, LayerOp.ELEMENTWISE]
    assert all(layer.out_shape == (1, 1, 4) for layer in network.layers[:4])
    assert network.layers[3].kernel == (7, 5)


def test_pad_joins_the_convolution_that_follows(tmp_path):
    net = Net(1, 3, 9, 9)
    x = net.op("Pad", "input", net.const([0, 0, 1, 2, 0, 0, 3, 4], np.int64))
    path = net.save(tmp_path, net.conv(x, (4, 3, 3, 3), pads=[1, 1, 1, 1]))
    network = load_network(path)
    (layer,) = network.layers
    assert layer.in_shape == (9, 9, 3)
    assert layer.pads == (2, 3, 4, 5)
    check_against_runtime(network, path, (1, 3, 9, 9))


def test_pad_of_other_values_is_elementwise(tmp_path):
    net = Net(1, 3, 9, 9)
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    x = net.op("Pad", "input", pads, mode="reflect")
    network = load_network(net.save(tmp_path, net.conv(x, (4, 3, 3, 3))))
    assert ops(network) == [LayerOp.ELEMENTWISE, LayerOp.CONV]
    assert network.layers[1].in_shape == (11, 11, 3)


def exported_head(net, x):
    """What exporters make of ``x.view(x.size(0), -1)``."""
    size = net.op("Gather", net.op("Shape", x), net.const(0, np.int64))
    parts = [net.op("Unsqueeze", size, net.const([0], np.int64)), net.const([-1], np.int64)]
    return net.op("Reshape", x, net.op("Concat", *parts, axis=0))


def test_symbolic_batch_becomes_one_and_shape_arithmetic_is_folded(tmp_path):
    net = Net("N", 3, 8, 8)
    x = net.op("Relu", net.conv("input", (4, 3, 3, 3)))
    x = net.op("Gemm", exported_head(net, x), net.weight(144, 10))
    path = net.save(tmp_path, x)
    network = load_network(path)
    assert ops(network) == [LayerOp.CONV, LayerOp.DENSE]
    assert network.layers[1].params == 1440
    assert "The batch was open and became 1." in network.notes
    check_against_runtime(network, path, (1, 3, 8, 8))


def test_fixed_batch_becomes_one_even_in_a_constant_reshape(tmp_path):
    net = Net(8, 3, 4, 4)
    x = net.op("Reshape", "input", net.const([8, 48], np.int64))
    network = load_network(net.save(tmp_path, net.op("MatMul", x, net.weight(48, 5))))
    assert network.layers[0].in_shape == (1, 1, 48)
    assert network.notes[0] == "The batch was 8 and became 1."


def test_open_size_is_given_by_the_caller(tmp_path):
    net = Net("N", 3, "H", "W")
    path = net.save(tmp_path, net.conv("input", (4, 3, 3, 3)))
    network = load_network(path, shape={"input": (1, 3, 10, 12)})
    assert network.layers[0].out_shape == (8, 10, 4)


def test_channels_last_model_keeps_its_layout_out_of_the_layers(tmp_path):
    net = Net(1, 16, 16, 3)
    x = net.op("Transpose", "input", perm=[0, 3, 1, 2])
    x = net.op("Transpose", net.conv(x, (8, 3, 3, 3)), perm=[0, 2, 3, 1])
    x = net.op("Relu", net.op("Add", x, net.weight(8)))
    x = net.op("Sigmoid", x)
    network = load_network(net.save(tmp_path, x))
    assert ops(network) == [LayerOp.CONV, LayerOp.ELEMENTWISE]
    assert network.layers[1].in_shape == (14, 14, 8)


def test_matmul_of_many_rows_is_a_one_by_one_convolution(tmp_path):
    net = Net(1, 6, 8)
    x = net.op("MatMul", "input", net.weight(8, 5))
    y = net.op("MatMul", x, net.op("Transpose", x, perm=[0, 2, 1]))
    network = load_network(net.save(tmp_path, y))
    assert ops(network)[0] is LayerOp.CONV
    assert network.layers[0].macs == 6 * 8 * 5
    assert network.layers[-1].op is LayerOp.ELEMENTWISE
    assert any("180 products" in note for note in network.notes)


def test_concat_split_slice_resize(tmp_path):
    net = Net(1, 8, 6, 6)
    a = net.op("Split", "input", net.const([3, 5], np.int64), axis=1, outputs=2)
    b = net.op("Concat", a, f"{a}:1", axis=1)
    c = net.op("Slice", b, *(net.const([v], np.int64) for v in (1, 7, 1)))
    d = net.op("Resize", c, "", net.const([1, 1, 2, 2]))
    path = net.save(tmp_path, d)
    network = load_network(path)
    assert [layer.source_op for layer in network.layers] == ["Split", "Concat", "Slice", "Resize"]
    assert network.layers[1].inputs == 2
    check = [layer.out_shape for layer in network.layers]
    assert check == [(6, 6, 8), (6, 6, 8), (6, 6, 6), (12, 12, 6)]


def qdq(net, x, kind=np.int8):
    scale, zero = net.const(0.05), net.const(3, kind)
    return net.op("DequantizeLinear", net.op("QuantizeLinear", x, scale, zero), scale, zero)


def qdq_weight(net, *shape):
    data = net.const(net.rng.integers(-127, 128, shape), np.int8)
    scales, zeros = net.const(np.full(shape[0], 0.01)), net.const(np.zeros(shape[0]), np.int8)
    return net.op("DequantizeLinear", data, scales, zeros, axis=0)


def test_qdq_model_has_the_layers_of_its_float_twin(tmp_path):
    net = Net(1, 8, 10, 10)
    x = qdq(net, "input")
    y = net.op("Conv", x, qdq_weight(net, 8, 8, 3, 3), pads=[1, 1, 1, 1], name="conv")
    y = net.op("Relu", qdq(net, y))
    y = qdq(net, net.op("Add", qdq(net, y), x, name="add"))
    y = qdq(net, net.op("GlobalAveragePool", y, name="pool"))
    y = net.op("Gemm", net.op("Flatten", y), qdq_weight(net, 10, 8), transB=1, name="dense")
    path = net.save(tmp_path, y)
    network = load_network(path)
    assert ops(network) == [
        LayerOp.CONV,
        LayerOp.ADD,
        LayerOp.GLOBAL_AVGPOOL,
        LayerOp.DENSE,
    ]
    assert network.macs == 100 * 8 * 72 + 80
    check_against_runtime(network, path, (1, 8, 10, 10))


def test_qlinear_model(tmp_path):
    net = Net(1, 8, 10, 10, kind=TensorProto.INT8)
    s, z = net.const(0.05), net.const(0, np.int8)

    def weight(*shape):
        return net.const(net.rng.integers(-127, 128, shape), np.int8)

    micro = {"domain": "com.microsoft"}
    x = net.op(
        "QLinearConv", "input", s, z, weight(8, 1, 3, 3), s, z, s, z, group=8, pads=[1, 1, 1, 1]
    )
    y = net.op("QLinearConv", x, s, z, weight(8, 8, 1, 1), s, z, s, z)
    y = net.op("QLinearAdd", x, s, z, y, s, z, s, z, **micro)
    y = net.op("QLinearConcat", s, z, y, s, z, x, s, z, axis=1, **micro)
    y = net.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = net.op("QLinearGlobalAveragePool", y, s, z, s, z, **micro)
    y = net.op("Flatten", y)
    y = net.op("QLinearMatMul", y, s, z, weight(16, 4), s, z, s, z)
    path = net.save(tmp_path, net.op("DequantizeLinear", y, s, z))
    network = load_network(path)
    assert ops(network) == [
        LayerOp.DWCONV,
        LayerOp.CONV,
        LayerOp.ADD,
        LayerOp.ELEMENTWISE,
        LayerOp.MAXPOOL,
        LayerOp.GLOBAL_AVGPOOL,
        LayerOp.DENSE,
    ]
    assert network.layers[3].out_shape == (10, 10, 16)
    check_against_runtime(network, path, (1, 8, 10, 10), np.int8)


def test_dynamically_quantised_convolution_is_one_convolution(tmp_path):
    net = Net(1, 8, 6, 6)
    x = net.op("DynamicQuantizeLinear", "input", outputs=3)
    w = net.const(net.rng.integers(-127, 128, (4, 8, 3, 3)), np.int8)
    y = net.op("Cast", net.op("ConvInteger", x, w, f"{x}:2"), to=TensorProto.FLOAT)
    y = net.op("Mul", y, net.op("Mul", f"{x}:1", net.const(0.02)))
    y = net.op("Relu", net.op("Add", y, net.weight(1, 4, 1, 1)))
    network = load_network(net.save(tmp_path, y))
    assert ops(network) == [LayerOp.ELEMENTWISE, LayerOp.CONV]
    assert network.macs == 16 * 4 * 72
