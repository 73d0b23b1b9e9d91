"""Networks built from their papers: counts, validity, and the same weights everywhere."""

import hashlib
import math
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from tightrope.sim.workload import zoo
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.onnx_import import find_network, load_network
from workload_nets import runtime_shapes

INPUTS = {
    "dscnn": (1, 1, 49, 10),
    "mobilenetv1_025": (1, 3, 96, 96),
    "mobilenetv2": (1, 3, 224, 224),
    "resnet8": (1, 3, 32, 32),
}
NORMALISED = {
    "dscnn": 9 * 64,
    "mobilenetv1_025": 2736,
    "mobilenetv2": 17056,
    "resnet8": 3 * 16 + 2 * 32 + 2 * 64,
}
"""Channels that the originals normalise. ResNet-8 has shortcuts with a bias only."""


def constants(name):
    tensors = onnx.load(find_network(name)).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


def test_every_built_network_is_tested_here():
    assert set(zoo.BUILT_NETWORKS) == set(INPUTS) == set(NORMALISED)


# Published: 3.4 M and 300 M for MobileNetV2 (Sandler et al. 2018, table 4); 12.5 M, 2.7 M and 7.5 M
# multiply-accumulates for ResNet-8, DS-CNN and MobileNetV1 of MLPerf Tiny. Here the exact sums.
@pytest.mark.parametrize(
    "name, macs, weights",
    [
        ("dscnn", 2_656_768, 22_016),
        ("mobilenetv1_025", 7_489_664, 208_112),
        ("mobilenetv2", 300_774_272, 3_469_760),
        ("resnet8", 12_501_632, 77_360),
    ],
)
def test_built_networks_have_their_size(name, macs, weights):
    network = load_network(name)
    assert network.name == name
    assert (network.macs, network.params) == (macs, weights)


# torchvision's documented number counts a scale and an offset per normalised channel. Keras counts
# a bias, a scale, an offset, a mean and a variance; its sums are from the reference's layers.
@pytest.mark.parametrize(
    "name, more_per_channel, total",
    [
        ("dscnn", 4, 24_908),
        ("mobilenetv1_025", 4, 221_794),
        ("mobilenetv2", 1, 3_504_872),
        ("resnet8", 4, 78_666),
    ],
)
def test_parameters_are_those_of_the_reference_before_norms_were_folded(
    name, more_per_channel, total
):
    folded = sum(data.size for key, data in constants(name).items() if "." in key)
    assert folded + more_per_channel * NORMALISED[name] == total


@pytest.mark.parametrize("name", INPUTS)
def test_built_networks_are_valid_and_their_shapes_are_those_of_onnxruntime(name):
    path = find_network(name)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    network, shapes = load_network(path), runtime_shapes(path, INPUTS[name])
    for layer in network.layers:
        dims = shapes[layer.name]
        assert layer.out_shape == ((*dims[2:], dims[1]) if len(dims) == 4 else (1, 1, dims[1]))


@pytest.mark.parametrize("name", INPUTS)
def test_activations_keep_their_scale_and_outputs_depend_on_the_input(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(find_network(name), options)
    rng = np.random.default_rng(1)
    outputs = [
        session.run(None, {"input": rng.standard_normal(INPUTS[name], dtype=np.float32)})[0]
        for _ in range(2)
    ]
    assert all(0.05 < np.abs(output).max() < 20 for output in outputs)
    assert np.abs(outputs[0] - outputs[1]).max() > 0.01


def test_layers_have_kernels_and_no_norm_is_left():
    allowed = set(LayerOp) - {LayerOp.ELEMENTWISE, LayerOp.CLIP}
    for name in INPUTS:
        assert {layer.op for layer in load_network(name).layers} <= allowed


def test_mobilenetv2_has_17_bottlenecks_of_which_10_are_residual():
    layers = load_network("mobilenetv2").layers
    ops = [layer.op for layer in layers]
    assert (ops.count(LayerOp.DWCONV), ops.count(LayerOp.ADD)) == (17, 10)
    pointwise = [layer for layer in layers if layer.op is LayerOp.CONV and layer.kernel == (1, 1)]
    assert len(pointwise) == 34
    assert sum(layer.params for layer in pointwise) == 2_124_672
    assert sum(layer.macs for layer in pointwise) == pytest.approx(267.94e6, rel=1e-4)


# Made on x86-64 with numpy 2; wherever this fails, weights are not the same.
@pytest.mark.parametrize(
    "name, expected",
    [
        ("dscnn", "f0618da4fe184be3"),
        ("mobilenetv1_025", "4677b112d4420ce4"),
        ("mobilenetv2", "703a595f7efb0422"),
        ("resnet8", "927eea3acb9683b8"),
    ],
)
def test_weights_are_the_same_on_every_platform(name, expected):
    digest = hashlib.sha256()
    for key, data in sorted(constants(name).items()):
        digest.update(key.encode() + data.astype("<f4").tobytes())
    assert digest.hexdigest()[:16] == expected


def test_weights_have_the_scale_of_he():
    data = constants("mobilenetv2")
    linear, rectified = data["block4.expand.weight"], data["block4.project.weight"]
    assert linear.std() == pytest.approx(math.sqrt(1 / 24), rel=0.05)
    assert rectified.std() == pytest.approx(math.sqrt(2 / 144), rel=0.05)


def test_a_built_network_is_written_once_and_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path))
    path = find_network("resnet8")
    assert path.is_relative_to(tmp_path)
    assert os.listdir(path.parent) == ["resnet8.onnx"]
    before = path.stat().st_mtime_ns
    assert find_network("resnet8") == path and path.stat().st_mtime_ns == before


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "zoo").write_text("in the way")
    monkeypatch.setenv("TIGHTROPE_BUILD", str(tmp_path))
    with pytest.raises(WorkloadError, match="'resnet8' can't be written to the cache folder"):
        find_network("resnet8")
