"""Harts that help where tiles are too few: planned, laid out, run, and equal to the reference."""

import dataclasses
import itertools

import hypothesis
import numpy as np
import pytest
from host_cases import check
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim import golden
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import MappingError, TightSplit, single_layer_groups
from tightrope.sim.mapping.helped import Help, feeder_count, plan_helped
from tightrope.sim.workload.layers import Layer, LayerOp

EXACT = TileConfig(rows=64, cols=24)


def conv(out_c, size=(6, 5), in_c=6, kernel=3):
    pad = kernel // 2
    return Layer(
        name="helped", op=LayerOp.CONV, source_op="Conv", in_shape=(*size, in_c),
        out_shape=(*size, out_c), kernel=(kernel, kernel), pads=(pad,) * 4,
    )  # fmt: skip


def groups_of(layer, config, body, held):
    part = dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], held))
    return single_layer_groups(part, config, body)


@pytest.mark.parametrize("balance", list(Balance))
@pytest.mark.parametrize("body", [Body.TIGHT, Body.LOOSE])
@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_random_layers(body, balance, seed):
    rng = np.random.default_rng(seed)
    harts = int(rng.integers(2, 6))
    config = ClusterConfig(
        harts=harts, tight_tiles_per_hart=4, tight_harts=int(rng.integers(1, harts)),
        loose_tiles=int(rng.integers(1, 4)), tile=EXACT,
    )  # fmt: skip
    layer = conv(int(rng.integers(4, 25)), (int(rng.integers(3, 8)), 5), int(rng.integers(1, 8)))
    held = min(layer.out_shape[2], 4 * int(rng.integers(1, 7)))
    groups = groups_of(layer, config, body, held)
    hypothesis.assume(feeder_count(layer, config, body, None, len(groups)) < harts)
    hypothesis.assume(not any(group.reprogram for group in groups))
    wanted = Help(
        digital_pixels=int(rng.integers(0, layer.pixels)), feeder_share=float(rng.random())
    )
    plan = plan_helped(layer, config, body, balance, wanted, groups=groups)
    qlayer = golden.random_quant_layer(layer, rng)
    check(config, [(qlayer, plan)], rng, seed)


def test_feeders_have_the_pixels_on_tiles():
    layer, config = conv(16, (16, 16)), ClusterConfig(harts=4, loose_tiles=1)
    plan = plan_helped(
        layer, config, Body.LOOSE, Balance.STATIC, Help(digital_pixels=96, feeder_share=0.0),
        groups=groups_of(layer, config, Body.LOOSE, 16),
    )  # fmt: skip
    ours = [plan.chunks[slice(*plan.hart_first[h : h + 2])] for h in range(4)]
    assert len(ours[0]) == 1 and plan.body_of(ours[0][0]) is Body.LOOSE
    assert (ours[0][0].pixel_begin, ours[0][0].pixel_end) == (0, 160)
    helped = [chunk for share in ours[1:] for chunk in share]
    assert [(c.pixel_end - c.pixel_begin, plan.body_of(c)) for c in helped] == 3 * [(32, Body.DOT4)]


def test_who_can_help():
    layer, config = conv(16), ClusterConfig(harts=4, tight_tiles_per_hart=1, tight_harts=1)
    assert feeder_count(layer, config, Body.TIGHT, TightSplit.REPLICATE, 1) == 1
    assert feeder_count(layer, config, Body.TIGHT, TightSplit.CHANNELS, 1) == 4
    assert feeder_count(layer, config, Body.LOOSE, None, 3) == 3
    rough = dataclasses.replace(config, tile=dataclasses.replace(config.tile, adc_bits=8))
    assert feeder_count(layer, rough, Body.LOOSE, None, 1) == 4


@pytest.mark.parametrize(
    ("help", "told"),
    [
        (Help(digital_pixels=-1, feeder_share=0), "out of range"),
        (Help(digital_pixels=30, feeder_share=0), "out of range"),
        (Help(digital_pixels=0, feeder_share=1.5), "out of range"),
    ],
)
def test_what_makes_no_sense_is_refused(help, told):
    layer, config = conv(16), ClusterConfig(harts=4, loose_tiles=1)
    groups = groups_of(layer, config, Body.LOOSE, 16)
    with pytest.raises(MappingError, match=told):
        plan_helped(layer, config, Body.LOOSE, Balance.STEAL, help, groups=groups)


def test_nobody_is_free_where_every_hart_feeds_a_tile():
    layer, config = conv(16, (8, 8)), ClusterConfig(harts=2, loose_tiles=2)
    groups = groups_of(layer, config, Body.LOOSE, 16)
    assert len(groups) == 2
    with pytest.raises(MappingError, match="no hart is free"):
        plan_helped(
            layer, config, Body.LOOSE, Balance.STEAL, Help(digital_pixels=0, feeder_share=1),
            groups=groups,
        )  # fmt: skip


def test_nobody_takes_a_feeders_work_on_tight_tiles():
    layer, config = conv(16, (16, 16)), ClusterConfig(
        harts=4, tight_tiles_per_hart=1, tight_harts=2
    )
    groups = groups_of(layer, config, Body.TIGHT, 16)
    for pixels, balance in ((96, Balance.STEAL), (8, Balance.STEAL), (4, Balance.STATIC)):
        plan = plan_helped(
            layer, config, Body.TIGHT, Balance.STEAL, Help(digital_pixels=pixels, feeder_share=0),
            groups=groups,
        )  # fmt: skip
        assert plan.balance is balance
        # A chunk each, begun before anybody who helps has ended a chunk of his own.
        assert plan.hart_first[:3] == (0, 1, 2)
        everybody = all(end > begin for begin, end in itertools.pairwise(plan.hart_first))
        assert everybody == (balance is Balance.STEAL)
