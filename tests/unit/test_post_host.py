import dataclasses

import numpy as np
import pytest
from host_cases import check, machine, random_plan
from tightrope.sim.golden import random_geometry, random_quant_layer
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import Block, Group, TightSplit
from tightrope.sim.mapping.replicas import copies_of
from tightrope.sim.workload.layers import Layer, LayerOp

BODIES = [Body.TIGHT, Body.LOOSE]
POST = (1, 2, 4, 8)


def row_layer(rng, size, in_c, out_c, kernel_w=1):
    """A kernel of one row without padding, so patches are runs of bytes."""
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    out = (int(rng.integers(1, size)), int(rng.integers(1, size)))
    # Some pixels at the right and at the bottom may not be read.
    height = (out[0] - 1) * stride[0] + 1 + int(rng.integers(0, 2))
    width = (out[1] - 1) * stride[1] + kernel_w + int(rng.integers(0, 2))
    return Layer(name="row", op=LayerOp.CONV, source_op="Conv", in_shape=(height, width, in_c),
                 out_shape=(*out, out_c), kernel=(1, kernel_w), stride=stride)  # fmt: skip


def case(layer, config, body, groups, rng, balance=Balance.STATIC):
    """With a converter that clips now and then."""
    split = TightSplit.REPLICATE if body is Body.TIGHT else None
    shift = int(rng.integers(0, 8))
    plan = random_plan(layer, config, body, balance, groups, rng, split=split, adc_shift=shift)
    return random_quant_layer(layer, rng, weight_bits=config.tile.weight_bits), plan


def one_group(layer, tile=0, row=0, col=0, extra_cols=0):
    """The whole layer in one window."""
    channels = layer.out_shape[2]
    block = Block(tile=tile, row_begin=row, row_count=layer.patch, col_begin=col,
                  col_count=(channels + 3) // 4 * 4 + extra_cols, k_begin=0)  # fmt: skip
    return (Group(channel_begin=0, channel_count=channels, blocks=(block,)),)


@pytest.mark.parametrize("balance", Balance)
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("op", [LayerOp.CONV, LayerOp.DENSE])
def test_tiles_that_requantise_match_golden_in_any_geometry(op, body, balance):
    ran = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, body, balance])
        config = machine(rng, tight=2, loose=3, rows=128, cols=48, post=POST)
        layer = random_geometry(op, rng, max_channels=40, max_stride=3)
        groups = single_layer_groups(layer, config, body)
        # Chunks at random are for one copy of each channel.
        groups = groups[: len(groups) // copies_of(groups)]
        plan_case = case(layer, config, body, groups, rng, balance)
        pitch = {"out_pitch": layer.out_shape[2] + int(rng.integers(0, 6))} if seed % 2 else {}
        check(config, [plan_case], rng, seed, **pitch)
        ran += plan_case[1].post_processes(config.tile)
    assert ran > 20


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "shape",
    [(64, 64), (128, 192), (192, 128), (320, 64), (64, 60), (64, 66), (32, 36), (44, 64), (46, 9),
     (256, 256), (4, 64, 16), (8, 20, 5), (3, 7, 4)],
)  # fmt: skip
def test_runs_of_bytes_match_golden(shape, body):
    for seed in range(6):
        rng = np.random.default_rng([seed, *shape, body])
        config = machine(rng, tight=1, loose=2, rows=320, cols=256, post=POST)
        layer = row_layer(rng, 9, *shape)
        groups = one_group(layer)
        assert case(layer, config, body, groups, rng)[1].post_processes(config.tile)
        cases = [case(layer, config, body, groups, rng, balance) for balance in Balance]
        pitch = {"out_pitch": shape[1] + int(rng.integers(0, 6))} if seed % 2 else {}
        check(config, cases, rng, seed, **pitch)


@pytest.mark.parametrize("body", BODIES)
def test_layers_that_share_columns_each_bring_their_constants(body):
    # Windows one above the other, and windows wider than what they hold.
    for seed in range(20):
        rng = np.random.default_rng([seed, body])
        config = machine(rng, tight=2, loose=2, rows=64, cols=40, post=POST)
        layers = [row_layer(rng, 6, 16, int(rng.integers(1, 33))) for _ in range(4)]
        cases = [
            case(layer, config, body,
                 one_group(layer, row=16 * row, col=4 * int(rng.integers(0, 2)),
                           extra_cols=4 * int(rng.integers(0, 2))), rng, list(Balance)[row % 2])
            for row, layer in enumerate(layers)
        ]  # fmt: skip
        check(config, cases, rng, seed)


@pytest.mark.parametrize("body", BODIES)
def test_groups_side_by_side_on_one_tile_each_bring_their_constants(body):
    for seed in range(20):
        rng = np.random.default_rng([seed, body])
        config = machine(rng, tight=1, loose=1, rows=64, cols=64, post=POST)
        layer = row_layer(rng, 6, 32, 40)
        groups = tuple(
            group._replace(channel_begin=begin, channel_count=12)
            for begin in (0, 12, 24)
            for group in one_group(dataclasses.replace(layer, out_shape=(1, 1, 12)), col=begin)
        )
        last = one_group(dataclasses.replace(layer, out_shape=(1, 1, 4)), col=40)[0]
        groups += (last._replace(channel_begin=36),)
        check(config, [case(layer, config, body, groups, rng, b) for b in Balance], rng, seed)


def test_reprogrammed_groups_and_groups_of_several_blocks_are_requantised_by_the_hart():
    rng = np.random.default_rng(0)
    config = machine(rng, tight=1, loose=1, rows=64, cols=32, post=POST)
    for channels, patch in ((140, 16), (8, 100)):
        layer = row_layer(rng, 5, patch, channels)
        groups = single_layer_groups(layer, config, Body.TIGHT)
        cases = [case(layer, config, Body.TIGHT, groups, rng)]
        check(config, cases, rng, 0)
        assert not cases[0][1].post_processes(config.tile)
