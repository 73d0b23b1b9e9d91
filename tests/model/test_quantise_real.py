"""Float models: the same numbers as onnxruntime before quantisation, close to them after."""

import numpy as np
import onnx
import pytest
from quantised_nets import runtime_outputs
from tightrope.sim.image.checks import check_quant_layer
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.quantise.execute import run_real
from tightrope.sim.quantise.reader import read_graph
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.onnx_import import load_model
from workload_nets import Net

SEEDS = range(12)


def batch_norm(net, source, channels):
    params = [net.rng.uniform(0.5, 1.5, channels), *net.rng.normal(0, 0.3, (2, channels))]
    params.append(net.rng.uniform(0.5, 2.0, channels))
    return net.op("BatchNormalization", source, *(net.const(p) for p in params))


def per_channel(net, channels):
    return net.const(net.rng.uniform(-1.5, 1.5, (1, channels, 1, 1)))


def weighted(net, source, out_c, in_c, kernel=(3, 3), **attributes):
    shape = (out_c, in_c // attributes.get("group", 1), *kernel)
    weight = net.const(net.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape))
    return net.op("Conv", source, weight, net.weight(out_c), **attributes)


def random_float_net(seed):
    """All that a float model may hold: what folds, what is a view, what has kernels."""
    net = Net(1, 3, 11, 9, seed=seed)
    rng = net.rng
    pads = [0, 0, 1, 1, 0, 0, 1, 1]
    x = net.op("Pad", "input", net.const(pads, np.int64)) if rng.integers(2) else "input"
    extra = [0] * 4 if x != "input" else [1] * 4
    x = net.op("Relu", batch_norm(net, weighted(net, x, 8, 3, pads=extra), 8))
    y = weighted(net, x, 8, 8, pads=[1] * 4, group=8)
    y = net.op("Mul", y, per_channel(net, 8))
    y = net.op("Clip", y, net.const(np.float32(-0.5)), net.const(np.float32(1.5)))
    y = net.op("Relu", y) if rng.integers(2) else y
    pair = [weighted(net, y, 8, 8, (1, 1), group=2), per_channel(net, 8)]
    y = net.op("Sub", *(pair if rng.integers(2) else pair[::-1]))
    y = net.op("Div", y, per_channel(net, 8)) if rng.integers(2) else y
    x = net.op("Relu", net.op(str(rng.choice(["Add", "Sum"])), x, y))
    if rng.integers(2):
        x = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    else:
        stated = {"count_include_pad": int(rng.integers(2)), "pads": [1, 0, 1, 1]}
        x = net.op("AveragePool", x, kernel_shape=[3, 2], strides=[2, 2], **stated)
    left, right = weighted(net, x, 5, 8, (1, 1)), weighted(net, x, 3, 8, pads=[1] * 4)
    x = net.op("Concat", net.op("Relu", left), x, right, net.op("Dropout", left), axis=1)
    x = net.op("Relu", weighted(net, x, 6, 21, strides=[2, 1]))
    if rng.integers(2):
        x = net.op("GlobalAveragePool", x)
    x = net.op("Flatten", x)
    size = runtime_outputs(net.model(x), np.zeros((1, 3, 11, 9), np.float32))[x].shape[1]
    weight = net.const(rng.normal(0, 1 / np.sqrt(size), (7, size)))
    x = net.op("Gemm", x, weight, net.weight(7), transB=1, alpha=0.5, beta=2.0)
    return net, net.op("Softmax", x), x


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_compute_what_onnxruntime_computes(tmp_path, seed):
    net, last, logits = random_float_net(seed)
    model = load_model(net.save(tmp_path, last))
    graph = read_graph(model, np.random.default_rng(seed))
    x = np.random.default_rng(seed).standard_normal(model.input.shape).astype(np.float32)
    *_, got = run_real(graph, np.ascontiguousarray(x[0].transpose(1, 2, 0)))
    wanted = runtime_outputs(net.model(logits), x)[logits]
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_int8_is_close_to_onnxruntime(tmp_path, seed):
    net, last, logits = random_float_net(seed)
    model = load_model(net.save(tmp_path, last))
    samples = np.random.default_rng(seed).standard_normal((8, *model.input.shape[1:]))
    qnet = quantise(model, samples=samples)
    for step in qnet.steps:
        check_quant_layer(step.qlayer)
    errors, wanted = [], []
    (output,) = qnet.outputs
    for x in samples.astype(np.float32):
        got = run_network(qnet, qnet.encode(x))[output.tensor]
        wanted.append(runtime_outputs(net.model(logits), x[None])[logits])
        real = qnet.tensors[output.tensor].quant.decode(got)
        errors.append(output.as_onnx(real) - wanted[-1])
    ratio = np.sqrt(np.mean(np.square(errors)) / np.var(wanted))
    assert ratio < 0.06, f"seed {seed}: an error of {ratio:.3f} of the outputs' deviation"


def single(net, kind):
    """One operator that the random networks lack; returns its output."""
    if kind == "FusedConv":
        stated = {"activation": "Relu", "domain": "com.microsoft"}
        return net.op("FusedConv", "input", net.weight(5, 4, 3, 3), net.weight(5), **stated)
    if kind == "FusedConv of Clip":
        stated = {"activation": "Clip", "activation_params": [-5.0, 9.0]}
        weight = net.weight(5, 4, 3, 3)
        return net.op("FusedConv", "input", weight, domain="com.microsoft", **stated)
    if kind == "MatMul of pixels":
        x = net.op("Transpose", "input", perm=[0, 2, 3, 1])
        x = net.op("Reshape", x, net.const([1, 42, 4], np.int64))
        return net.op("Add", net.op("MatMul", x, net.weight(4, 5)), net.weight(5))
    if kind == "ReduceMean":
        x = net.op("ReduceMean", "input", axes=[2, 3], keepdims=0)
        return net.op("Gemm", x, net.weight(4, 3))
    if kind == "GlobalMaxPool":
        return net.op("Squeeze", net.op("GlobalMaxPool", "input"), net.const([2, 3], np.int64))
    if kind == "AveragePool over the image":
        return net.op("AveragePool", "input", kernel_shape=[6, 7])
    if kind == "SAME_LOWER":
        stated = {"auto_pad": "SAME_LOWER", "strides": [2, 2]}
        return net.op("Conv", "input", net.weight(3, 4, 2, 4), **stated)
    if kind == "several channels of each":
        return net.op("Conv", "input", net.weight(8, 1, 3, 3), group=4)
    if kind == "one number for all":
        x = net.op("Conv", "input", net.weight(3, 4, 1, 1))
        return net.op("Add", net.op("Mul", net.const(0.25), x), net.const(1.0))
    return net.op("Sub", net.weight(1, 4, 1, 1), "input")


@pytest.mark.parametrize(
    "kind",
    [
        "FusedConv",
        "FusedConv of Clip",
        "MatMul of pixels",
        "ReduceMean",
        "GlobalMaxPool",
        "AveragePool over the image",
        "SAME_LOWER",
        "several channels of each",
        "one number for all",
        "constant minus input",
    ],
)
def test_operators_one_by_one(tmp_path, kind):
    net = Net(1, 4, 6, 7)
    last = single(net, kind)
    x = np.random.default_rng(1).standard_normal((1, 4, 6, 7)).astype(np.float32)
    qnet = quantise(load_model(net.save(tmp_path, last)), samples=x)
    for step in qnet.steps:
        check_quant_layer(step.qlayer)
    (output,) = qnet.outputs
    tensor = qnet.tensors[output.tensor]
    got = output.as_onnx(tensor.quant.decode(run_network(qnet, qnet.encode(x))[output.tensor]))
    wanted = runtime_outputs(net.model(last), x)[last]
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() < 6 * tensor.quant.scale


def test_parts_of_a_concatenation_share_a_buffer(tmp_path):
    net, last, _ = random_float_net(0)
    qnet = quantise(load_model(net.save(tmp_path, last)))
    (whole,) = [
        i
        for i, tensor in enumerate(qnet.tensors)
        if tensor.name.startswith("Concat") and tensor.shape[2] == 21
    ]
    buffer = qnet.tensors[whole].buffer
    parts = [t for t in qnet.tensors if t.buffer == buffer and t.shape[2] < 21]
    assert qnet.buffers[buffer] == qnet.tensors[whole].shape
    assert [t.channel_begin for t in sorted(parts, key=lambda t: t.channel_begin)] == [0, 5, 13, 16]
    assert len({t.quant for t in parts}) == 1


def test_a_concatenation_inside_another_lies_inside_it(tmp_path):
    net = Net(1, 4, 6, 6)
    a, b, c = (weighted(net, "input", n, 4, (1, 1)) for n in (2, 3, 4))
    inner = net.op("Concat", a, b, axis=1)
    outer = net.op("Concat", c, inner, axis=1)
    model = load_model(net.save(tmp_path, outer))
    qnet = quantise(model, seed=3)
    assert not [step for step in qnet.steps if step.qlayer.layer.op is LayerOp.CLIP]
    assert {t.name: t.channel_begin for t in qnet.tensors[1:]} == {
        a: 4, b: 6, c: 0, inner: 4, outer: 0
    }  # fmt: skip
    x = np.random.default_rng(3).standard_normal(qnet.input_shape).astype(np.float32)
    arrays = run_network(qnet, qnet.encode(x))
    by_name = {tensor.name: array for tensor, array in zip(qnet.tensors, arrays, strict=True)}
    np.testing.assert_array_equal(
        by_name[outer], np.concatenate([by_name[n] for n in (c, a, b)], axis=2)
    )


def test_the_input_and_a_part_of_two_concatenations_are_copied(tmp_path):
    net = Net(1, 4, 6, 6)
    a = weighted(net, "input", 2, 4, (1, 1))
    first = net.op("Concat", a, "input", axis=1)
    second = net.op("Concat", a, a, axis=1)
    path = net.save(tmp_path, first, second)
    qnet = quantise(load_model(path))
    copies = [step for step in qnet.steps if step.qlayer.layer.op is LayerOp.CLIP]
    assert len(copies) == 3
    x = np.random.default_rng(0).standard_normal(qnet.input_shape).astype(np.float32)
    arrays = run_network(qnet, qnet.encode(x))
    wanted = runtime_outputs(onnx.load(path), x)
    for output in qnet.outputs:
        tensor = qnet.tensors[output.tensor]
        real = output.as_onnx(tensor.quant.decode(arrays[output.tensor]))
        assert np.abs(real - wanted[output.name]).max() < 4 * tensor.quant.scale


def test_a_part_that_is_flattened_as_well_is_copied(tmp_path):
    net = Net(1, 4, 6, 6)
    a, b = weighted(net, "input", 2, 4, (1, 1)), weighted(net, "input", 3, 4, (1, 1))
    dense = net.op("MatMul", net.op("Flatten", a), net.weight(72, 5))
    whole = net.op("Concat", a, b, axis=1)
    qnet = quantise(load_model(net.save(tmp_path, dense, whole)))
    buffers = {tensor.name: tensor.buffer for tensor in qnet.tensors}
    assert buffers[a] != buffers[whole] == buffers[b]
    assert qnet.buffers[buffers[a]] == (6, 6, 2)


def test_a_range_that_is_too_narrow_for_a_kernel_is_widened(tmp_path):
    net = Net(1, 4, 6, 6)
    limits = net.const(0.0), net.const(1e-4)
    last = net.op("Clip", weighted(net, "input", 3, 4), *limits)
    qnet = quantise(load_model(net.save(tmp_path, last)))
    check_quant_layer(qnet.steps[0].qlayer)
    assert qnet.tensors[1].quant.scale > 10 * 1e-4 / 255


def test_a_view_of_an_image_permutes_dense_weights(tmp_path):
    net = Net(1, 3, 4, 5)
    x = net.op("Flatten", net.op("Transpose", "input", perm=[0, 2, 3, 1]))
    last = net.op("MatMul", x, net.weight(60, 4))
    model = load_model(net.save(tmp_path, last))
    x = np.random.default_rng(0).standard_normal((1, 3, 4, 5)).astype(np.float32)
    *_, got = run_real(read_graph(model, np.random.default_rng(0)), x[0].transpose(1, 2, 0))
    wanted = runtime_outputs(net.model(last), x)[last]
    np.testing.assert_allclose(got.reshape(1, 4), wanted, rtol=1e-4, atol=1e-4)


def test_percentile_narrows_ranges(tmp_path):
    net = Net(1, 3, 8, 8)
    model = load_model(net.save(tmp_path, weighted(net, "input", 4, 3)))
    wide, narrow = quantise(model), quantise(model, percentile=99.0)
    assert narrow.input.quant.scale < 0.8 * wide.input.quant.scale


def test_a_channel_of_zeros_stays_at_its_bias(tmp_path):
    net = Net(1, 3, 4, 4)
    weight = net.rng.normal(0, 0.3, (3, 3, 1, 1))
    weight[1:] = 0
    bias = net.const([0.0, 0.7, 0.0])
    model = load_model(net.save(tmp_path, net.op("Conv", "input", net.const(weight), bias)))
    qnet = quantise(model)
    y = run_network(qnet, qnet.encode(np.ones(qnet.input_shape, np.float32)))[1]
    real = qnet.tensors[1].quant.decode(y)
    assert np.allclose(real[..., 1], 0.7, atol=qnet.tensors[1].quant.scale)
    assert not real[..., 2].any()


def test_scales_that_nothing_takes_become_a_depthwise_convolution(tmp_path):
    net = Net(1, 4, 6, 6)
    x = net.op("Concat", weighted(net, "input", 3, 4), weighted(net, "input", 2, 4), axis=1)
    last = net.op("Relu", batch_norm(net, x, 5))
    model = load_model(net.save(tmp_path, last))
    qnet = quantise(model)
    assert qnet.steps[-1].qlayer.layer.op is LayerOp.DWCONV
    x = np.random.default_rng(0).standard_normal(qnet.input_shape).astype(np.float32)
    *_, got = run_real(read_graph(model, np.random.default_rng(0)), x[0].transpose(1, 2, 0))
    wanted = runtime_outputs(net.model(last), x)[last]
    np.testing.assert_allclose(got.transpose(2, 0, 1)[None], wanted, rtol=1e-4, atol=1e-4)
