"""Windows on tiles, and which layers get them."""

import dataclasses

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping import (
    FreeSpace,
    MappingError,
    TightSplit,
    allocate,
    empty_pools,
    place_group,
    reprogrammed_groups,
    single_layer_groups,
)
from tightrope.sim.mapping.replicas import copies_of
from tightrope.sim.workload.layers import Layer, LayerOp, Network

EIGHTS = st.integers(1, 64).map(lambda units: 8 * units)


def conv(in_c=16, out_c=16, size=8, kernel=3, name="conv", groups=1, op=LayerOp.CONV):
    return Layer(
        name=name,
        op=op,
        source_op="Conv",
        in_shape=(size, size, in_c),
        out_shape=(size, size, out_c),
        kernel=(kernel, kernel),
        pads=(kernel // 2,) * 4,
        groups=groups,
    )


@st.composite
def machines(draw):
    return ClusterConfig(
        harts=draw(st.integers(1, 8)),
        tight_tiles_per_hart=draw(st.integers(1, 4)),
        loose_tiles=draw(st.integers(1, 12)),
        tile=TileConfig(rows=draw(EIGHTS), cols=draw(EIGHTS)),
    )


layers = st.builds(
    conv,
    in_c=st.integers(1, 80),
    out_c=st.integers(1, 150),
    size=st.integers(1, 12),
    kernel=st.sampled_from([1, 3]),
)
kinds = st.sampled_from(
    [
        (Body.TIGHT, TightSplit.REPLICATE),
        (Body.TIGHT, TightSplit.CHANNELS),
        (Body.LOOSE, None),
    ]
)


def assert_groups_cover(layer, machine, groups):
    copies = copies_of(groups)
    channels = [
        channel
        for group in groups[: len(groups) // copies]
        for channel in range(group.channel_begin, group.channel_begin + group.channel_count)
    ]
    assert channels == list(range(layer.out_shape[2]))
    begins = [group.channel_begin for group in groups]
    assert begins == copies * begins[: len(begins) // copies]
    for group in groups:
        rows = [
            row
            for block in group.blocks
            for row in range(block.k_begin, block.k_begin + block.row_count)
        ]
        assert rows == list(range(layer.patch))
        for block in group.blocks:
            assert block.row_begin >= 0 and block.row_begin + block.row_count <= machine.tile.rows
            assert block.col_begin >= 0 and block.col_begin + block.col_count <= machine.tile.cols
            assert block.col_begin % 4 == block.col_count % 4 == 0
            assert 0 <= block.col_count - group.channel_count < 4


def assert_no_overlap(machine, groups, hart_matters):
    cells = {}
    for group in groups:
        for block in group.blocks:
            key = (group.hart if hart_matters else 0, block.tile)
            tile = cells.setdefault(key, np.zeros((machine.tile.rows, machine.tile.cols), int))
            tile[
                block.row_begin : block.row_begin + block.row_count,
                block.col_begin : block.col_begin + block.col_count,
            ] += 1
    assert all(tile.max() == 1 for tile in cells.values())
    return cells


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(layers, machines(), kinds)
def test_single_layer_groups_cover_the_matrix_once_inside_the_arrays(layer, machine, kind):
    body, split = kind
    groups = single_layer_groups(layer, machine, body, split)
    assert_groups_cover(layer, machine, groups)
    tiles = machine.tight_tiles_per_hart if body is Body.TIGHT else machine.loose_tiles
    assert all(0 <= block.tile < tiles for group in groups for block in group.blocks)
    assert all(0 <= group.hart < machine.harts for group in groups)
    assert len({group.reprogram for group in groups}) == 1
    for group in groups:
        used = [block.tile for block in group.blocks]
        if group.reprogram:
            assert len(set(used)) == 1
        else:
            most = max(used.count(tile) for tile in used)
            assert most == -(-len(used) // tiles)
            assert len(used) <= 64
    if not groups[0].reprogram:
        assert_no_overlap(machine, groups, split is TightSplit.CHANNELS)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(layers, min_size=1, max_size=8),
    machines(),
    kinds,
    st.sampled_from(["macs_per_weight", "in_order"]),
)
def test_layers_that_are_allocated_never_overlap(chosen, machine, kind, policy):
    body, split = kind
    coupling = "tight" if body is Body.TIGHT else "loose"
    network = Network(name="net", layers=tuple(chosen))
    result = allocate(network, machine, coupling, policy, split or TightSplit.REPLICATE)
    placed = [(layer, held) for layer, held in zip(chosen, result.groups, strict=True) if held]
    for layer, held in placed:
        assert_groups_cover(layer, machine, held)
    everything = [group for _, held in placed for group in held]
    cells = assert_no_overlap(machine, everything, split is TightSplit.CHANNELS)
    copies = machine.harts if split is TightSplit.REPLICATE else 1
    assert result.used_tiles == copies * len(cells)
    params = sum(layer.params for layer, _ in placed)
    assert result.coverage == pytest.approx(params / network.params)
    assert result.split == split


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 10)), max_size=30))
def test_free_space_and_windows_tile_the_array_exactly(sizes):
    space = FreeSpace.empty(1, TileConfig(rows=64, cols=64))
    cells = np.zeros((64, 64), int)
    for rows, units in sizes:
        taken = space.take(0, rows, 4 * units)
        if taken is None:
            continue
        space, window = taken
        assert (window.rows, window.cols, window.col % 4) == (rows, 4 * units, 0)
        cells[window.row : window.row + rows, window.col : window.col + 4 * units] += 1
    for window in space.tiles[0]:
        cells[window.row : window.row + window.rows, window.col : window.col + window.cols] += 1
    assert (cells == 1).all()


def test_a_group_takes_one_block_per_tile_while_there_are_enough_tiles():
    space = FreeSpace.empty(3, TileConfig(rows=64, cols=64))
    placed = place_group(space, [(0, 16), (16, 32), (32, 40)], (0, 8))
    assert placed is not None
    assert sorted(block.tile for block in placed[1].blocks) == [0, 1, 2]


def test_blocks_are_dealt_evenly_over_too_few_tiles():
    rows = [(begin, begin + 8) for begin in range(0, 40, 8)]
    for count, expected in ((1, [0] * 5), (2, [0, 0, 0, 1, 1]), (4, [0, 0, 1, 2, 3])):
        placed = place_group(FreeSpace.empty(count, TileConfig(rows=64, cols=64)), rows, (0, 8))
        assert placed is not None
        assert sorted(block.tile for block in placed[1].blocks) == expected


def test_a_group_of_more_blocks_than_firmware_queues_is_not_resident():
    machine = ClusterConfig(harts=1, loose_tiles=64, tile=TileConfig(rows=8, cols=64))
    assert not single_layer_groups(conv(512, 4, 2, 1), machine, Body.LOOSE)[0].reprogram
    assert single_layer_groups(conv(520, 4, 2, 1), machine, Body.LOOSE)[0].reprogram


def test_channels_hold_a_layer_that_replicas_cannot():
    machine = ClusterConfig(harts=4, tight_tiles_per_hart=1, tile=TileConfig(rows=64, cols=64))
    layer = conv(in_c=64, out_c=200, kernel=1)
    assert single_layer_groups(layer, machine, Body.TIGHT, TightSplit.REPLICATE)[0].reprogram
    groups = single_layer_groups(layer, machine, Body.TIGHT, TightSplit.CHANNELS)
    assert [group.hart for group in groups] == [0, 1, 2, 3]
    assert not any(group.reprogram for group in groups)


def test_harts_without_a_share_of_channels_get_no_group():
    machine = ClusterConfig(harts=8, tight_tiles_per_hart=1)
    groups = single_layer_groups(conv(out_c=10), machine, Body.TIGHT, TightSplit.CHANNELS)
    assert [(group.hart, group.channel_count) for group in groups] == [(0, 4), (1, 4), (2, 2)]


def test_loose_groups_spread_over_tiles_so_that_harts_work_side_by_side():
    machine = ClusterConfig(harts=4, tight_tiles_per_hart=0, loose_tiles=4)
    groups = single_layer_groups(conv(out_c=64), machine, Body.LOOSE)
    assert [group.blocks[0].tile for group in groups] == [0, 1, 2, 3]


def test_macs_per_weight_serves_large_images_first_and_in_order_the_first():
    tile = TileConfig(rows=64, cols=64)
    machine = ClusterConfig(harts=1, tight_tiles_per_hart=1, tile=tile)
    late, early = conv(64, 64, 2, 1, "small image"), conv(64, 60, 16, 1, "large image")
    network = Network(name="net", layers=(late, early))
    by_macs = allocate(network, machine, "tight")
    in_order = allocate(network, machine, "tight", "in_order")
    assert [held is not None for held in by_macs.groups] == [False, True]
    assert [held is not None for held in in_order.groups] == [True, False]
    assert by_macs.mac_coverage > in_order.mac_coverage


def test_a_layer_that_does_not_fit_is_skipped_for_a_smaller_one():
    tile = TileConfig(rows=64, cols=64)
    machine = ClusterConfig(harts=1, tight_tiles_per_hart=0, loose_tiles=1, tile=tile)
    network = Network(name="net", layers=(conv(200, 64, 16, 1), conv(64, 64, 4, 1)))
    result = allocate(network, machine, "loose", "in_order")
    assert [held is not None for held in result.groups] == [False, True]
    assert result.used_tiles == 1


def test_grouped_and_depthwise_convolutions_stay_digital():
    machine = ClusterConfig(harts=2, tight_tiles_per_hart=2)
    depthwise = dataclasses.replace(conv(op=LayerOp.DWCONV))
    result = allocate(Network(name="net", layers=(conv(groups=4), depthwise)), machine, "tight")
    assert result.groups == (None, None)
    assert result.coverage == 0.0


def test_a_machine_without_tiles_runs_everything_digitally():
    machine = ClusterConfig(harts=2, tight_tiles_per_hart=0)
    result = allocate(Network(name="net", layers=(conv(),)), machine, "tight")
    assert (result.groups, result.used_tiles) == ((None,), 0)
    with pytest.raises(MappingError, match="^the machine has no tight tiles$"):
        empty_pools(machine, Body.TIGHT)


def test_reprogrammed_loose_groups_keep_as_many_tiles_busy_as_there_are_harts():
    tile = TileConfig(rows=32, cols=64)
    machine = ClusterConfig(harts=4, tight_tiles_per_hart=0, loose_tiles=6, tile=tile)
    groups = reprogrammed_groups(conv(in_c=64, out_c=100), machine, Body.LOOSE)
    assert [group.blocks[0].tile for group in groups] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (conv(groups=2), r"layer conv \(conv of 2 groups\) can't be on tiles"),
        (conv(op=LayerOp.DWCONV), r"layer conv \(dwconv\) can't be on tiles"),
    ],
)
def test_what_is_not_one_dense_matrix_is_refused(layer, message):
    with pytest.raises(MappingError, match=f"^{message}$"):
        single_layer_groups(layer, ClusterConfig(), Body.TIGHT)


@pytest.mark.parametrize("cols", [0, 6, 260])
def test_group_columns_must_fit_the_tile(cols):
    with pytest.raises(MappingError, match="group_cols must be a multiple of 4 up to 256"):
        single_layer_groups(conv(), ClusterConfig(), Body.TIGHT, group_cols=cols)
