"""What can't run in int8 is refused in one sentence that names node and operator."""

import numpy as np
import pytest
from onnx import TensorProto
from tightrope.sim.quantise import load_samples, quantise, run_network
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.onnx_import import load_model
from workload_nets import Net


def refusal(call, *args, **options):
    with pytest.raises(WorkloadError) as caught:
        call(*args, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def refused_net(net, folder, *outputs):
    model = load_model(net.save(folder, *outputs))
    return refusal(quantise, model)


def pair(net, source, scale=0.1, zero=0, kind=np.int8):
    """QuantizeLinear and DequantizeLinear."""
    form = [net.const(scale), net.const(zero, kind)]
    return net.op("DequantizeLinear", net.op("QuantizeLinear", source, *form), *form)


def stored_conv(net, source, weight, scale, zero, **attributes):
    form = [net.const(scale), net.const(zero, weight.dtype)]
    real = net.op("DequantizeLinear", net.const(weight, weight.dtype), *form, **attributes)
    return net.op("Conv", source, real, name="odd")


def odd_net(kind):
    net = Net(1, 4, 8, 8)
    int8 = np.ones((4, 4, 1, 1), np.int8)
    if kind == "no kernel":
        net.op("LRN", "input", size=3, name="odd")
    elif kind == "product of activations":
        net.op("Mul", "input", net.op("Relu", "input"), name="odd")
    elif kind == "scale of a spatial size":
        net.op("Mul", "input", net.weight(8, 8), name="odd")
    elif kind == "joins rows":
        net.op("Concat", "input", net.op("Relu", "input"), axis=2, name="odd")
    elif kind == "joins a constant":
        net.op("Concat", "input", net.weight(1, 4, 8, 8), axis=1, name="odd")
    elif kind == "reordered":
        x = net.op("Reshape", "input", net.const([1, 8, 4, 8], np.int64))
        net.op("MaxPool", x, kernel_shape=[2, 2], name="odd")
    elif kind == "scale per channel of an activation":
        form = [net.const([0.1] * 4), net.const([0] * 4, np.int8)]
        x = net.op("QuantizeLinear", "input", *form, axis=1, name="odd")
        net.conv(net.op("DequantizeLinear", x, *form, axis=1), (4, 4, 1, 1))
    elif kind == "no scale":
        x = net.op("QuantizeLinear", "input", net.const(0.0), net.const(0, np.int8), name="odd")
        net.op("DequantizeLinear", x, net.const(0.0), net.const(0, np.int8))
        net.op("Relu", net.nodes[-1].output[0])
    elif kind == "read at another scale":
        x = net.op("QuantizeLinear", "input", net.const(0.1), net.const(0, np.int8))
        x = net.op("DequantizeLinear", x, net.const(0.2), net.const(0, np.int8), name="odd")
        net.conv(x, (4, 4, 1, 1))
    elif kind == "weights beyond int8":
        stored_conv(net, "input", np.full((4, 4, 1, 1), 200, np.uint8), 0.1, 0)
    elif kind == "scales along inputs":
        stored_conv(net, "input", int8, [0.1, 0.2, 0.1, 0.3], [0] * 4, axis=1)
    elif kind == "integers without a scale":
        net.op("ConvInteger", "input", net.const(int8, np.int8), name="odd")
        net.inputs[0].type.tensor_type.elem_type = TensorProto.INT8
    elif kind == "clamps to nothing":
        net.op("Clip", "input", net.const(2.0), net.const(1.0), name="odd")
    elif kind == "quantised product":
        x = net.op("QuantizeLinear", "input", net.const(0.1), net.const(0, np.uint8))
        form = [net.const(0.1), net.const(0, np.uint8)]
        net.op("QLinearMul", x, *form, x, *form, *form, domain="com.microsoft", name="odd")
    elif kind == "negative variance":
        one = net.const(np.ones(4))
        net.op("BatchNormalization", "input", one, one, one, net.const(-np.ones(4)), name="odd")
    elif kind == "scale joins after a change of format":
        x = pair(net, net.conv("input", (4, 4, 1, 1)))
        net.op("Mul", x, net.const(2.0), name="odd")
    return net


@pytest.mark.parametrize(
    "kind, operator",
    [
        ("no kernel", "LRN"),
        ("product of activations", "Mul"),
        ("scale of a spatial size", "Mul"),
        ("joins rows", "Concat"),
        ("joins a constant", "Concat"),
        ("reordered", "MaxPool"),
        ("scale per channel of an activation", "QuantizeLinear"),
        ("no scale", "QuantizeLinear"),
        ("read at another scale", "DequantizeLinear"),
        ("weights beyond int8", "Conv"),
        ("scales along inputs", "Conv"),
        ("integers without a scale", "ConvInteger"),
        ("clamps to nothing", "Clip"),
        ("quantised product", "QLinearMul"),
        ("negative variance", "BatchNormalization"),
        ("scale joins after a change of format", "Mul"),
    ],
)
def test_refusal_names_node_and_operator(tmp_path, kind, operator):
    assert f"node 'odd' ({operator})" in refused_net(odd_net(kind), tmp_path)


def test_two_formats_of_one_tensor_are_refused(tmp_path):
    net = Net(1, 4, 8, 8)
    x = net.conv("input", (4, 4, 1, 1))
    last = net.op("Add", pair(net, x, 0.1), pair(net, x, 0.2))
    assert f"{x!r} is quantised in two ways" in refused_net(net, tmp_path, last)


def test_a_stated_scale_that_multiplies_by_more_than_1_is_refused(tmp_path):
    net = Net(1, 4, 8, 8)
    x = pair(net, stored_conv(net, pair(net, "input"), np.ones((4, 4, 1, 1), np.int8), 2.0, 0), 0.1)
    assert "layer 'odd' (Conv): a scale must be 0 to 1" in refused_net(net, tmp_path, x)


@pytest.mark.parametrize("data", [np.nan, np.inf])
def test_weights_must_be_finite(tmp_path, data):
    net = Net(1, 4, 8, 8)
    weight = net.const(np.full((4, 4, 1, 1), data))
    assert f"tensor {weight!r}" in refused_net(net, tmp_path, net.op("Conv", "input", weight))


def test_a_scale_of_a_weight_must_be_positive(tmp_path):
    net = Net(1, 4, 8, 8)
    last = stored_conv(net, "input", np.ones((4, 4, 1, 1), np.int8), -1.0, 0)
    assert "scales that are not > 0" in refused_net(net, tmp_path, last)


def test_overflow_in_calibration_is_refused(tmp_path):
    net = Net(1, 4, 8, 8)
    last = net.op("Conv", "input", net.const(np.full((4, 4, 1, 1), 3e38)))
    assert "overflow float32" in refused_net(net, tmp_path, last)


@pytest.fixture
def model(tmp_path):
    net = Net(1, 3, 4, 5)
    return load_model(net.save(tmp_path, net.conv("input", (2, 3, 3, 3))))


@pytest.mark.parametrize(
    "samples, part",
    [
        (np.zeros((2, 3, 4, 4)), "must have the shape ['n', 3, 4, 5]"),
        (np.zeros((0, 3, 4, 5)), "must have the shape"),
        (np.zeros((3, 4, 5)), "must have the shape"),
        (np.full((1, 3, 4, 5), np.nan), "finite"),
        (np.zeros((1, 3, 4, 5), np.complex64), "numbers"),
    ],
)
def test_samples_are_checked(model, samples, part):
    assert part in refusal(quantise, model, samples=samples)


@pytest.mark.parametrize("percentile", [49.9, 100.1, float("nan")])
def test_percentile_is_checked(model, percentile):
    assert "percentile" in refusal(quantise, model, percentile=percentile)


def test_files_of_samples_are_checked(model, tmp_path):
    good = np.zeros((2, 3, 4, 5), np.float32)
    np.savez(tmp_path / "good.npz", other=good[:1, :1], input=good)
    assert load_samples(tmp_path / "good.npz", model).shape == good.shape
    np.save(tmp_path / "good.npy", good)
    assert load_samples(tmp_path / "good.npy", model).shape == good.shape
    np.savez(tmp_path / "two.npz", a=good, b=good)
    assert "'input'" in refusal(load_samples, tmp_path / "two.npz", model)
    np.savez(tmp_path / "none.npz")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:100])
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:100])
    for name in ("none.npz", "objects.npy", "text.npy", "cut.npy", "cut.npz", "missing.npy"):
        assert name in refusal(load_samples, tmp_path / name, model)


def test_inputs_of_a_run_are_checked(model):
    qnet = quantise(model)
    assert "shape" in refusal(qnet.encode, np.zeros((1, 3, 5, 4)))
    assert "int8" in refusal(qnet.from_stored, np.zeros((1, 3, 4, 5), np.uint8))
    assert "int8 (4, 5, 3)" in refusal(run_network, qnet, np.zeros((4, 5, 3), np.uint8))
