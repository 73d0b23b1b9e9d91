"""Bands, copies and shares of layers on tiles that stream."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, ScratchpadConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import MappingError, plan_layer, single_layer_groups
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.workload.layers import Layer, LayerOp

MACHINE = ClusterConfig(
    harts=4,
    tight_tiles_per_hart=0,
    loose_tiles=4,
    tile=TileConfig(post_lanes=8),
    scratchpad=ScratchpadConfig(size_bytes=1 << 18),
    stream_ports=4,
    stream_bytes_per_cycle=64,
    dma_bytes_per_cycle=64,
)


def conv(side, in_c, out_c, kernel=1):
    return Layer(
        name="one", op=LayerOp.CONV, source_op="Conv", in_shape=(side, side, in_c),
        out_shape=(side, side, out_c), kernel=(kernel, kernel), pads=(kernel // 2,) * 4,
    )  # fmt: skip


def plan_stream(layer, machine=MACHINE, balance=Balance.STATIC):
    groups = single_layer_groups(layer, machine, Body.STREAM)
    return plan_layer(layer, machine, Body.STREAM, balance, groups=groups)


def test_spare_tiles_hold_copies_with_equal_shares_of_the_pixels():
    plan = plan_stream(conv(28, 256, 256))
    assert [group.blocks[0].tile for group in plan.groups] == [0, 1, 2, 3]
    assert {group.channel_count for group in plan.groups} == {256}
    assert [(c.pixel_begin, c.pixel_end) for c in plan.chunks] == [
        (0, 196), (196, 392), (392, 588), (588, 784),
    ]  # fmt: skip
    assert plan.hart_first == (0, 1, 2, 3, 4)


def test_copies_are_whole_or_not_at_all():
    three_tiles = plan_stream(conv(14, 256, 256 * 3))
    assert len(three_tiles.groups) == 3
    assert sorted(np.diff(three_tiles.hart_first).tolist()) == [0, 1, 1, 1]


def test_more_groups_than_harts_are_shared_evenly():
    machine = dataclasses.replace(MACHINE, harts=2)
    plan = plan_stream(conv(14, 256, 256 * 3), machine)
    assert len(plan.groups) == 3
    pixels = [
        sum(
            (chunk.pixel_end - chunk.pixel_begin) * (chunk.end - chunk.begin)
            for chunk in plan.chunks[slice(*plan.hart_first[hart : hart + 2])]
        )
        for hart in range(2)
    ]
    assert abs(pixels[0] - pixels[1]) <= 4


layers = st.builds(
    conv, st.integers(1, 40), st.integers(1, 200), st.integers(1, 300), st.sampled_from([1, 3, 5])
)
machines = st.builds(
    lambda harts, tiles, adc_bits: dataclasses.replace(
        MACHINE, harts=harts, loose_tiles=4 * tiles, tile=TileConfig(adc_bits=adc_bits)
    ),
    st.integers(1, 8),
    st.integers(1, 10),
    st.sampled_from([8, 12, 32]),
)


@hypothesis.given(layers, machines, st.sampled_from(list(Balance)))
@hypothesis.settings(max_examples=60, deadline=None)
def test_every_output_once_and_every_band_has_room(layer, machine, balance):
    try:
        plan = plan_stream(layer, machine, balance)
    except MappingError:
        return
    columns = {group.channel_begin for group in plan.groups}
    covered = {begin: np.zeros(layer.pixels, int) for begin in columns}
    for chunk in plan.chunks:
        for group in plan.groups[chunk.begin : chunk.end]:
            covered[group.channel_begin][chunk.pixel_begin : chunk.pixel_end] += 1
    assert all((count == 1).all() for count in covered.values())
    geometry = stream_geometry(layer, machine, plan)
    assert 1 <= geometry.band_pixels <= 256
    assert geometry.stream_bytes % 64 == 0
    assert geometry.stream_bytes * machine.harts <= machine.scratchpad.size_bytes


def test_bands_shrink_to_what_the_scratchpad_holds():
    layer = conv(28, 256, 256)
    small = dataclasses.replace(MACHINE, scratchpad=ScratchpadConfig(size_bytes=1 << 15))
    found = [
        stream_geometry(layer, machine, plan_stream(layer, machine))
        for machine in (MACHINE, small)
    ]
    assert found[0].band_pixels > found[1].band_pixels
    assert 4 * found[1].stream_bytes <= 1 << 15


def test_tiles_requantise_whole_words_of_single_blocks():
    def post(layer, **pitch):
        return stream_geometry(layer, MACHINE, plan_stream(layer), **pitch).post

    assert post(conv(8, 32, 64))
    assert post(conv(8, 32, 64), out_pitch=68)
    assert not post(conv(8, 32, 64), out_pitch=66)
    assert not post(conv(8, 32, 63))
    assert not post(conv(8, 300, 64))


@pytest.mark.parametrize(
    ("changes", "layer", "words"),
    [
        ({"stream_ports": 0}, conv(8, 32, 64), "the machine has no stream ports"),
        ({"dma_bytes_per_cycle": 0}, conv(8, 32, 64), "the machine has no DMA engine"),
        (
            {"scratchpad": ScratchpadConfig(size_bytes=1 << 14), "harts": 8},
            conv(40, 100, 16, 5),
            "one pixel needs 41984 bytes of the scratchpad to be streamed, a hart has 2048",
        ),
        ({"loose_tiles": 4}, conv(8, 256, 256 * 5), "layer one needs more tiles than there are"),
    ],
)
def test_what_can_not_be_streamed_is_refused_with_a_sentence(changes, layer, words):
    machine = dataclasses.replace(MACHINE, **changes)
    with pytest.raises(MappingError, match=words):
        plan_stream(layer, machine)
