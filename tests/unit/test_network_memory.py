"""Memory of whole networks: all that is planned is touched; what is too much is refused."""

import dataclasses
import re

import numpy as np
import pytest
from host_firmware import run_image
from stream_layers import STREAM_MACHINE
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.sim.digits import load_digits
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.layout import Body, ExitStatus
from tightrope.sim.image.results import check_guards, check_outputs, touched_bytes
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.run import build_network_image
from tightrope.sim.quantise import quantise
from tightrope.sim.workload.onnx_import import load_model

MACHINE = ClusterConfig(
    harts=4, tight_tiles_per_hart=2, loose_tiles=4, tile=TileConfig(rows=128, cols=128),
    memory=MemoryConfig(size_bytes=1 << 23),
)  # fmt: skip


@pytest.fixture(scope="module")
def nets():
    digits = quantise(load_model("digits"), samples=load_digits().calibration)
    others = ("resnet8", "dscnn", "squeezenet")
    return {"digits": digits} | {name: quantise(load_model(name), seed=0) for name in others}


def mapped(qnet, machine, coupling, balancing, coverage=0.4):
    return map_network(
        qnet.as_network(), machine, coupling=coupling, balancing=balancing,
        calibration=load_calibration(), coverage=coverage,
    )  # fmt: skip


def run(qnet, mapping, count, keep_all=False):
    """Runs ``count`` seeded inputs; the outputs must be right and no guard touched."""
    rng = np.random.default_rng(count)
    inputs = [qnet.encode(rng.standard_normal(qnet.input_shape)) for _ in range(count)]
    image, expected = build_network_image(qnet, mapping, inputs, keep_all=keep_all)
    status, message, memory = run_image(image, mapping.machine)
    assert status == ExitStatus.OK, message
    assert not check_outputs(image, memory, expected)
    assert not check_guards(image, memory)
    return image, memory


WAYS = [
    ("digits", "none", Balancing.STATIC), ("digits", "tight", Balancing.PIPELINE),
    ("digits", "loose", Balancing.STEAL), ("resnet8", "none", Balancing.PIPELINE),
    ("resnet8", "loose", Balancing.STATIC), ("dscnn", "none", Balancing.STATIC),
]  # fmt: skip


@pytest.mark.parametrize(("name", "coupling", "balancing"), WAYS)
@pytest.mark.parametrize("keep_all", [False, True])
def test_peak_memory_planned_is_touched(nets, name, coupling, balancing, keep_all):
    mapping = mapped(nets[name], MACHINE, coupling, balancing)
    image, memory = run(nets[name], mapping, 2, keep_all)
    assert touched_bytes(image, memory) == image.activation_bytes > 0


@pytest.mark.parametrize("balancing", Balancing)
def test_streaming_network_touches_what_is_planned(nets, balancing):
    mapping = mapped(nets["digits"], STREAM_MACHINE, "loose", balancing, coverage=0.25)
    assert any(plan.body is Body.STREAM for plan in mapping.plans)
    image, memory = run(nets["digits"], mapping, 3)
    assert touched_bytes(image, memory) == image.activation_bytes


def test_sharing_memory_plans_less(nets):
    mapping = mapped(nets["resnet8"], MACHINE, "none", Balancing.STATIC)
    shared, separate = (run(nets["resnet8"], mapping, 1, keep_all)[0] for keep_all in (False, True))
    assert shared.activation_bytes < separate.activation_bytes / 2


def refusal(qnet, size_bytes, count):
    """Both sizes, as a sentence has them, if ``count`` inputs don't fit."""
    machine = dataclasses.replace(MACHINE, memory=MemoryConfig(size_bytes=size_bytes))
    mapping = mapped(qnet, machine, "none", Balancing.STATIC)
    with pytest.raises(ImageError) as refused:
        build_network_image(qnet, mapping, [qnet.encode(np.zeros(qnet.input_shape))] * count)
    pattern = r"the image needs (\d+) bytes of memory, the machine has (\d+)"
    return [int(size) for size in re.fullmatch(pattern, str(refused.value)).groups()]


def test_network_whose_weights_do_not_fit_is_refused_with_both_sizes(nets):
    qnet, size = nets["squeezenet"], 1 << 20
    weights = sum(step.qlayer.layer.params for step in qnet.steps)
    needed, there = refusal(qnet, size, 1)
    assert there == size < weights < needed


def test_network_whose_activations_do_not_fit_is_refused_with_both_sizes(nets):
    qnet = nets["resnet8"]
    image, _ = run(qnet, mapped(qnet, MACHINE, "none", Balancing.STATIC), 1)
    size = image.memory_bytes + -image.memory_bytes % 4096
    each = int(np.prod(qnet.input_shape))
    needed, there = refusal(qnet, size, 60)
    assert there == size < image.memory_bytes + 59 * each < needed
    # A byte less than one input needs is too little, too.
    assert refusal(qnet, size - 4096, 1) == [image.memory_bytes, size - 4096]
