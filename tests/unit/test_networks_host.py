"""Whole quantised networks through the firmware's kernels, compiled for the host."""

import numpy as np
import pytest
from host_firmware import run_image
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.sim.digits import load_digits
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import Balance, Body, ExitStatus
from tightrope.sim.image.results import check_outputs
from tightrope.sim.image.steps import Step
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.workload.onnx_import import load_model

CONFIG = ClusterConfig(harts=4, memory=MemoryConfig(size_bytes=1 << 24))


def run(qnet, x):
    """The network's steps as one image, each tensor compared with the reference."""
    makers = {step.output: index for index, step in enumerate(qnet.steps)}
    steps = [
        Step(
            qlayer=step.qlayer,
            plan=plan_layer(step.qlayer.layer, CONFIG, Body.DOT4, Balance.STATIC),
            inputs=tuple(makers.get(tensor, "input") for tensor in step.inputs),
        )
        for step in qnet.steps
    ]
    image = build_image(CONFIG, steps, {"input": x})
    status, message, memory = run_image(image, CONFIG)
    assert status == ExitStatus.OK, message
    tensors = run_network(qnet, x)
    mismatches = check_outputs(image, memory, [tensors[step.output] for step in qnet.steps])
    assert not mismatches, "\n".join(map(str, mismatches))


@pytest.mark.parametrize("name", ["resnet8", "dscnn", "mobilenetv1_025"])
def test_a_network_of_many_layers(name):
    qnet = quantise(load_model(name), seed=0)
    x = np.random.default_rng(0).standard_normal(qnet.input_shape)
    run(qnet, qnet.encode(x))


def test_digits():
    digits = load_digits()
    qnet = quantise(load_model("digits"), samples=digits.calibration)
    for x in digits.images[:3]:
        run(qnet, qnet.encode(x))
