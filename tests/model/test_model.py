import dataclasses
import json

import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig, TileConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.calibrate.cases import fit_cases
from tightrope.sim.calibrate.held_out import held_out_cases
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.calibrate.stream_cases import stream_machine
from tightrope.sim.energy.energy import energy_of
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.model.calibration import load_calibration, save_calibration
from tightrope.sim.model.errors import ModelError
from tightrope.sim.model.features import chunk_works
from tightrope.sim.model.predict import TERMS, predict_layer
from tightrope.sim.model.stream_timeline import (
    AWAKE_CYCLES,
    LOAD_CYCLES,
    first_wait,
    stream_wait,
)
from tightrope.sim.model.work import Band, Pipeline, total
from tightrope.sim.workload.layers import LayerOp

CALIBRATION = load_calibration()
MACHINE = ClusterConfig(harts=8, tight_tiles_per_hart=1, loose_tiles=8)
WAYS = [
    (Body.DOT4, None), (Body.TIGHT, TightSplit.REPLICATE), (Body.TIGHT, TightSplit.CHANNELS),
    (Body.LOOSE, None),
]  # fmt: skip


def predict(layer, machine=MACHINE, **how):
    case = Case(layer=layer, machine=machine, **how)
    return predict_layer(layer, plan_case(case), machine, CALIBRATION)


@pytest.mark.parametrize(
    ("body", "split", "balance"),
    [
        (body, split, balance)
        for body, split in WAYS
        for balance in Balance
        # Weights that another hart holds can't be stolen.
        if split is not TightSplit.CHANNELS or balance is Balance.STATIC
    ],
)
def test_terms_add_up_to_the_cycles(body, split, balance):
    found = predict(conv_layer(14, 64, 96, 3, 1, 1), body=body, split=split, balance=balance)
    assert set(found.terms) == set(TERMS)
    assert sum(found.terms.values()) == pytest.approx(found.model_cycles, rel=1e-6)
    assert all(value >= 0 for value in found.terms.values())


def test_digital_work_shrinks_with_harts_but_not_to_less_than_its_share():
    layer = conv_layer(28, 64, 64)
    cycles = {
        harts: predict(layer, ClusterConfig(harts=harts), body=Body.DOT4).model_cycles
        for harts in (1, 2, 4, 8)
    }
    for harts in (2, 4, 8):
        assert cycles[1] / harts * 0.95 < cycles[harts] < cycles[harts // 2]


def test_slower_memory_costs_cycles():
    layer = conv_layer(8, 128, 64, 3, 1, 1)
    slow = ClusterConfig(harts=8, memory=MemoryConfig(latency_cycles=40))
    fast = ClusterConfig(harts=8)
    fast_cycles = predict(layer, fast).model_cycles
    assert predict(layer, slow).model_cycles > 1.3 * fast_cycles


def test_a_slow_tile_is_waited_for():
    layer = conv_layer(8, 32, 16)
    slow = ClusterConfig(harts=2, tile=TileConfig(mvm_latency_cycles=5000))
    found = predict(layer, slow, body=Body.TIGHT)
    assert found.terms["tile_wait"] > 0.5 * found.model_cycles
    assert found.model_cycles > 32 * 5000


@pytest.mark.parametrize(("body", "split"), WAYS[1:])
def test_tile_counters_follow_exactly_from_the_plan(body, split):
    layer = conv_layer(6, 300, 80)
    found = predict(layer, body=body, split=split)
    tiles = found.counters.tiles
    # All inputs of each pixel reach some tile for each group of channels, in two blocks of rows.
    cells = sum(tile[TileStatusReg.CELLS_USED] for tile in tiles)
    assert cells * 64 == pytest.approx(36 * 300 * 80)


def test_a_hart_without_a_tile_slows_down_static_shares_more_than_stealing():
    layer = conv_layer(28, 128, 128)
    mixed = dataclasses.replace(MACHINE, tight_harts=7)
    cycles = {
        (machine.tiled_harts, balance): predict(
            layer, machine, body=Body.TIGHT, balance=balance
        ).model_cycles
        for machine in (MACHINE, mixed)
        for balance in Balance
    }
    assert cycles[7, Balance.STATIC] > 1.5 * cycles[8, Balance.STATIC]
    assert cycles[7, Balance.STEAL] < 0.8 * cycles[7, Balance.STATIC]
    found = predict(layer, mixed, body=Body.TIGHT, balance=Balance.STATIC)
    mvms = [tile[TileStatusReg.MVMS] for tile in found.counters.tiles[:8]]
    assert mvms == [pytest.approx(layer.pixels / 8, rel=0.05)] * 7 + [0]


@pytest.mark.parametrize("body", [Body.TIGHT, Body.LOOSE])
def test_tiles_that_requantise_have_loops_of_their_own(body):
    machine = ClusterConfig(harts=2, loose_tiles=2, tile=TileConfig(post_lanes=4))
    for layer, kind in (
        (conv_layer(8, 64, 128), "post_even"), (conv_layer(8, 36, 20), "post_runs"),
        (conv_layer(8, 16, 20, 3, 1, 1), "post_patches"),
    ):  # fmt: skip
        groups = single_layer_groups(layer, machine, body)
        plan = plan_layer(layer, machine, body, Balance.STATIC, groups=groups)
        works = chunk_works(layer, plan, machine)
        loops = total([work.loops for work in works])
        pixels = {name: loops[name] for name in ("post_even", "post_runs", "post_patches")}
        assert pixels == dict.fromkeys(pixels, 0) | {kind: 64}
        assert not {"finish", "dequeue", "mvm", "pixel"} & set(loops)
        outputs = 64 * loops["store64"] + 4 * loops["store4"] + loops["post_byte"]
        assert outputs == 64 * layer.out_shape[2]


def test_constants_are_loaded_once_for_each_hart_or_tile():
    layer = conv_layer(16, 64, 64)
    machine = ClusterConfig(harts=2, loose_tiles=2, tile=TileConfig(post_lanes=4))
    for body, balance, columns in (
        (Body.TIGHT, Balance.STATIC, 2 * 64), (Body.TIGHT, Balance.STEAL, 2 * 64),
        (Body.LOOSE, Balance.STATIC, 2 * 64), (Body.LOOSE, Balance.STEAL, 2 * 64),
    ):  # fmt: skip
        groups = single_layer_groups(layer, machine, body)
        plan = plan_layer(layer, machine, body, balance, groups=groups)
        works = chunk_works(layer, plan, machine)
        assert total([work.loops for work in works])["constants"] == pytest.approx(columns)


def test_a_calibration_without_a_loop_says_so():
    found = predict(conv_layer(8, 64, 64), ClusterConfig(tile=TileConfig(post_lanes=4)),
                    body=Body.TIGHT)  # fmt: skip
    unseen = "post_even" not in CALIBRATION.kernels["conv_tight"]["seen"]
    assert (found.uncalibrated_cycles == found.model_cycles) == unseen


def test_elementwise_work_is_uncalibrated_and_says_so():
    layer = dataclasses.replace(
        conv_layer(8, 32, 32, op=LayerOp.CLIP), op=LayerOp.ELEMENTWISE, source_op="Sigmoid"
    )
    plan = plan_layer(conv_layer(8, 32, 32, op=LayerOp.CLIP), MACHINE, Body.DOT4, Balance.STATIC)
    found = predict_layer(layer, plan, MACHINE, CALIBRATION)
    assert found.uncalibrated_cycles == found.model_cycles > 0


def test_a_kernel_without_calibration_is_refused():
    with pytest.raises(ModelError, match=r"no calibrated kernel 'conv_scalar'"):
        predict(conv_layer(4, 8, 8), body=Body.SCALAR)


def test_groups_cost_as_often_as_there_are_groups():
    one = conv_layer(8, 16, 16, 3, 1, 1)
    many = dataclasses.replace(one, in_shape=(8, 8, 64), out_shape=(8, 8, 64), groups=4)
    plan = plan_layer(many, MACHINE, Body.DOT4, Balance.STATIC)
    found = predict_layer(many, plan, MACHINE, CALIBRATION)
    assert found.model_cycles > 3.5 * predict(one).model_cycles


def test_predicted_counters_give_an_energy():
    found = predict(conv_layer(8, 64, 64), body=Body.TIGHT)
    spent = energy_of(found.counters, MACHINE, load_profile("gf22"))
    assert spent.total_pj > 0 and spent.tiles_pj > 0
    asleep = found.counters.harts[0][HartCounter.SLEEP_CYCLES]
    assert 0 <= asleep <= found.model_cycles


def test_dot4_steps_are_counted_exactly():
    layer = conv_layer(8, 116, 64)
    plan = plan_layer(layer, ClusterConfig(harts=1), Body.DOT4, Balance.STATIC)
    (work,) = chunk_works(layer, plan, ClusterConfig(harts=1))
    # 64 pixels by 64 channels in blocks of 4 by 4, each of 29 = 3 * 8 + 1 * 4 + 1 words.
    assert work.loops["four"] == 16 * 16
    assert work.loops["four_eight"] == 16 * 16 * 3
    assert work.loops["four_unrolled"] == work.loops["four_word"] == 16 * 16
    assert work.loops["one"] == 0


def test_depthwise_loops_are_counted_exactly():
    layer = conv_layer(14, 40, 40, 3, 1, 1, LayerOp.DWCONV)
    plan = plan_layer(layer, ClusterConfig(harts=1), Body.DOT4, Balance.STATIC)
    (work,) = chunk_works(layer, plan, ClusterConfig(harts=1))
    loops = work.loops
    # 32 and 8 channels, of 14 rows in one strip of 14 pixels: 4 blocks of 4, the last overlaps.
    assert loops["channel_block"] == loops["strip"] == 2
    assert loops["row"] == 2 * 14
    assert loops["quad"] == 10 * 14
    assert loops["block_3x3_by_1"] == loops["block"] == 10 * 14 * 4
    assert loops["window_row"] == 2 * 16
    assert loops["copy_pixel"] == 2 * 14 * 14
    assert loops["copy_word"] == 10 * 14 * 14
    assert loops["fill_pixel"] == 2 * (16 * 16 - 14 * 14)
    assert loops["pack"] == 10 * (9 + 8)


def test_weights_beyond_the_cache_pass_a_panel_in_two_turns():
    def loops(out_c, size=8):
        layer = conv_layer(size, 64, out_c)
        plan = plan_layer(layer, ClusterConfig(harts=1), Body.DOT4, Balance.STATIC)
        (work,) = chunk_works(layer, plan, ClusterConfig(harts=1))
        return work.loops

    # 64 pixels of 16 words, in panels of 2 KiB, and 4 KiB of weights at the most.
    assert loops(64)["copy_word"] == loops(128, size=2)["copy_word"] == 0
    assert loops(68)["copy_word"] == 64 * 16
    assert loops(68)["skipped_block"] == loops(68)["block"] == 2 * 17
def streamed(layer, machine, balance=Balance.STATIC):
    return plan_case(Case(layer=layer, machine=machine, body=Body.STREAM, balance=balance))


def test_bands_and_jobs_of_streamed_layers_are_counted_exactly():
    machine, layer = stream_machine(1), conv_layer(20, 64, 128)
    (work,) = chunk_works(layer, streamed(layer, machine), machine)
    # 400 pixels in bands of 34.
    assert work.loops["band"] == work.loops["job"] == work.loops["store"] == 12
    assert work.loops["constants"] == 0
    assert work.loops["sum"] == 0
    raw = stream_machine(1, tile=TileConfig())
    works = chunk_works(layer, streamed(layer, raw), raw)
    assert sum(work.loops["sum"] for work in works) == 400 * 32
    assert sum(work.loops["store"] for work in works) == 0


@pytest.mark.parametrize(("bytes_per_cycle", "bound"), [(32, "tile"), (4, "memory")])
def test_tiles_or_memory_bound_a_streamed_layer(bytes_per_cycle, bound):
    memory = MemoryConfig(bytes_per_cycle=bytes_per_cycle)
    machine, layer = stream_machine(1, memory=memory), conv_layer(28, 256, 256)
    (work,) = chunk_works(layer, streamed(layer, machine), machine)
    tile, moved = 784 * 65, 784 * 512 / bytes_per_cycle
    assert work.pipeline.tile == pytest.approx(tile, rel=0.1)
    assert work.pipeline.engine == pytest.approx(moved, rel=0.1)
    asleep = stream_wait(work.pipeline, 0.0, 0.0, 1)
    assert asleep == pytest.approx(tile if bound == "tile" else moved, rel=0.1)


def test_loads_that_begin_together_take_turns():
    small, large = (Band(load=load, tile=0.0, store=0.0, after=0.0) for load in (1000.0, 3000.0))
    loads = (1000.0, 3000.0, 3000.0)
    assert first_wait([small], loads) == 3 * 1000 - LOAD_CYCLES
    assert first_wait([large], loads) == sum(loads) - LOAD_CYCLES
    # The second block is asked for before the hart waits for the first.
    assert first_wait([large, large], loads) == sum(loads) - 2 * LOAD_CYCLES
    assert first_wait([large], ()) == 3000 - LOAD_CYCLES


def test_a_hart_that_adds_up_loads_the_next_band_meanwhile():
    bands = (Band(load=5000.0, tile=0.0, store=0.0, after=1000.0),) * 3
    pipeline = Pipeline(groups=(bands,), sums=True)
    finish = 1000 - AWAKE_CYCLES
    assert stream_wait(pipeline, 3 * 10_000.0, 0.0, 1) == first_wait(bands, ()) + 3 * finish
    # With nothing to add up the DMA engine never pauses.
    assert stream_wait(pipeline, 0.0, 0.0, 1) == 3 * 5000 - 2 * LOAD_CYCLES + finish


def test_a_streamed_layer_is_refused_until_it_is_calibrated():
    machine, layer = stream_machine(2), conv_layer(8, 64, 64)
    kernels = {name: k for name, k in CALIBRATION.kernels.items() if name != "conv_stream"}
    bare = dataclasses.replace(CALIBRATION, kernels=kernels)
    with pytest.raises(ModelError, match="has no calibrated kernel 'conv_stream'"):
        predict_layer(layer, streamed(layer, machine), machine, bare)


def test_copies_of_groups_share_the_mvms():
    machine, layer = stream_machine(4), conv_layer(9, 64, 64)
    costs = {name: 1.0 for name in ("layer", "hart", "chunk", "group", "tile", "band", "job",
                                    "store", "constants")}  # fmt: skip
    kernel = {"compute": costs, "seen": costs}
    calibration = dataclasses.replace(CALIBRATION, kernels={"conv_stream": kernel})
    found = predict_layer(layer, streamed(layer, machine), machine, calibration)
    mvms = [tile[TileStatusReg.MVMS] for tile in found.counters.tiles]
    assert sum(mvms) == 81 and max(mvms) == 21
    assert found.model_cycles > 21 * 65
    assert sum(found.terms.values()) == pytest.approx(found.model_cycles)


def test_held_out_layers_are_not_in_the_fit():
    fitted = {case.layer.name for case in fit_cases()}
    cases = held_out_cases()
    assert len(cases) >= 40
    assert not [case.name for case in cases if case.layer.name in fitted]


def test_a_good_part_of_the_held_out_cases_runs_on_machines_that_the_fit_never_saw():
    fitted = {case.machine.hash for case in fit_cases()}
    cases = held_out_cases()
    new = [case for case in cases if case.machine.hash not in fitted]
    assert len(cases) // 4 < len(new) < len(cases)
    assert {case.machine.harts for case in new} == {2, 3, 5, 6}


def test_the_stored_calibration_belongs_to_the_machines_that_are_measured():
    hashes = {case.machine.hash for case in fit_cases()}
    assert set(CALIBRATION.machine_hashes) == hashes


def test_a_calibration_survives_being_stored(tmp_path):
    path = tmp_path / "calibration.json"
    save_calibration(CALIBRATION, path)
    assert load_calibration(path) == CALIBRATION
    assert [item.name for item in tmp_path.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[1]", "not a calibration of version"),
        ('{"version": 99}', "not a calibration of version"),
        ('{"version": 2}', "no table of kernels"),
        ('{"version": 2, "kernels": {"a": {"compute": {"x": "1"}}}}', "must be a number"),
        ('{"version": 2, "kernels": {"a": {"compute": {"x": NaN}}}}', "must be a number"),
        ('{"version": 2, "kernels": {}, "memory": 3}', "must be a table"),
        ('{"version": 2, "kernels": {}, "memory": {}, "tile": {}, "residuals": [1]}', "residuals"),
        ('{"version": 2, "kernels": {}, "memory": {}, "tile": {}, "ranges": {"a": 1}}', "ranges"),
    ],
)
def test_a_bad_calibration_is_refused_with_its_name(tmp_path, content, message):
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(ModelError, match=message) as error:
        load_calibration(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_calibration_is_refused_with_its_name(tmp_path):
    with pytest.raises(ModelError, match="can't be read"):
        load_calibration(tmp_path / "none.json")


def test_the_file_is_json_with_its_errors_beside_the_costs():
    from tightrope.sim.model.calibration import DEFAULT_FILE

    data = json.loads(DEFAULT_FILE.read_text())
    assert data["held_out"]["cases"] >= 40
    assert data["fit"]["mean_abs_error"] > 0
