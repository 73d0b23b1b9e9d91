"""Stages of pipelines against every other way to cut, and shares by speed."""

import dataclasses
import itertools

import hypothesis
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.predict import chunk_cycles, predict_layer
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.pipeline import run_cycles, single_hart_plan, stages_of
from tightrope.sim.workload.layers import Layer, LayerOp, Network

LAYER = Layer(
    name="conv", op=LayerOp.CONV, source_op="Conv", in_shape=(12, 12, 16), out_shape=(12, 12, 32)
)
UNEVEN = ClusterConfig(harts=4, tight_tiles_per_hart=1, tight_harts=2)


def longest_stage(cycles, harts):
    return max(
        sum(c for c, owner in zip(cycles, harts, strict=True) if owner == hart)
        for hart in set(harts)
    )


def shortest_of_all(cycles, harts):
    """Every way to cut a list into up to ``harts`` pieces."""
    count = len(cycles)
    return min(
        max(sum(cycles[a:b]) for a, b in itertools.pairwise((0, *cuts, count)))
        for pieces in range(1, min(harts, count) + 1)
        for cuts in itertools.combinations(range(1, count), pieces - 1)
    )


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
    cycles=st.lists(st.integers(0, 50), min_size=1, max_size=9), harts=st.integers(1, 8)
)
def test_longest_stage_is_as_short_as_can_be(cycles, harts):
    found = stages_of(cycles, harts)
    assert len(found) == len(cycles) and max(found) < harts
    # Consecutive layers, and no hart left out before the last that has some.
    assert list(found) == sorted(found) and set(found) == set(range(max(found) + 1))
    assert longest_stage(cycles, found) == shortest_of_all(cycles, harts)


def test_a_stage_belongs_to_one_hart():
    plan = single_hart_plan(LAYER, UNEVEN, 3, None, ())
    assert plan.hart_first == (0, 0, 0, 0, len(plan.chunks))


def test_harts_without_tiles_get_less_of_a_layer_on_tiles():
    layer = dataclasses.replace(LAYER, in_shape=(12, 12, 64), kernel=(3, 3), pads=(1, 1, 1, 1))
    network = Network(name="one", layers=(layer,))
    calibration = load_calibration()
    mapping = map_network(
        network, UNEVEN, coupling="tight", balancing=Balancing.WEIGHTED, calibration=calibration
    )
    (plan,) = mapping.plans
    times = chunk_cycles(layer, plan, UNEVEN, calibration)
    ends = [
        sum(times[i][hart] for i in range(*edges))
        for hart, edges in enumerate(itertools.pairwise(plan.hart_first))
    ]
    equal = sum(times[i][3] for i in range(len(times))) / UNEVEN.harts
    assert max(ends) < equal


def mapped(machine, balancing, coupling="loose", layer=LAYER):
    network = Network(name="one", layers=(layer,))
    calibration = load_calibration()
    mapping = map_network(
        network, machine, coupling=coupling, balancing=balancing, calibration=calibration
    )
    (plan,) = mapping.plans
    return plan, predict_layer(layer, plan, machine, calibration).model_cycles


@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("balancing", [Balancing.WEIGHTED, Balancing.STEAL])
def test_harts_that_would_wait_for_a_tile_compute_digitally(tiles, balancing):
    machine = ClusterConfig(harts=8, loose_tiles=tiles)
    layer = dataclasses.replace(
        LAYER, in_shape=(16, 16, 64), out_shape=(16, 16, 64), kernel=(3, 3), pads=(1, 1, 1, 1)
    )
    plan, cycles = mapped(machine, balancing, layer=layer)
    bodies = [plan.body_of(chunk) for chunk in plan.chunks]
    assert Body.LOOSE in bodies and Body.DOT4 in bodies
    assert cycles < min(
        mapped(machine, Balancing.STATIC, way, layer)[1] for way in ("loose", "none")
    )


def test_where_all_harts_are_alike_shares_are_equal():
    machine = ClusterConfig(harts=4, loose_tiles=4)
    assert mapped(machine, Balancing.WEIGHTED)[0] == mapped(machine, Balancing.STATIC)[0]


def test_inputs_follow_each_other_without_stages():
    assert run_cycles([5.0, 3.0, 2.0], (), 4) == 40.0


@pytest.mark.parametrize(("inputs", "cycles"), [(1, 7 + 2 + 4), (2, 7 + 7 + 4 + 4), (5, 5 * 7 + 8)])
def test_each_beat_of_a_pipeline_takes_as_long_as_its_longest_stage(inputs, cycles):
    assert run_cycles([5.0, 2.0, 2.0, 4.0], (0, 0, 1, 2), inputs) == cycles


def test_pipeline_is_never_slower_than_its_layers_one_after_the_other():
    layers, harts = [3.0, 1.0, 8.0, 2.0, 2.0], (0, 0, 1, 2, 2)
    for inputs in range(1, 9):
        found = run_cycles(layers, harts, inputs)
        assert inputs * max(4, 8, 4) < found <= inputs * sum(layers)
