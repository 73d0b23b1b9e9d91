"""Whole networks on RTL: bit by bit what golden says, in the memory that was planned for them."""

import dataclasses

import numpy as np
import pytest
from cosim_jobs import run_firmware, system_firmware
from cosim_machines import MACHINES
from stream_layers import STREAM_MACHINE
from tightrope.sim.digits import load_digits
from tightrope.sim.image.layout import Body
from tightrope.sim.image.results import check_guards, check_outputs, touched_bytes
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.network.accuracy import read_on_rtl
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.run import build_network_image
from tightrope.sim.quantise import quantise, run_network
from tightrope.sim.workload.onnx_import import load_model

EIGHT_HARTS = MACHINES[3]
ONE_TILED_HART = MACHINES[1]
PARTLY = 0.25
"""Coverage that ends inside a layer of both networks: its other channels are digital."""
DIGITAL = [("none", balancing) for balancing in Balancing]
ON_TILES = [(coupling, balancing) for coupling in ("tight", "loose") for balancing in Balancing]


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def digits_net(digits):
    return quantise(load_model("digits"), samples=digits.calibration)


def mapped(qnet, machine, coupling, balancing, coverage=PARTLY):
    return map_network(
        qnet.as_network(), machine, coupling=coupling, balancing=balancing,
        calibration=load_calibration(), coverage=coverage,
    )  # fmt: skip


def bodies(mapping):
    return [{plan.body_of(chunk) for chunk in plan.chunks} for plan in mapping.plans]


def problems_of(image, expected, run):
    """Sentences about a run that isn't what the reference and the plan of its memory say."""
    run.check()
    found = [*map(str, check_outputs(image, run.memory, expected))]
    found += check_guards(image, run.memory)
    planned, touched = image.activation_bytes, touched_bytes(image, run.memory)
    if touched != planned:
        found.append(f"{planned} bytes are planned for activations, {touched} were touched")
    return found


def run_all(qnet, mappings, inputs):
    """Every mapping of one machine in one process; fails with each that is wrong in any way."""
    built = [build_network_image(qnet, mapping, inputs) for mapping in mappings]
    names = [
        f"{qnet.name}, {mapping.allocation.coupling if mapping.allocation else 'digital'}, "
        f"{mapping.balancing}"
        for mapping in mappings
    ]
    runs = run_firmware(
        mappings[0].machine, [image for image, _ in built], system_firmware(),
        limit_cycles=20_000_000, name=names.__getitem__,
    )  # fmt: skip
    problems = [
        f"{name}: {problem}"
        for name, (image, expected), run in zip(names, built, runs, strict=True)
        for problem in problems_of(image, expected, run)
    ]
    assert not problems, "\n".join(problems)


def random_inputs(qnet, count, seed):
    rng = np.random.default_rng(seed)
    return [qnet.encode(rng.standard_normal(qnet.input_shape)) for _ in range(count)]


def test_digits_in_every_way_match_golden(digits, digits_net):
    inputs = [digits_net.encode(x) for x in digits.images[:3]]
    mappings = [mapped(digits_net, EIGHT_HARTS, *way) for way in DIGITAL + ON_TILES]
    for (coupling, _), mapping in zip(ON_TILES, mappings[len(DIGITAL) :], strict=True):
        assert {Body.DOT4, Body[coupling.upper()]} <= set.union(*bodies(mapping))
    assert any(len(found) > 1 for found in bodies(mappings[-1]))
    run_all(digits_net, mappings, inputs)


def test_digits_with_harts_without_tiles_match_golden(digits, digits_net):
    inputs = [digits_net.encode(x) for x in digits.images[3:5]]
    ways = [("tight", balancing) for balancing in Balancing]
    mappings = [mapped(digits_net, ONE_TILED_HART, *way, coverage=1.0) for way in ways]
    run_all(digits_net, mappings, inputs)


def test_digits_on_streaming_tiles_match_golden(digits, digits_net):
    inputs = [digits_net.encode(x) for x in digits.images[5:8]]
    ways = [
        ("loose", balancing)
        for balancing in (Balancing.STATIC, Balancing.STEAL, Balancing.PIPELINE)
    ]
    mappings = [mapped(digits_net, STREAM_MACHINE, *way) for way in ways]
    assert all({Body.STREAM, Body.DOT4} in bodies(mapping) for mapping in mappings)
    run_all(digits_net, mappings, inputs)


def test_resnet8_matches_golden():
    qnet = quantise(load_model("resnet8"), seed=0)
    ways = [
        ("none", Balancing.STEAL), ("tight", Balancing.STEAL), ("loose", Balancing.WEIGHTED),
    ]  # fmt: skip
    mappings = [mapped(qnet, EIGHT_HARTS, *way) for way in ways]
    run_all(qnet, mappings, random_inputs(qnet, 1, seed=1))


def test_digits_are_read_on_rtl_as_by_the_reference(digits, digits_net):
    few = dataclasses.replace(digits, images=digits.images[:8], labels=digits.labels[:8])
    mapping = mapped(digits_net, EIGHT_HARTS, "loose", Balancing.STEAL)
    read = read_on_rtl(digits_net, mapping, few, images_per_run=5)
    tensor = digits_net.outputs[0].tensor
    for x, logits in zip(few.images, read.logits, strict=True):
        wanted = run_network(digits_net, digits_net.encode(x))[tensor]
        np.testing.assert_array_equal(logits, wanted)
    assert not read.problem and read.equal_images == 8
    assert read.accuracy == read.reference_accuracy
