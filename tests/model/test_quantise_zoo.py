"""The built networks and SqueezeNet as int8 networks: all layers, seeded, close to real numbers."""

import numpy as np
import pytest
from tightrope.sim.image.checks import check_quant_layer
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.quantise.execute import run_real
from tightrope.sim.quantise.reader import read_graph
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.onnx_import import load_model

NETWORKS = ["digits", "resnet8", "dscnn", "mobilenetv1_025", "mobilenetv2", "squeezenet"]


@pytest.mark.parametrize("name", NETWORKS)
def test_int8_is_close_to_real_numbers(name):
    model = load_model(name)
    qnet = quantise(model, seed=0)
    for step in qnet.steps:
        check_quant_layer(step.qlayer)
    assert sum(step.qlayer.layer.macs for step in qnet.steps) == model.network.macs
    x = np.random.default_rng(5).standard_normal(qnet.input_shape).astype(np.float32)
    (output,) = qnet.outputs
    arrays = run_network(qnet, qnet.encode(x))
    got = qnet.tensors[output.tensor].quant.decode(arrays[output.tensor])
    graph = read_graph(model, np.random.default_rng([0, 0]))
    *_, wanted = run_real(graph, x[0].transpose(1, 2, 0))
    # Two classes alone say little of a deviation: relative to the size instead.
    error = np.sqrt(np.mean((got - wanted) ** 2) / np.mean(wanted**2))
    assert error < 0.06, f"{name}: {error:.3f}"


def test_squeezenet_has_its_weights_and_softmax_explained():
    qnet = quantise(load_model("squeezenet"), seed=0)
    assert any("(Softmax) is left to the host" in note for note in qnet.notes)
    assert any("holds no weights" in note for note in qnet.notes)
    # Nothing is copied for its eight concatenations.
    assert {step.qlayer.layer.op for step in qnet.steps} == {
        LayerOp.CONV, LayerOp.MAXPOOL, LayerOp.GLOBAL_AVGPOOL
    }  # fmt: skip
    assert len(qnet.tensors) - len(qnet.buffers) == 16


def test_the_seed_decides_weights_and_samples():
    model = load_model("squeezenet")
    first, same, other = (quantise(model, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(first.steps, same.steps, strict=True):
        assert a.qlayer.weight is None or (a.qlayer.weight == b.qlayer.weight).all()
    assert first.tensors == same.tensors and first.tensors != other.tensors
    weights = [qnet.steps[0].qlayer.weight for qnet in (first, other)]
    assert (weights[0] != weights[1]).any()


def test_resnet_adds_with_a_rectifier():
    qnet = quantise(load_model("resnet8"))
    added = [step for step in qnet.steps if step.qlayer.layer.op is LayerOp.ADD]
    assert len(added) == 3
    for step in added:
        assert len(step.inputs) == 2
        assert step.qlayer.act_min == step.qlayer.out_zero_point == -128
