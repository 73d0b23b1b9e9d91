"""Quantised files run as they are: every tensor equal, bit for bit, to onnxruntime's."""

import numpy as np
import onnx
import pytest
from quantised_nets import QDQ, QLINEAR, random_net, runtime_outputs
from tightrope.sim.image.checks import check_quant_layer
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.workload.onnx_import import load_model

SEEDS = range(20)


def as_int8(tensor):
    """(h, w, c) int8 of an ONNX tensor that is int8, or uint8 and 128 higher."""
    if tensor.dtype == np.uint8:
        tensor = (tensor.astype(np.int16) - 128).astype(np.int8)
    return tensor[0].transpose(1, 2, 0) if tensor.ndim == 4 else tensor[None]


@pytest.mark.parametrize("real_input", [True, False], ids=["real", "stored"])
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("style", [QDQ, QLINEAR])
@pytest.mark.parametrize("seed", SEEDS)
def test_equals_onnxruntime(tmp_path, seed, style, unsigned, real_input):
    rng = np.random.default_rng(seed)
    net = random_net(rng, style, unsigned=unsigned, real_input=real_input)
    path = tmp_path / "net.onnx"
    onnx.save(net.model(), path)
    qnet = quantise(load_model(path), seed=seed)
    for step in qnet.steps:
        check_quant_layer(step.qlayer)
    if real_input:
        x = rng.uniform(-4, 4, qnet.input_shape).astype(np.float32)
        encoded = qnet.encode(x)
    else:
        low = 0 if unsigned else -128
        x = rng.integers(low, low + 256, qnet.input_shape).astype(np.uint8 if unsigned else np.int8)
        encoded = qnet.from_stored(x)
    got = run_network(qnet, encoded)
    wanted = runtime_outputs(net.model(), x)
    number = {tensor.name: index for index, tensor in enumerate(qnet.tensors)}
    for layer, name in net.pairs:
        expected = as_int8(wanted[name])
        tensor = got[number[layer]]
        np.testing.assert_array_equal(
            tensor.reshape(expected.shape), expected, f"seed {seed}: {name}"
        )
