"""What of its code a hart fetches, and what a layer finds of it in the instruction cache."""

import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.hw.regs import HartCounter
from tightrope.sim.calibrate.layers import conv_layer, machine
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.model.calibration import load_calibration
from tightrope.sim.model.cost import Cost
from tightrope.sim.model.features import chunk_works, first_uses
from tightrope.sim.model.held_code import HeldCode, with_held_code
from tightrope.sim.model.predict import predict_layer
from tightrope.sim.model.sequence import predict_sequence
from tightrope.sim.workload.layers import LayerOp

CALIBRATION = load_calibration()
MACHINE = machine(4)


def work_of(*layers):
    return [(layer, plan_case(Case(layer=layer, machine=MACHINE)), MACHINE) for layer in layers]


def fills_of(found):
    return sum(hart[HartCounter.ICACHE_FILLS] for hart in found.counters.harts)


def test_code_is_fetched_once_however_often_it_runs():
    few, many = (conv_layer(size, 16, 16, 3, 1, 1) for size in (6, 30))
    uses = []
    for layer in (few, many):
        plan = plan_case(Case(layer=layer, machine=MACHINE))
        uses.append(first_uses(chunk_works(layer, plan, MACHINE)))
    assert uses[0] == uses[1] and set(uses[0].values()) == {1.0}


def test_a_path_that_no_pixel_takes_is_not_fetched():
    inside, padded = (conv_layer(8, 16, 16, 3, 1, pad) for pad in (0, 1))
    names = []
    for layer in (inside, padded):
        case = Case(layer=layer, machine=MACHINE, body=Body.TIGHT)
        names.append(set(first_uses(chunk_works(layer, plan_case(case), MACHINE))))
    assert "first_fill" in names[1] - names[0]


def test_a_second_layer_of_a_kernel_fetches_less_and_is_as_fast_otherwise():
    layer = conv_layer(8, 16, 24, 3, 1, 1)
    ((alone,), (first, second)) = (
        predict_sequence(work_of(*[layer] * count), CALIBRATION) for count in (1, 2)
    )
    assert first.model_cycles == alone.model_cycles
    assert fills_of(second) < 0.8 * fills_of(first)
    assert second.model_cycles < first.model_cycles
    data = [sum(h[HartCounter.DCACHE_FILLS] for h in one.counters.harts) for one in (first, second)]
    assert data[0] == pytest.approx(data[1])


def test_another_kernel_leaves_less_of_the_code():
    conv = conv_layer(8, 16, 24, 3, 1, 1)
    depthwise = conv_layer(8, 24, 24, 3, 1, 1, op=LayerOp.DWCONV)
    pool = conv_layer(8, 24, 24, 2, 2, 0, op=LayerOp.MAXPOOL)
    between = predict_sequence(work_of(pool, conv), CALIBRATION)[1]
    again = predict_sequence(work_of(conv, pool, conv), CALIBRATION)[2]
    beside = predict_sequence(work_of(conv, depthwise, conv), CALIBRATION)[2]
    alone = predict_sequence(work_of(conv), CALIBRATION)[0]
    assert again.model_cycles < between.model_cycles < alone.model_cycles
    assert beside.model_cycles == again.model_cycles


def test_code_for_tiles_and_that_of_other_kernels_drive_each_other_out():
    conv = conv_layer(8, 24, 24, 3, 1, 1)
    depthwise = conv_layer(8, 24, 24, 3, 1, 1, op=LayerOp.DWCONV)
    plan = plan_case(Case(layer=conv, machine=MACHINE, body=Body.TIGHT))
    tiled, (beside,) = (conv, plan, MACHINE), work_of(depthwise)
    first, again, _, last = predict_sequence([tiled, tiled, beside, tiled], CALIBRATION)
    assert again.model_cycles < last.model_cycles < first.model_cycles


def test_held_code_takes_no_more_than_there_is():
    costs = [Cost(compute=100.0, icache_fills=3.0), Cost(compute=50.0, icache_fills=1.0)]
    assert with_held_code(costs, HeldCode.NOTHING) == costs
    left = with_held_code(costs, HeldCode.RUNTIME)
    assert sum(cost.icache_fills for cost in left) == 0
    assert [cost.compute for cost in left] == [70.0, 40.0]
    nothing = [cost._replace(icache_fills=0.0) for cost in costs]
    assert with_held_code(nothing, HeldCode.KERNEL) == nothing


def test_harts_that_load_constants_together_wait_for_the_bus():
    layer = conv_layer(6, 64, 64)
    tile = dataclasses.replace(ClusterConfig().tile, post_lanes=4)
    waits = {}
    for harts in (4, 8):
        one = machine(harts, tile=tile)
        case = Case(layer=layer, machine=one, body=Body.LOOSE)
        found = predict_layer(layer, plan_case(case), one, CALIBRATION)
        waits[harts] = found.terms["bus_wait"]
    assert waits[8] > 2 * waits[4]


def test_plans_without_tiles_have_no_bursts():
    layer = conv_layer(6, 64, 64)
    plan = plan_layer(layer, MACHINE, Body.DOT4, Balance.STATIC)
    assert all(work.bursts == 0 for work in chunk_works(layer, plan, MACHINE))


@pytest.mark.parametrize(
    ("in_c", "kernel", "path"),
    [(64, 1, "post_even"), (20, 1, "post_runs"), (16, 3, "post_patches")],
)
def test_a_group_that_requantises_fetches_code_as_it_queues_pixels(in_c, kernel, path):
    tile = dataclasses.replace(ClusterConfig().tile, post_lanes=4)
    one, layer = machine(1, tile=tile), conv_layer(6, in_c, 64, kernel=kernel)
    case = Case(layer=layer, machine=one, body=Body.TIGHT)
    works = chunk_works(layer, plan_case(case), one)
    assert all(work.code == {f"code_{path}": work.loops["post_group"]} for work in works)


def test_loose_tiles_fetch_again_what_tight_ones_do():
    loose, tight = (CALIBRATION.kernels[name]["icache_fills"] for name in
                    ("conv_loose", "conv_tight"))  # fmt: skip
    for name in ("code_post_even", "code_post_runs", "code_post_patches"):
        assert loose[name] == tight[name] > 0
