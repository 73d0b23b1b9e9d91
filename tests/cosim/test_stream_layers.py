"""Layers on loose tiles that stream, on RTL: bit by bit, and failures with a sentence."""

import dataclasses

import numpy as np
import pytest
from cosim_cases import layer_job, random_cuts
from cosim_jobs import make_job, run_firmware, run_jobs, system_firmware
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
from stream_pipelines import pipeline_image
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.golden.random_layers import random_geometry
from tightrope.sim.image.layout import Balance, ExitStatus
from tightrope.sim.image.results import check_guards, check_outputs, read_log, read_results
from tightrope.sim.mapping import MappingError
from tightrope.sim.model.tile_counters import tile_counters
from tightrope.sim.model.traffic import shared_traffic
from tightrope.sim.workload.layers import LayerOp

SHAPES = (
    {"max_size": 12, "max_kernel": 3, "max_stride": 2, "max_channels": 30},
    {"max_size": 3, "max_kernel": 6, "max_stride": 3, "max_channels": 8},
)
LONG_LAYER = pointwise(24, 64, 32)
IN_TILES = (TileStatusReg.MVMS, TileStatusReg.BYTES_IN, TileStatusReg.STREAM_BYTES_IN)
RESULTS = (TileStatusReg.BYTES_OUT, TileStatusReg.STREAM_BYTES_OUT)


def stream_job(balance, seed):
    """A random layer; even seeds have outputs of whole words, odd ones are cut at random."""
    rng = np.random.default_rng([seed, balance])
    plan = None
    while plan is None:
        op = LayerOp.DENSE if seed % 5 == 4 else LayerOp.CONV
        layer = random_geometry(op, rng, **SHAPES[seed % len(SHAPES)])
        if seed % 4 < 2:
            channels = -(-layer.out_shape[2] // 4) * 4
            layer = dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], channels))
        try:
            plan = plan_stream(layer, STREAM_MACHINE, balance)
        except MappingError:
            continue
    copies = len({group.channel_begin for group in plan.groups}) < len(plan.groups)
    if seed % 2 and not copies:
        plan = random_cuts(layer, plan, STREAM_MACHINE, rng)
    return layer_job(f"{op} {balance.name} seed {seed}", STREAM_MACHINE, layer, plan, rng)


def check_counters(job, results):
    """What moves follows from the plan: in tiles, and in what they share; bytes exactly, unless
    pixels lie apart in memory."""
    (step,) = job.steps
    layer, config = step.qlayer.layer, job.config
    rows = list(job.image.layers_of(0))
    tiles = results.tile_counters[rows].sum(axis=0)
    shared = results.machine_counters[rows].sum(axis=0)
    model_tiles = tile_counters(layer, step.plan, config)
    (source,), output = job.image.inputs.values(), job.image.outputs[0]
    apart = (source.pitch, output.pitch) != (layer.in_shape[2], layer.out_shape[2])
    for counter in IN_TILES if apart else IN_TILES + RESULTS:
        expected = [tile[counter] for tile in model_tiles]
        assert tiles[:, counter].tolist() == expected, f"{job.name}: {counter.name}"
    hart_beats = results.layer_counters[rows, :, HartCounter.MEMORY_BEATS].sum()
    model = shared_traffic(layer, step.plan, config, model_tiles, hart_beats)
    if apart:
        return shared, model
    assert shared[MachineCounter.DMA_LOAD_BYTES] == model.dma_load_bytes, job.name
    assert shared[MachineCounter.DMA_STORE_BYTES] == model.dma_store_bytes, job.name
    # Parts of words and of beats count as whole ones.
    assert 4 * shared[MachineCounter.SCRATCHPAD_BEATS] >= model.scratchpad_bytes, job.name
    assert shared[MachineCounter.MEMORY_BEATS] >= model.memory_beats, job.name
    return shared, model


def test_streamed_layers_match_golden():
    jobs = [stream_job(balance, seed) for balance in Balance for seed in range(10)]
    found = [check_counters(job, r) for job, r in zip(jobs, run_jobs(jobs), strict=True)]
    # Of both kinds: stored by the engine, and added up by harts.
    stores = [shared[MachineCounter.DMA_STORE_BYTES] > 0 for shared, _ in found]
    assert len(set(stores)) == 2


def test_layers_of_all_kinds_see_what_others_wrote():
    jobs = [make_job(f"seed {seed}", STREAM_MACHINE, *mixed_steps(seed)) for seed in range(3)]
    run_jobs(jobs)


def test_stages_of_a_pipeline_stream_side_by_side():
    made = [pipeline_image(seed, inputs=6) for seed in range(2)]
    runs = run_firmware(STREAM_MACHINE, [image for image, _ in made], system_firmware())
    for (image, expected), run in zip(made, runs, strict=True):
        run.check()
        assert not check_outputs(image, run.memory, expected)
        assert not check_guards(image, run.memory)


def test_tiles_are_busy_for_most_of_a_long_layer():
    plan = plan_stream(LONG_LAYER, STREAM_MACHINE, Balance.STATIC)
    job = layer_job("long", STREAM_MACHINE, LONG_LAYER, plan, np.random.default_rng(2))
    (results,) = run_jobs([job])
    cycles = results.layer_counters[1, :, HartCounter.CYCLES].max()
    tiles = results.tile_counters[1]
    assert tiles[:, TileStatusReg.MVMS].tolist() == [288, 288, 0]
    assert tiles[:2, TileStatusReg.BUSY_CYCLES].min() > 0.8 * cycles
    shared, model = check_counters(job, results)
    # Inputs and outputs are whole words, and bands whole lines.
    assert 4 * shared[MachineCounter.SCRATCHPAD_BEATS] == model.scratchpad_bytes
    assert shared[MachineCounter.MEMORY_BEATS] == pytest.approx(model.memory_beats, rel=0.03)


def test_failures_end_the_run_with_a_sentence_and_harm_nothing():
    good = image_of(STREAM_MACHINE, STREAM_LAYER)
    images = [patch_layer(good, 1, **fields) for fields, _ in FAILURES.values()]
    runs = run_firmware(
        STREAM_MACHINE, [*images, good], system_firmware(), limit_cycles=200_000,
        name=[*FAILURES, "a good one"].__getitem__,
    )  # fmt: skip
    for image, run, (_, words) in zip(images, runs, FAILURES.values(), strict=False):
        assert run.status == ExitStatus.TILE_ERROR, words
        assert f"Layer 1: {words}" in read_log(image, run.memory)
        assert read_results(image, run.memory).guard_errors == ()
    assert runs[-1].status == ExitStatus.OK
