"""Copies of hot layers: where they go, who uses them, and how many there are."""

import dataclasses

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping import allocate, plan_layer, single_layer_groups
from tightrope.sim.mapping.replicas import copies_of
from tightrope.sim.workload.layers import Layer, LayerOp, Network


def conv(name, size, in_c, out_c):
    return Layer(
        name=name, op=LayerOp.CONV, source_op="Conv", in_shape=(size, size, in_c),
        out_shape=(size, size, out_c),
    )  # fmt: skip


def tiles_of(group):
    return {block.tile for block in group.blocks}


def test_copies_are_on_tiles_of_their_own_and_one_for_each_hart_at_most():
    config = ClusterConfig(harts=4, loose_tiles=8)
    groups = single_layer_groups(conv("a", 8, 300, 200), config, Body.LOOSE)
    assert copies_of(groups) == 4
    used = [tile for group in groups for tile in tiles_of(group)]
    assert len(used) == len(set(used)) == 8


def test_layers_with_fewer_pixels_than_harts_have_narrow_groups_instead():
    config = ClusterConfig(harts=4, loose_tiles=8)
    groups = single_layer_groups(conv("a", 1, 300, 200), config, Body.LOOSE)
    assert copies_of(groups) == 1 and len(groups) == 4


def test_what_room_is_left_goes_to_the_layer_with_most_work():
    tile = TileConfig(rows=64, cols=64)
    config = ClusterConfig(harts=4, loose_tiles=4, tile=tile)
    network = Network(name="two", layers=(conv("hot", 16, 64, 64), conv("cold", 4, 64, 64)))
    found = allocate(network, config, "loose")
    assert [copies_of(groups) for groups in found.groups] == [3, 1]
    assert found.used_tiles == 4 and found.coverage == 1.0
    # Nowhere to go: one each.
    two = allocate(network, dataclasses.replace(config, loose_tiles=2), "loose")
    assert [copies_of(groups) for groups in two.groups] == [1, 1]


def test_harts_take_copies_in_turn():
    config = ClusterConfig(harts=4, loose_tiles=2)
    layer = conv("a", 8, 64, 64)
    groups = single_layer_groups(layer, config, Body.LOOSE)
    assert copies_of(groups) == 2
    plan = plan_layer(layer, config, Body.LOOSE, Balance.STATIC, groups=groups)
    assert [(c.pixel_begin, c.pixel_end, c.begin, c.end) for c in plan.chunks] == [
        (0, 16, 0, 1), (16, 32, 1, 2), (32, 48, 0, 1), (48, 64, 1, 2)
    ]  # fmt: skip


def test_stages_of_a_pipeline_have_tiles_of_their_own_and_no_copies():
    config = ClusterConfig(harts=4, loose_tiles=4)
    network = Network(name="three", layers=tuple(conv(name, 8, 32, 32) for name in "abc"))
    found = allocate(network, config, "loose", stages=(0, 0, 1))
    tiles = [set().union(*map(tiles_of, groups)) for groups in found.groups]
    assert tiles[0] == tiles[1] and tiles[0].isdisjoint(tiles[2])
    assert [copies_of(groups) for groups in found.groups] == [1, 1, 1]
