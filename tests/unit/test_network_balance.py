"""Stages of pipelines and shares by speed: against every other way to deal."""

import dataclasses
import itertools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.plan import Chunk
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.predict import chunk_cycles
from tightrope.sim.network import weighted
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.pipeline import single_hart_plan, stages_of
from tightrope.sim.network.weighted import weighted_plan
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


def steal_plan(machine):
    return plan_layer(LAYER, machine, Body.DOT4, Balance.STEAL)


def deal(monkeypatch, times):
    """The plan if chunk i takes hart h times[i][h] cycles, and the cycles at which harts end."""
    machine = ClusterConfig(harts=len(times[0]))
    plan = steal_plan(machine)
    chunks = tuple(
        Chunk(pixel_begin=pixel, pixel_end=pixel + 1, begin=0, end=4) for pixel in range(len(times))
    )
    monkeypatch.setattr(weighted, "chunk_cycles", lambda *_: times)
    whole = weighted_plan(
        LAYER, dataclasses.replace(plan, chunks=chunks), machine, load_calibration()
    )
    assert whole.balance is Balance.STATIC
    assert sorted(map(chunks.index, whole.chunks)) == list(range(len(times)))
    ends = [
        sum(times[chunks.index(chunk)][hart] for chunk in whole.chunks[slice(*edges)])
        for hart, edges in enumerate(itertools.pairwise(whole.hart_first))
    ]
    return whole, ends


@pytest.mark.parametrize("seed", range(20))
def test_shares_end_within_a_third_of_the_best_there_is(monkeypatch, seed):
    rng = np.random.default_rng(seed)
    harts, count = int(rng.integers(1, 4)), int(rng.integers(1, 8))
    times = [[int(cycles)] * harts for cycles in rng.integers(1, 100, count)]
    _, ends = deal(monkeypatch, times)
    best = min(
        max(sum(times[i][0] for i in range(count) if owners[i] == hart) for hart in range(harts))
        for owners in itertools.product(range(harts), repeat=count)
    )
    assert max(ends) <= best * (4 / 3 - 1 / (3 * harts)) + 1e-9, f"seed {seed}"


def test_a_slow_hart_gets_less(monkeypatch):
    plan, ends = deal(monkeypatch, [[10, 10, 30]] * 7)
    assert [b - a for a, b in itertools.pairwise(plan.hart_first)] == [3, 3, 1]
    assert max(ends) == 30


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
