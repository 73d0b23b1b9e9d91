"""Every operator against loops that follow the text of docs/architecture.md, on tiny shapes."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim import golden
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import plan_layer, single_layer_groups
from tightrope.sim.workload.layers import LayerOp

SEEDS = st.integers(0, 2**32 - 1)
RUNNABLE = [op for op in LayerOp if op is not LayerOp.ELEMENTWISE]
FEW = hypothesis.settings(max_examples=40, deadline=None)


def requantise(acc, multiplier, shift):
    product = int(acc) * int(multiplier)
    quotient, rest = divmod(product, 2 ** int(shift))
    half = 2 ** (int(shift) - 1)
    return quotient + (rest > half or (rest == half and quotient % 2 == 1))


def finish(qlayer, acc, entry):
    scaled = requantise(acc, qlayer.multiplier[entry], qlayer.shift[entry])
    return max(qlayer.act_min, min(qlayer.act_max, scaled + qlayer.out_zero_point))


def window(layer, x, y, column):
    """(kernel row, kernel column, pixel) of the pixels inside the image."""
    for row in range(layer.kernel[0]):
        for across in range(layer.kernel[1]):
            at = (
                y * layer.stride[0] + row - layer.pads[0],
                column * layer.stride[1] + across - layer.pads[1],
            )
            if 0 <= at[0] < x.shape[0] and 0 <= at[1] < x.shape[1]:
                yield row, across, x[at].astype(int)


def one_output(qlayer, inputs, y, column, channel):
    layer, x = qlayer.layer, inputs[0]
    match layer.op:
        case LayerOp.CONV | LayerOp.DENSE:
            per_group = layer.out_shape[2] // layer.groups
            in_c = layer.in_shape[2] // layer.groups
            first = channel // per_group * in_c
            acc = int(qlayer.bias[channel])
            for row, across, pixel in window(layer, x, y, column):
                for k in range(in_c):
                    weight = int(qlayer.weight[channel, row, across, k])
                    acc += weight * (pixel[first + k] - qlayer.in_zero_point)
            return finish(qlayer, acc, channel)
        case LayerOp.DWCONV:
            acc = int(qlayer.bias[channel])
            for row, across, pixel in window(layer, x, y, column):
                weight = int(qlayer.weight[row, across, channel])
                acc += weight * (pixel[channel] - qlayer.in_zero_point)
            return finish(qlayer, acc, channel)
        case LayerOp.MAXPOOL:
            return max(pixel[channel] for _, _, pixel in window(layer, x, y, column))
        case LayerOp.AVGPOOL:
            found = [
                pixel[channel] - qlayer.in_zero_point for _, _, pixel in window(layer, x, y, column)
            ]
            area = layer.kernel[0] * layer.kernel[1]
            count = area if qlayer.count_include_pad else len(found)
            return finish(qlayer, sum(found), count - 1)
        case LayerOp.GLOBAL_AVGPOOL:
            acc = int((x[:, :, channel].astype(int) - qlayer.in_zero_point).sum())
            return finish(qlayer, acc, 0)
        case LayerOp.CLIP:
            return finish(qlayer, int(x[y, column, channel]) - qlayer.in_zero_point, 0)
        case LayerOp.ADD:
            a = int(x[y, column, channel]) - qlayer.in_zero_point
            b = int(inputs[1][y, column, channel]) - qlayer.in2_zero_point
            total = a * qlayer.add_multipliers[0] + b * qlayer.add_multipliers[1]
            scaled = round(total / 2**qlayer.add_shift)  # exact: total has less than 53 bits
            return max(qlayer.act_min, min(qlayer.act_max, scaled + qlayer.out_zero_point))


@pytest.mark.parametrize("op", RUNNABLE)
@FEW
@hypothesis.given(seed=SEEDS)
def test_operator_equals_the_loops(op, seed):
    rng = np.random.default_rng(seed)
    qlayer = golden.random_layer(op, rng, max_size=5, max_channels=6, max_groups=3)
    inputs = golden.random_inputs(qlayer.layer, rng)
    expected = np.empty(qlayer.layer.out_shape, np.int8)
    for place in np.ndindex(*expected.shape):
        expected[place] = one_output(qlayer, inputs, *place)
    got = golden.run_layer(qlayer, inputs)
    assert got.dtype == np.int8
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("op", RUNNABLE)
def test_random_layers_are_mostly_not_saturated(op):
    saturated, total = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        qlayer = dataclasses.replace(
            golden.random_layer(op, rng, max_groups=2), act_min=-128, act_max=127
        )
        output = golden.run_layer(qlayer, golden.random_inputs(qlayer.layer, rng))
        saturated += int(((output == -128) | (output == 127)).sum())
        total += output.size
    assert saturated < 0.1 * total


@st.composite
def tiles(draw):
    return TileConfig(
        rows=draw(st.sampled_from([8, 16, 24])),
        cols=draw(st.sampled_from([8, 16])),
        weight_bits=draw(st.sampled_from([4, 8])),
        adc_bits=draw(st.sampled_from([4, 8, 9, 16, 32])),
    )


@FEW
@hypothesis.given(seed=SEEDS, tile=tiles(), shift=st.one_of(st.none(), st.integers(0, 31)))
def test_conv_on_tiles_equals_block_by_block_mvms(seed, tile, shift):
    rng = np.random.default_rng(seed)
    qlayer = golden.random_layer(LayerOp.CONV, rng, max_size=4, max_channels=12)
    layer, (x,) = qlayer.layer, golden.random_inputs(qlayer.layer, rng)
    machine = ClusterConfig(harts=2, tight_tiles_per_hart=2, tile=tile)
    groups = single_layer_groups(layer, machine, Body.TIGHT)
    plan = plan_layer(layer, machine, Body.TIGHT, Balance.STATIC, groups=groups, adc_shift=shift)
    low, high = (-8, 7) if tile.weight_bits == 4 else (-128, 127)
    held = np.clip(qlayer.weight, low, high).reshape(layer.out_shape[2], -1)
    expected = np.empty(layer.out_shape, np.int8)
    for y, column in np.ndindex(*layer.out_shape[:2]):
        patch = np.full((*layer.kernel, layer.in_shape[2]), qlayer.in_zero_point, np.int8)
        for row, across, pixel in window(layer, x, y, column):
            patch[row, across] = pixel
        patch = patch.ravel()
        for group in groups:
            for channel in range(group.channel_begin, group.channel_begin + group.channel_count):
                acc = int(qlayer.bias[channel])
                acc -= qlayer.in_zero_point * int(held[channel].astype(int).sum())
                for block in group.blocks:
                    k = slice(block.k_begin, block.k_begin + block.row_count)
                    result = golden.tile_mvm(
                        held[channel, k, None], patch[k], tile.adc_bits, plan.adc_shift
                    )
                    acc += int(result[0]) << (0 if tile.adc_bits == 32 else plan.adc_shift)
                acc = (acc + 2**31) % 2**32 - 2**31
                expected[y, column, channel] = finish(qlayer, acc, channel)
    np.testing.assert_array_equal(golden.run_layer(qlayer, [x], plan, tile), expected)


def test_an_ideal_tile_changes_nothing():
    rng = np.random.default_rng(3)
    qlayer = golden.random_layer(LayerOp.CONV, rng, max_channels=40)
    machine = ClusterConfig(harts=1, loose_tiles=2, tile=TileConfig(rows=16, cols=8))
    groups = single_layer_groups(qlayer.layer, machine, Body.LOOSE)
    plan = plan_layer(qlayer.layer, machine, Body.LOOSE, Balance.STEAL, groups=groups)
    inputs = golden.random_inputs(qlayer.layer, rng)
    np.testing.assert_array_equal(
        golden.run_layer(qlayer, inputs, plan, machine.tile), golden.run_layer(qlayer, inputs)
    )


@pytest.mark.parametrize("clipped_ratio", [0.0, 0.05])
def test_fitted_shift_is_the_smallest_that_clips_no_more(clipped_ratio):
    rng = np.random.default_rng(4)
    qlayer = golden.random_layer(LayerOp.CONV, rng, max_channels=30)
    tile = TileConfig(rows=64, cols=32, adc_bits=8)
    machine = ClusterConfig(harts=1, tight_tiles_per_hart=4, tile=tile)
    groups = single_layer_groups(qlayer.layer, machine, Body.TIGHT)
    plan = plan_layer(qlayer.layer, machine, Body.TIGHT, Balance.STATIC, groups=groups)
    inputs = golden.random_inputs(qlayer.layer, rng)
    best = golden.fit_adc_shift(qlayer, inputs, plan, tile, clipped_ratio)
    assert 0 < best <= 31
    assert best <= golden.fit_adc_shift(qlayer, inputs, plan, tile)


@pytest.mark.parametrize("op", [LayerOp.CONV, LayerOp.ADD])
def test_a_wrong_number_of_inputs_is_refused(op):
    qlayer = golden.random_layer(op, np.random.default_rng(1))
    with pytest.raises(golden.GoldenError, match="must have [12] inputs, not 0"):
        golden.run_layer(qlayer, [])


def test_an_input_of_another_size_is_refused():
    qlayer = golden.random_layer(LayerOp.CLIP, np.random.default_rng(1))
    with pytest.raises(golden.GoldenError, match="an input must be int8"):
        golden.run_layer(qlayer, [np.zeros((1, 1, 1000), np.int8)])
