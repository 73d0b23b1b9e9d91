"""Layers on loose tiles that stream, in the machine as C functions."""

import dataclasses

import numpy as np
import pytest
from host_firmware import SW, run_image
from stream_layers import (
    FAILURES,
    STREAM_LAYER,
    STREAM_MACHINE,
    image_of,
    mixed_steps,
    patch_layer,
    plan_stream,
    pointwise,
)
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig, TileConfig
from tightrope.hw.dma.descriptor import DmaError
from tightrope.hw.stream.descriptor import JobError
from tightrope.sim.golden import random_geometry, random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import Balance, ExitStatus
from tightrope.sim.image.results import check_outputs, read_results
from tightrope.sim.image.steps import expected_outputs, independent_steps
from tightrope.sim.mapping import MappingError
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.workload.layers import LayerOp


def machine(rng, *, post_lanes, loose=5):
    return ClusterConfig(
        harts=int(rng.integers(1, 5)),
        tight_tiles_per_hart=0,
        loose_tiles=loose,
        tile=TileConfig(
            rows=64,
            cols=32,
            weight_bits=int(rng.choice([4, 8])),
            adc_bits=int(rng.choice([4, 8, 12, 16, 32])),
            post_lanes=post_lanes,
        ),
        memory=MemoryConfig(size_bytes=1 << 24),
        scratchpad=ScratchpadConfig(size_bytes=int(rng.choice([1 << 15, 1 << 18]))),
        stream_ports=2,
        dma_bytes_per_cycle=16,
    )


def run(config, cases, rng, seed, *, pitches=False):
    """Runs (quantised layer, plan) pairs as one image and compares everything with golden."""
    arrays = [random_inputs(qlayer.layer, rng) for qlayer, _ in cases]
    steps, inputs = independent_steps(cases, arrays)
    spread = {}
    if pitches:
        spread = {name: x.shape[2] + int(rng.integers(0, 6)) for name, x in inputs.items()}
        more = int(rng.integers(0, 6))
        steps = [
            dataclasses.replace(step, out_pitch=step.qlayer.layer.out_shape[2] + more)
            for step in steps
        ]
    image = build_image(config, steps, inputs, input_pitches=spread)
    status, message, memory = run_image(image, config, seed=seed)
    results = read_results(image, memory)
    about = f"seed {seed}: {message} {results.log} {cases}"
    assert status == ExitStatus.OK, about
    assert results.guard_errors == (), about
    assert check_outputs(image, memory, expected_outputs(config, steps, inputs)) == (), about
    return results


@pytest.mark.parametrize("balance", Balance)
@pytest.mark.parametrize("post_lanes", [0, 4])
@pytest.mark.parametrize("op", [LayerOp.CONV, LayerOp.DENSE])
def test_streamed_layers_match_golden(op, post_lanes, balance):
    ran = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, post_lanes, balance])
        config = machine(rng, post_lanes=post_lanes)
        layer = random_geometry(
            op, rng, max_size=14, max_channels=40, max_kernel=4, max_stride=3
        )
        if seed % 3:
            channels = -(-layer.out_shape[2] // 4) * 4
            layer = dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], channels))
        try:
            plan = plan_stream(layer, config, balance)
        except MappingError:
            continue
        qlayer = random_quant_layer(layer, rng, weight_bits=config.tile.weight_bits)
        run(config, [(qlayer, plan)], rng, seed, pitches=seed % 2 == 1)
        ran += 1
    assert ran > 30


def test_post_is_used_where_outputs_are_words():
    rng = np.random.default_rng(1)
    config = machine(rng, post_lanes=8)
    layer = pointwise(9, 24, 32)
    qlayer = random_quant_layer(layer, rng, weight_bits=config.tile.weight_bits)
    results = run(config, [(qlayer, plan_stream(layer, config, Balance.STATIC))], rng, 1)
    assert results.tile_counters[:, :, 2].sum() == layer.pixels


@pytest.mark.parametrize("name", FAILURES)
def test_jobs_and_blocks_that_fail_end_the_run_with_a_sentence(name):
    fields, words = FAILURES[name]
    image = image_of(STREAM_MACHINE, STREAM_LAYER)
    status, message, memory = run_image(patch_layer(image, 1, **fields), STREAM_MACHINE)
    results = read_results(image, memory)
    assert status == ExitStatus.TILE_ERROR, message + results.log
    assert f"Layer 1: {words}" in results.log
    assert results.guard_errors == ()


def test_bands_of_nothing_are_refused():
    image = image_of(STREAM_MACHINE, pointwise(3, 8, 8))
    bad = ({"band_pixels": 0}, {"stream_bytes": 0}, {"stream_bytes": 1 << 20}, {"stream_addr": 64})
    for fields in bad:
        status, _, memory = run_image(patch_layer(image, 1, **fields), STREAM_MACHINE)
        assert status == ExitStatus.BAD_IMAGE, fields
        assert "layer 1 (op 0, body 4)" in read_results(image, memory).log


def test_every_error_has_words():
    text = (SW / "runtime" / "stream_report.c").read_text()
    for prefix, errors in (("JOB", JobError), ("DMA", DmaError)):
        named = [error.name for error in errors if error]
        assert [name for name in named if f"[{prefix}_ERROR_{name}] = " not in text] == []


def test_any_smaller_band_gives_the_same():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        layer = random_geometry(LayerOp.CONV, rng, max_size=12, max_channels=16)
        qlayer = random_quant_layer(layer, rng)
        plan = plan_stream(layer, STREAM_MACHINE, list(Balance)[seed % 2])
        steps, inputs = independent_steps([(qlayer, plan)], [random_inputs(layer, rng)])
        image = build_image(STREAM_MACHINE, steps, inputs)
        most = stream_geometry(layer, STREAM_MACHINE, plan).band_pixels
        narrow = patch_layer(image, 1, band_pixels=int(rng.integers(1, most + 1)))
        status, message, memory = run_image(narrow, STREAM_MACHINE, seed=seed)
        assert status == ExitStatus.OK, f"seed {seed}: {message}"
        expected = expected_outputs(STREAM_MACHINE, steps, inputs)
        assert check_outputs(image, memory, expected) == (), f"seed {seed}"


def test_layers_of_all_kinds_follow_each_other():
    for seed in range(10):
        steps, inputs = mixed_steps(seed)
        image = build_image(STREAM_MACHINE, steps, inputs)
        status, message, memory = run_image(image, STREAM_MACHINE, seed=seed)
        assert status == ExitStatus.OK, f"seed {seed}: {message}"
        expected = expected_outputs(STREAM_MACHINE, steps, inputs)
        assert check_outputs(image, memory, expected) == (), f"seed {seed}"
