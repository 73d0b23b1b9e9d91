"""Layers that are partly on tiles: planned, laid out, run, and equal to the reference."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from host_cases import check
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim import golden
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import MappingError, TightSplit, single_layer_groups
from tightrope.sim.mapping.mixed import plan_mixed
from tightrope.sim.workload.layers import Layer, LayerOp

WAYS = [
    (Body.TIGHT, TightSplit.REPLICATE, Balance.STATIC),
    (Body.TIGHT, TightSplit.REPLICATE, Balance.STEAL),
    (Body.TIGHT, TightSplit.CHANNELS, Balance.STATIC),
    (Body.LOOSE, None, Balance.STATIC),
    (Body.LOOSE, None, Balance.STEAL),
]


def conv(out_c, size=(6, 5), in_c=6, kernel=3):
    pad = kernel // 2
    return Layer(
        name="mixed", op=LayerOp.CONV, source_op="Conv", in_shape=(*size, in_c),
        out_shape=(*size, out_c), kernel=(kernel, kernel), pads=(pad,) * 4,
    )  # fmt: skip


def plan_of(layer, config, body, split, balance, held):
    part = dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], held))
    groups = single_layer_groups(part, config, body, split)
    return plan_mixed(layer, config, body, balance, groups=groups, split=split)


@pytest.mark.parametrize(("body", "split", "balance"), WAYS)
@hypothesis.settings(max_examples=15, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_random_layers(body, split, balance, seed):
    rng = np.random.default_rng(seed)
    tile = TileConfig(
        rows=32, cols=24, adc_bits=int(rng.choice([8, 12, 32])), weight_bits=int(rng.choice([4, 8]))
    )
    config = ClusterConfig(
        harts=int(rng.integers(1, 5)), tight_tiles_per_hart=4, loose_tiles=6, tile=tile
    )
    layer = conv(int(rng.integers(5, 40)), (int(rng.integers(1, 8)), 5), int(rng.integers(1, 8)))
    held = 4 * int(rng.integers(1, -(-layer.out_shape[2] // 4)))
    plan = plan_of(layer, config, body, split, balance, held)
    assert {plan.body_of(chunk) for chunk in plan.chunks} == {body, Body.DOT4}
    qlayer = golden.random_quant_layer(layer, rng, weight_bits=tile.weight_bits)
    check(config, [(qlayer, plan)], rng, seed)


def test_all_or_nothing_on_tiles():
    config = ClusterConfig(harts=2, loose_tiles=2)
    whole = plan_of(conv(16), config, Body.LOOSE, None, Balance.STATIC, 16)
    assert {whole.body_of(chunk) for chunk in whole.chunks} == {Body.LOOSE}
    nothing = plan_mixed(conv(16), config, Body.LOOSE, Balance.STATIC, groups=())
    assert nothing.body is Body.DOT4


def test_tiles_come_first_and_then_now_and_again():
    config = ClusterConfig(harts=4, loose_tiles=1)
    plan = plan_of(conv(64, (16, 16)), config, Body.LOOSE, None, Balance.STEAL, 16)
    places = [i for i, chunk in enumerate(plan.chunks) if plan.body_of(chunk) is Body.LOOSE]
    gaps = np.diff(places)
    assert places[0] == 0
    assert gaps.min() >= 1
    assert gaps.max() <= 2 * gaps.min()


def test_channels_are_whole_words():
    config = ClusterConfig(harts=2, loose_tiles=2)
    part = dataclasses.replace(conv(16), out_shape=(6, 5, 6))
    groups = single_layer_groups(part, config, Body.LOOSE)
    with pytest.raises(MappingError, match="multiple of 4, not 6"):
        plan_mixed(conv(16), config, Body.LOOSE, Balance.STATIC, groups=groups)
