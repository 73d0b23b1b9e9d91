import dataclasses

import numpy as np
import pytest
from host_cases import check, machine, random_plan
from host_firmware import run_image
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.golden import random_geometry, random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.layout import Balance, Body, ExitStatus
from tightrope.sim.image.results import read_results
from tightrope.sim.image.steps import independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import Block, Group, TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

DIGITAL_OPS = [op for op in LayerOp if op is not LayerOp.ELEMENTWISE]
CONV_OPS = [LayerOp.CONV, LayerOp.DENSE]


@pytest.mark.parametrize("balance", Balance)
@pytest.mark.parametrize("body", [Body.SCALAR, Body.DOT4])
@pytest.mark.parametrize("op", DIGITAL_OPS)
def test_digital_kernels_match_golden(op, body, balance):
    for seed in range(40):
        rng = np.random.default_rng([seed, body, balance])
        config = machine(rng)
        layer = random_geometry(op, rng, max_channels=20, max_kernel=4, max_stride=3, max_groups=3)
        plan = random_plan(layer, config, body, balance, (), rng)
        pitch = {"out_pitch": layer.out_shape[2] + int(rng.integers(0, 6))} if seed % 2 else {}
        check(config, [(random_quant_layer(layer, rng), plan)], rng, seed, **pitch)


@pytest.mark.parametrize("channels", [4, 16, 32, 48, 64, 128, 256, 320])
def test_pointwise_convolution_matches_golden_at_any_cache_phase(channels):
    rng = np.random.default_rng(channels)
    config = machine(rng)
    layer = Layer(
        name="pointwise",
        op=LayerOp.CONV,
        source_op="Conv",
        in_shape=(6, 7, channels),
        out_shape=(6, 7, 12),
    )
    plan = plan_layer(layer, config, Body.DOT4, Balance.STATIC)
    cases = [(random_quant_layer(layer, rng), plan) for _ in range(4)]
    check(config, cases, rng, channels)


def test_large_kernel_gathers_panels_that_fill_the_scratch():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        config = machine(rng)
        layer = random_geometry(LayerOp.CONV, rng, max_size=14, max_channels=40, max_kernel=7)
        plan = plan_layer(layer, config, Body.DOT4, Balance.STEAL)
        check(config, [(random_quant_layer(layer, rng), plan)], rng, seed)


@pytest.mark.parametrize("out_c", [30, 64, 129])
@pytest.mark.parametrize(("in_c", "kernel"), [(64, 1), (100, 1), (256, 1), (512, 1), (36, 3)])
def test_weights_that_pass_a_panel_in_two_turns_match_golden(in_c, kernel, out_c):
    for seed in range(4):
        rng = np.random.default_rng([seed, in_c, out_c])
        config = machine(rng)
        height, width = (int(side) for side in rng.integers(1, 8, 2))
        layer = Layer(name="two", op=LayerOp.CONV, source_op="Conv", in_shape=(height, width, in_c),
                      out_shape=(height, width, out_c), kernel=(kernel, kernel),
                      pads=(kernel // 2,) * 4)  # fmt: skip
        plan = (
            plan_layer(layer, config, Body.DOT4, Balance.STATIC)
            if seed % 2
            else random_plan(layer, config, Body.DOT4, Balance.STATIC, (), rng)
        )
        check(config, [(random_quant_layer(layer, rng), plan)], rng, seed)


@pytest.mark.parametrize("channels", range(1, 10))
@pytest.mark.parametrize("op", DIGITAL_OPS)
def test_any_number_of_channels_matches_golden(op, channels):
    for seed in range(6):
        rng = np.random.default_rng([seed, channels])
        config = machine(rng)
        layer = random_geometry(op, rng)
        in_c = layer.in_shape[2] if op in CONV_OPS else channels
        layer = dataclasses.replace(
            layer, in_shape=(*layer.in_shape[:2], in_c), out_shape=(*layer.out_shape[:2], channels)
        )
        plan = random_plan(layer, config, Body.DOT4, list(Balance)[seed % 2], (), rng)
        pitch = {"out_pitch": channels + seed} if seed % 3 else {}
        check(config, [(random_quant_layer(layer, rng), plan)], rng, seed, **pitch)


def depthwise(rng, *, kernel, stride, width, channels):
    """Any padding smaller than the kernel, on each side for itself."""
    top, left, bottom, right = (int(rng.integers(0, size)) for size in (*kernel, *kernel))
    height = int(rng.integers(1, 8))
    bottom += max(0, kernel[0] - height - top - bottom)
    right += max(0, kernel[1] - width - left - right)
    out = ((height + top + bottom - kernel[0]) // stride[0] + 1,
           (width + left + right - kernel[1]) // stride[1] + 1)  # fmt: skip
    return Layer(name="dw", op=LayerOp.DWCONV, source_op="Conv", in_shape=(height, width, channels),
                 out_shape=(*out, channels), kernel=kernel, stride=stride,
                 pads=(top, left, bottom, right))  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_w", [1, 2, 3, 4, 5, 7])
def test_depthwise_strips_and_edges_match_golden(kernel_w, stride):
    for seed in range(40):
        rng = np.random.default_rng([seed, kernel_w, stride])
        config = machine(rng)
        layer = depthwise(
            rng,
            kernel=(int(rng.integers(1, 6)), kernel_w),
            stride=(int(rng.integers(1, 3)), stride),
            width=int(rng.integers(1, 44)),
            channels=int(rng.choice([4, 8, 12, 36, 64, 128, 7])),
        )
        plan = random_plan(layer, config, Body.DOT4, list(Balance)[seed % 2], (), rng)
        check(config, [(random_quant_layer(layer, rng), plan)], rng, seed)


def test_depthwise_kernel_with_a_window_larger_than_the_cache_matches_golden():
    for kernel, channels in (((20, 20), 12), ((24, 24), 8)):
        rng = np.random.default_rng(channels)
        config = machine(rng)
        layer = depthwise(rng, kernel=kernel, stride=(1, 1), width=25, channels=channels)
        plan = plan_layer(layer, config, Body.DOT4, Balance.STATIC)
        check(config, [(random_quant_layer(layer, rng), plan)], rng, channels)


@pytest.mark.parametrize("multipliers", [(1, 1), (-3, 2), (2**21 - 1, 1 - 2**21)])
@pytest.mark.parametrize("shift", [0, 1, 30])
def test_addition_matches_golden_at_the_ends_of_its_shift(shift, multipliers):
    rng = np.random.default_rng(shift)
    config = machine(rng)
    layer = random_geometry(LayerOp.ADD, rng)
    plan = random_plan(layer, config, Body.DOT4, Balance.STATIC, (), rng)
    qlayer = dataclasses.replace(
        random_quant_layer(layer, rng), add_multipliers=multipliers, add_shift=shift
    )
    check(config, [(qlayer, plan)], rng, shift)


@pytest.mark.parametrize("balance", Balance)
@pytest.mark.parametrize("body", [Body.TIGHT, Body.LOOSE])
@pytest.mark.parametrize("op", CONV_OPS)
def test_mapped_layers_on_tiles_match_golden(op, body, balance):
    for seed in range(40):
        rng = np.random.default_rng([seed, body, balance])
        config = machine(rng, tight=int(rng.integers(1, 4)), loose=int(rng.integers(1, 6)))
        layer = random_geometry(op, rng, max_channels=70, max_stride=2)
        split = None
        if body is Body.TIGHT and balance is Balance.STATIC:
            split = list(TightSplit)[seed % 2]
        groups = single_layer_groups(layer, config, body, split)
        plan = plan_layer(layer, config, body, balance, groups=groups, split=split)
        qlayer = random_quant_layer(layer, rng, weight_bits=config.tile.weight_bits)
        pitch = {"out_pitch": layer.out_shape[2] + int(rng.integers(0, 6))} if seed % 2 else {}
        check(config, [(qlayer, plan)], rng, seed, **pitch)


def random_groups(layer, tiles, config, rng):
    """Groups of random widths, their blocks at random places of random tiles, none overlapping."""
    width = min(config.tile.cols, 8)
    slots = [(tile, col) for tile in range(tiles) for col in range(0, config.tile.cols, width)]
    heights = dict.fromkeys(slots, 0)
    groups = []
    for begin in range(0, layer.out_shape[2], width):
        blocks, k = [], 0
        while k < layer.patch:
            room = [slot for slot in slots if heights[slot] < config.tile.rows]
            if not room:
                return None
            slot = room[rng.integers(len(room))]
            left = min(config.tile.rows - heights[slot], layer.patch - k)
            rows = (
                int(rng.integers(1, left + 1))
                if left < 9
                else int(rng.integers(left // 3, left + 1))
            )
            blocks.append(Block(tile=slot[0], row_begin=heights[slot], row_count=rows,
                                col_begin=slot[1], col_count=width, k_begin=k))  # fmt: skip
            heights[slot] += rows
            k += rows
        count = min(width, layer.out_shape[2] - begin)
        groups.append(Group(channel_begin=begin, channel_count=count, blocks=tuple(blocks)))
    return tuple(groups)


@pytest.mark.parametrize("body", [Body.TIGHT, Body.LOOSE])
def test_blocks_that_share_tiles_match_golden_and_never_block(body):
    ran = 0
    for seed in range(120):
        rng = np.random.default_rng([seed, body])
        config = machine(rng, tight=3, loose=4)
        layer = random_geometry(LayerOp.CONV, rng, max_channels=20)
        groups = random_groups(layer, 3, config, rng)
        if groups is None:
            continue
        split = TightSplit.REPLICATE if body is Body.TIGHT else None
        plan = random_plan(layer, config, body, list(Balance)[seed % 2], groups, rng,
                           split=split, adc_shift=int(rng.integers(0, 8)))  # fmt: skip
        qlayer = random_quant_layer(layer, rng, weight_bits=config.tile.weight_bits)
        check(config, [(qlayer, plan)], rng, seed)
        ran += 1
    assert ran > 40


def test_tile_counters_add_up_over_layers():
    rng = np.random.default_rng(1)
    config = ClusterConfig(harts=2, tight_tiles_per_hart=1, tile=TileConfig(rows=64, cols=64))
    layer = Layer(name="c", op=LayerOp.CONV, source_op="Conv", in_shape=(3, 3, 16),
                  out_shape=(3, 3, 16))  # fmt: skip
    groups = single_layer_groups(layer, config, Body.TIGHT)
    plan = plan_layer(layer, config, Body.TIGHT, Balance.STATIC, groups=groups)
    cases = [(random_quant_layer(layer, rng), plan) for _ in range(2)]
    results = check(config, cases, rng, 1)
    mvms, bytes_in, writes = (results.tile_counters[:, :, reg].sum(1) for reg in (2, 4, 9))
    assert sorted(mvms) == sorted([0] * (len(mvms) - 2) + [9, 9])
    assert sorted(bytes_in)[-2:] == [144, 144]
    assert sum(writes) == 2 * 2 * 16 * 4


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("version", 7, "version"), ("hart_count", 5, "hart_count"), ("config_hash", 1, "config_hash")],
)
def test_image_of_another_machine_is_refused_with_a_sentence(field, value, words):
    from tightrope.sim.image.layout import HEADER

    rng = np.random.default_rng(3)
    config = machine(rng)
    layer = random_geometry(LayerOp.CLIP, rng)
    cases = [(random_quant_layer(layer, rng), plan_layer(layer, config, Body.DOT4, Balance.STATIC))]
    steps, inputs = independent_steps(cases, [random_inputs(layer, rng)])
    image = build_image(config, steps, inputs)
    place = 4 * [name for name, _ in HEADER].index(field)
    data = bytearray(image.data)
    data[place : place + 4] = value.to_bytes(4, "little")
    broken = dataclasses.replace(image, data=bytes(data))
    status, _, memory = run_image(broken, config)
    assert status == ExitStatus.BAD_IMAGE
    assert words in read_results(image, memory).log
