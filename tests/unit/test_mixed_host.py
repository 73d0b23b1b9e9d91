"""Harts without a tile beside harts with tiles: firmware on the host, mapping and image."""

import dataclasses

import numpy as np
import pytest
from host_cases import check, machine, random_plan
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.golden import random_geometry, random_inputs, random_quant_layer
from tightrope.sim.image.builder import build_image
from tightrope.sim.image.errors import ImageError
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.image.steps import independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import LayerOp


def mixed(config, tight_harts, **tile):
    """Some harts without tiles, whose tiles are exact unless told otherwise."""
    tile = dataclasses.replace(config.tile, **{"weight_bits": 8, "adc_bits": 32} | tile)
    return dataclasses.replace(config, harts=4, tight_harts=tight_harts, tile=tile)


def tile_mvms(results, config):
    """MVMs of each hart's tiles."""
    counters = results.tile_counters[:, : 4 * config.tight_tiles_per_hart, TileStatusReg.MVMS]
    return counters.sum(axis=0).reshape(4, -1).sum(axis=1)


@pytest.mark.parametrize("balance", Balance)
@pytest.mark.parametrize("op", [LayerOp.CONV, LayerOp.DENSE])
@pytest.mark.parametrize("tight_harts", [1, 3])
def test_harts_without_a_tile_compute_their_chunks_digitally(tight_harts, op, balance):
    for seed in range(30):
        rng = np.random.default_rng([seed, tight_harts, balance])
        config = mixed(machine(rng, tight=int(rng.integers(1, 4)), cols=64), tight_harts)
        # Some of these don't fit, and are programmed in turn.
        layer = random_geometry(op, rng, max_channels=90, max_stride=2)
        width = 4 * int(rng.integers(1, 9))
        groups = single_layer_groups(layer, config, Body.TIGHT, group_cols=width)
        plan = plan_layer(layer, config, Body.TIGHT, balance, groups=groups)
        if seed % 2:
            plan = random_plan(layer, config, Body.TIGHT, balance, groups, rng, split=plan.split)
        pitch = {"out_pitch": layer.out_shape[2] + int(rng.integers(0, 6))} if seed % 3 else {}
        results = check(config, [(random_quant_layer(layer, rng), plan)], rng, seed, **pitch)
        assert not tile_mvms(results, config)[tight_harts:].any(), f"seed {seed}"


def test_groups_in_any_order_are_computed_digitally():
    rng = np.random.default_rng(5)
    config = mixed(machine(rng, tight=1, cols=64), 1)
    layer = conv_layer(3, 8, 44)
    groups = single_layer_groups(layer, config, Body.TIGHT, group_cols=8)
    shuffled = tuple(groups[i] for i in rng.permutation(len(groups)))
    for balance in Balance:
        plan = plan_layer(layer, config, Body.TIGHT, balance, groups=shuffled)
        check(config, [(random_quant_layer(layer, rng), plan)], rng, 5)


def test_only_harts_with_tiles_hold_channels():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        config = mixed(machine(rng, tight=2), 3, weight_bits=4, adc_bits=8)
        layer = random_geometry(LayerOp.CONV, rng, max_channels=60)
        groups = single_layer_groups(layer, config, Body.TIGHT, TightSplit.CHANNELS)
        plan = plan_layer(layer, config, Body.TIGHT, Balance.STATIC, groups=groups,
                          split=TightSplit.CHANNELS)  # fmt: skip
        assert {group.hart for group in groups} <= {0, 1, 2}
        assert plan.hart_first[3] == plan.hart_first[4]
        check(config, [(random_quant_layer(layer, rng, weight_bits=4), plan)], rng, seed)


@pytest.mark.parametrize("tile", [{"weight_bits": 4}, {"adc_bits": 8}])
def test_tiles_that_are_not_exact_refuse_replicas_with_a_sentence(tile):
    rng = np.random.default_rng(0)
    config = mixed(machine(rng, tight=2), 3, **tile)
    layer = random_geometry(LayerOp.CONV, rng, max_channels=8)
    groups = single_layer_groups(layer, config, Body.TIGHT)
    with pytest.raises(MappingError, match="harts without a tile would give other outputs") as told:
        plan_layer(layer, config, Body.TIGHT, Balance.STATIC, groups=groups)
    assert "\n" not in str(told.value)
    plan = plan_layer(layer, ClusterConfig(harts=4), Body.TIGHT, Balance.STATIC, groups=groups)
    steps, inputs = independent_steps(
        [(random_quant_layer(layer, rng), plan)], [random_inputs(layer, rng)]
    )
    with pytest.raises(ImageError, match="harts without a tile can't compute"):
        build_image(config, steps, inputs)
