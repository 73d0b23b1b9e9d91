"""Chunks: every output exactly once, and shares that are even."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import (
    MappingError,
    TightSplit,
    nominal_adc_shift,
    plan_layer,
    single_layer_groups,
)
from tightrope.sim.mapping.replicas import copies_of
from tightrope.sim.workload.layers import Layer, LayerOp


def layer_of(height, width, in_c, out_c, op=LayerOp.CONV, groups=1):
    return Layer(
        name="one",
        op=op,
        source_op="any",
        in_shape=(height, width, in_c),
        out_shape=(height, width, out_c),
        groups=groups,
    )


shapes = st.builds(
    layer_of, st.integers(1, 40), st.integers(1, 40), st.integers(1, 300), st.integers(1, 300)
)
machines = st.builds(
    lambda harts, tight, loose, rows, cols: ClusterConfig(
        harts=harts,
        tight_tiles_per_hart=tight,
        loose_tiles=loose,
        tile=TileConfig(rows=8 * rows, cols=8 * cols),
    ),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(1, 64),
    st.integers(1, 64),
)
balances = st.sampled_from(list(Balance))


def covered(plan, pixels, others):
    count = np.zeros((pixels, others), int)
    for chunk in plan.chunks:
        count[chunk.pixel_begin : chunk.pixel_end, chunk.begin : chunk.end] += 1
    return count


def shares(plan, machine):
    """Outputs (pixels x channels or groups) of each hart."""
    work = [
        (chunk.pixel_end - chunk.pixel_begin) * (chunk.end - chunk.begin) for chunk in plan.chunks
    ]
    edges = plan.hart_first
    return [sum(work[edges[hart] : edges[hart + 1]]) for hart in range(machine.harts)]


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(shapes, machines, balances)
def test_digital_chunks_cover_every_output_once(layer, machine, balance):
    plan = plan_layer(layer, machine, Body.DOT4, balance)
    assert (covered(plan, layer.pixels, layer.out_shape[2]) == 1).all()
    for chunk in plan.chunks:
        assert chunk.pixel_begin % 4 == 0 and chunk.begin % 4 == 0
    assert len(plan.hart_first) == machine.harts + 1
    assert plan.hart_first[-1] == len(plan.chunks)
    assert len(plan.chunks) <= 8 * machine.harts
    even = plan_layer(layer, machine, Body.DOT4, Balance.STATIC)
    assert shares(plan, machine) == shares(even, machine)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(shapes, machines, balances, st.sampled_from([*TightSplit, None]))
def test_tile_chunks_cover_every_pixel_of_every_group_once(layer, machine, balance, split):
    body = Body.LOOSE if split is None else Body.TIGHT
    groups = single_layer_groups(layer, machine, body, split)
    if split is TightSplit.CHANNELS and balance is Balance.STEAL:
        with pytest.raises(MappingError, match="can't steal work whose weights another hart"):
            plan_layer(layer, machine, body, balance, groups=groups, split=split)
        return
    plan = plan_layer(layer, machine, body, balance, groups=groups, split=split)
    by_copy = covered(plan, layer.pixels, len(groups))
    copies = copies_of(groups)
    assert (by_copy.reshape(layer.pixels, copies, -1).sum(1) == 1).all()
    assert plan.split is split
    assert plan.groups == groups
    assert len(plan.hart_first) == machine.harts + 1
    if split is TightSplit.CHANNELS:
        for hart in range(machine.harts):
            for chunk in plan.chunks[slice(*plan.hart_first[hart : hart + 2])]:
                assert {group.hart for group in groups[chunk.begin : chunk.end]} == {hart}
    if body is Body.LOOSE and groups[0].reprogram:
        assert all(chunk.pixel_end - chunk.pixel_begin == layer.pixels for chunk in plan.chunks)


@pytest.mark.parametrize("harts", range(1, 9))
@pytest.mark.parametrize("body", [Body.DOT4, Body.TIGHT, Body.LOOSE])
def test_static_shares_of_a_large_layer_are_nearly_equal(harts, body):
    machine = ClusterConfig(harts=harts, loose_tiles=4)
    layer = layer_of(56, 56, 64, 64)
    groups = () if body is Body.DOT4 else single_layer_groups(layer, machine, body)
    work = shares(plan_layer(layer, machine, body, Balance.STATIC, groups=groups), machine)
    assert max(work) <= 1.02 * sum(work) / harts


def test_static_work_with_too_few_pixels_is_split_by_channels():
    machine = ClusterConfig(harts=8)
    dense = layer_of(1, 1, 512, 1000, LayerOp.DENSE)
    plan = plan_layer(dense, machine, Body.DOT4, Balance.STATIC)
    assert len(plan.chunks) == 8
    assert {(chunk.pixel_begin, chunk.pixel_end) for chunk in plan.chunks} == {(0, 1)}
    assert all(124 <= work <= 128 for work in shares(plan, machine))


@pytest.mark.parametrize("channels", [64, 128, 256])
def test_pixels_that_do_not_divide_among_harts_are_shared_by_channels(channels):
    machine = ClusterConfig(harts=8)
    plan = plan_layer(layer_of(14, 14, 64, channels), machine, Body.DOT4, Balance.STATIC)
    assert set(shares(plan, machine)) == {196 * channels / 8}
    assert all(chunk.pixel_begin % 4 == 0 and chunk.begin % 4 == 0 for chunk in plan.chunks)


depthwise_shapes = st.builds(
    lambda height, width, channels: layer_of(height, width, channels, channels, LayerOp.DWCONV),
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 300),
)  # fmt: skip


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(depthwise_shapes, machines, balances)
def test_depthwise_chunks_are_whole_rows_and_cover_every_output_once(layer, machine, balance):
    plan = plan_layer(layer, machine, Body.DOT4, balance)
    assert (covered(plan, layer.pixels, layer.out_shape[2]) == 1).all()
    for chunk in plan.chunks:
        assert chunk.pixel_begin % layer.out_shape[1] == chunk.pixel_end % layer.out_shape[1] == 0
        assert chunk.begin % 32 == 0


@pytest.mark.parametrize(
    ("side", "channels"), [(112, 32), (56, 144), (28, 192), (14, 384), (7, 960)]
)
def test_depthwise_shares_of_real_layers_are_nearly_equal(side, channels):
    machine = ClusterConfig(harts=8)
    layer = layer_of(side, side, channels, channels, LayerOp.DWCONV)
    work = shares(plan_layer(layer, machine, Body.DOT4, Balance.STATIC), machine)
    assert max(work) <= 1.06 * sum(work) / 8


def test_stealing_leaves_pieces_of_each_share_to_take():
    machine = ClusterConfig(harts=8)
    plan = plan_layer(layer_of(64, 64, 16, 16), machine, Body.DOT4, Balance.STEAL)
    sizes = [chunk.pixel_end - chunk.pixel_begin for chunk in plan.chunks]
    assert plan.hart_first == tuple(range(0, 25, 3))
    assert sizes == [256, 128, 128] * 8


def test_pieces_of_a_share_keep_the_panels_of_the_kernel():
    machine = ClusterConfig(harts=8)
    plan = plan_layer(layer_of(14, 14, 128, 128), machine, Body.DOT4, Balance.STEAL)
    # 2 KiB of patches are 16 pixels: 24 of a share are not cut.
    assert {chunk.pixel_end - chunk.pixel_begin for chunk in plan.chunks} == {24, 4}


def test_loose_harts_start_on_different_groups():
    machine = ClusterConfig(harts=4, tight_tiles_per_hart=0, loose_tiles=8)
    layer = layer_of(10, 10, 64, 256)
    groups = single_layer_groups(layer, machine, Body.LOOSE)
    plan = plan_layer(layer, machine, Body.LOOSE, Balance.STATIC, groups=groups)
    starts = [plan.chunks[first].begin for first in plan.hart_first[:-1]]
    assert len(set(starts)) == 4


def test_chunks_of_a_grouped_convolution_cover_one_group():
    plan = plan_layer(
        layer_of(8, 8, 32, 64, groups=4), ClusterConfig(), Body.SCALAR, Balance.STATIC
    )
    assert {(chunk.begin, chunk.end) for chunk in plan.chunks} == {(0, 16)}


@pytest.mark.parametrize(
    ("tile", "expected"),
    [(TileConfig(), 0), (TileConfig(adc_bits=8), 11), (TileConfig(adc_bits=8, weight_bits=4), 7)],
)
def test_nominal_shift_keeps_four_sigma(tile, expected):
    machine = ClusterConfig(tile=tile)
    groups = single_layer_groups(layer_of(4, 4, 128, 64), machine, Body.TIGHT)
    assert nominal_adc_shift(groups, tile) == expected
    plan = plan_layer(layer_of(4, 4, 128, 64), machine, Body.TIGHT, Balance.STATIC, groups=groups)
    assert plan.adc_shift == expected


@pytest.mark.parametrize(
    ("layer", "body", "message"),
    [
        (layer_of(4, 4, 4, 4, LayerOp.ELEMENTWISE), Body.DOT4, "layer one: any has no kernel"),
        (layer_of(4, 4, 4, 4, LayerOp.ADD), Body.TIGHT, r"layer one \(add\) can't be on tiles"),
        (layer_of(4, 4, 4, 4), Body.TIGHT, "layer one: a TIGHT body must have groups"),
        (layer_of(4, 4, 4, 4), Body.LOOSE, "the machine has no loose tiles"),
    ],
)
def test_what_cannot_run_is_refused(layer, body, message):
    with pytest.raises(MappingError, match=f"^{message}$"):
        plan_layer(layer, ClusterConfig(), body, Balance.STATIC)


def test_a_digital_body_refuses_groups():
    layer = layer_of(4, 4, 4, 4)
    groups = single_layer_groups(layer, ClusterConfig(), Body.TIGHT)
    with pytest.raises(MappingError, match="^layer one: a DOT4 body has no groups$"):
        plan_layer(layer, ClusterConfig(), Body.DOT4, Balance.STATIC, groups=groups)
