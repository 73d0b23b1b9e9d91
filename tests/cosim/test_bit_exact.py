"""Every kernel in every way on RTL, bit by bit what golden says; failures name case and seed."""

import os

import numpy as np
import pytest
from cosim_cases import (
    TILE_WAYS,
    chain_job,
    digital_job,
    layer_job,
    reprogrammed_job,
    resident_job,
    scattered_job,
)
from cosim_jobs import run_jobs
from cosim_machines import BIG_TILES, MACHINES, machine_id
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

WITH_REFERENCE = (LayerOp.CONV, LayerOp.DENSE, LayerOp.DWCONV)
DIGITAL_OPS = [op for op in LayerOp if op is not LayerOp.ELEMENTWISE]
CONV_OPS = (LayerOp.CONV, LayerOp.DENSE)
SEEDS = range(int(os.environ.get("TIGHTROPE_SEEDS", "4")))
"""Of each way to run each kernel; more of them for a longer search."""

on_machines = pytest.mark.parametrize("machine", MACHINES, ids=machine_id)


def conv(size, in_c, out_c, kernel=(1, 1), stride=(1, 1), pads=(0, 0, 0, 0), op=LayerOp.CONV):
    out = [
        (size[axis] + pads[axis] + pads[axis + 2] - kernel[axis]) // stride[axis] + 1
        for axis in range(2)
    ]
    return Layer(
        name=op.value,
        op=op,
        source_op=op.value,
        in_shape=(*size, in_c),
        out_shape=(out[0], out[1], out_c),
        kernel=kernel,
        stride=stride,
        pads=pads,
    )


def dense(inputs, outputs):
    return conv((1, 1), inputs, outputs, op=LayerOp.DENSE)


def mapped_job(machine, layer, body, split, balance, seed):
    shape = f"{layer.in_shape}->{layer.out_shape} kernel {layer.kernel}"
    name = f"{layer.op} {shape} {body.name} {split or ''} {balance.name} seed {seed}"
    groups = ()
    if body in (Body.TIGHT, Body.LOOSE):
        groups = single_layer_groups(layer, machine, body, split)
    plan = plan_layer(layer, machine, body, balance, groups=groups, split=split)
    return layer_job(name, machine, layer, plan, np.random.default_rng(seed))


@on_machines
def test_digital_kernels_match_golden(machine):
    run_jobs(
        [
            digital_job(machine, op, body, balance, seed, channels=18)
            for op in DIGITAL_OPS
            for body in ((Body.DOT4, Body.SCALAR) if op in WITH_REFERENCE else (Body.DOT4,))
            for balance in Balance
            for seed in SEEDS
        ]
    )


@on_machines
def test_resident_layers_match_golden(machine):
    run_jobs(
        [
            resident_job(machine, op, way, seed, channels=24)
            for op in CONV_OPS
            for way in TILE_WAYS
            for seed in SEEDS
        ]
    )


@on_machines
def test_reprogrammed_layers_match_golden(machine):
    run_jobs(
        [
            reprogrammed_job(machine, op, way, seed, channels=24)
            for op in CONV_OPS
            for way in TILE_WAYS
            for seed in SEEDS
        ]
    )


@on_machines
def test_blocks_anywhere_on_tiles_match_golden(machine):
    run_jobs(
        [
            scattered_job(machine, body, balance, seed)
            for body in (Body.TIGHT, Body.LOOSE)
            for balance in Balance
            for seed in SEEDS
        ]
    )


@on_machines
def test_layers_larger_than_tiles_match_golden(machine):
    rows, cols = machine.tile.rows, machine.tile.cols
    # Programming is what takes time: one tile and a bit of 256x256, four of 24x8.
    times = 1 if rows > 64 else 4
    layers = [
        conv((3, 3), times * rows // 9 + 1, times * cols + 3, (3, 3), pads=(1, 1, 1, 1)),
        conv((2, 3), (times + 1) * rows + 5, cols // 8 + 1),
        dense(rows // 8 + 3, (times + 1) * cols + 5),
    ]
    run_jobs(
        [
            mapped_job(machine, layer, *way, seed)
            for seed, layer in enumerate(layers)
            for way in (TILE_WAYS if seed or times > 1 else TILE_WAYS[1::2])
        ]
    )


@on_machines
def test_chains_of_many_layers_match_golden(machine):
    # Twice as many layers as there are counters to steal by; tiles are programmed in between.
    run_jobs([chain_job(machine, seed) for seed in SEEDS[::4]])


def test_tiles_of_512_by_512_match_golden():
    layers = [
        conv((3, 4), 3, 5),
        conv((2, 2), 512, 512),
        dense(513, 516),
        conv((3, 3), 70, 130, (3, 3), (2, 2), (1, 1, 1, 1)),
        dense(1100, 30),
    ]
    ways = [
        (Body.TIGHT, TightSplit.REPLICATE, Balance.STATIC),
        (Body.LOOSE, None, Balance.STEAL),
    ]
    run_jobs(
        [
            mapped_job(BIG_TILES, layer, *way, seed)
            for seed, layer in enumerate(layers)
            for way in ways
        ]
    )
