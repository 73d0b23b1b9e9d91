import dataclasses
import json
import subprocess

import numpy as np
import pytest
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.bench import main, simulator, streams, sweep, tiles
from tightrope.sim.bench.kernels import SIZE, rows_of_kernels
from tightrope.sim.bench.model import model_rows
from tightrope.sim.bench.rows import Row
from tightrope.sim.calibrate.layers import conv_layer, machine
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.image.layout import Body
from tightrope.sim.model import calibration
from typer.testing import CliRunner

GOOD = Row(name="fast", value=1.2, unit="MAC/cycle/hart", bar=1.0, limit=4.0)
BAD = Row(name="slow", value=0.9, unit="MAC/cycle/hart", bar=1.0)
FIELDS = {"name", "value", "unit", "bar", "limit", "holds"}


def measurement(body, harts, channels, cycles, mismatches=0):
    layer = conv_layer(SIZE, channels, channels)
    return measured(Case(layer=layer, machine=machine(harts), body=body), cycles, mismatches)


def measured(case, cycles, mismatches=0):
    return Measurement(
        case=case,
        plan=None,
        rtl_cycles=cycles,
        program_cycles=0,
        hart_counters=None,
        tile_counters=None,
        machine_counters=None,
        mismatches=mismatches,
        problem="output 3 is 7, not 8" if mismatches else "",
    )


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(rows, *arguments):
        monkeypatch.setattr(main, "model_rows", lambda: list(rows))
        monkeypatch.setattr(main, "sweep_rows", lambda: [])
        monkeypatch.setattr(main, "kernel_rows", lambda **_: [])
        monkeypatch.setattr(main, "tile_rows", lambda **_: [])
        monkeypatch.setattr(main, "stream_rows", lambda **_: [])
        monkeypatch.setattr(simulator, "measure_cycles_per_s", speeds)
        monkeypatch.chdir(tmp_path)
        return CliRunner().invoke(main.app, list(arguments))

    return run


def speeds(config, *, stock, on_message):
    return {"bare": 100.0, "ours": 90.0} | ({"stock": 10.0} if stock else {})


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({"value": 1.0, "bar": 1.0}, True),
        ({"value": 0.99, "bar": 1.0}, False),
        ({"value": 0.08, "bar": 0.08, "lower_is_better": True}, True),
        ({"value": 0.09, "bar": 0.08, "lower_is_better": True}, False),
        ({"value": None, "bar": 1.0}, False),
        ({"value": None}, True),
    ],
)
def test_a_row_holds_unless_it_misses_its_bar(fields, holds):
    assert Row(name="x", unit="y", **fields).holds is holds


def test_all_bars_held_ends_with_0_and_writes_every_field(run, tmp_path):
    result = run([GOOD])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert all(set(row) >= FIELDS for row in rows)
    named = {row["name"]: row for row in rows}
    assert named["cosim ours / stock"]["value"] == 9 and named["cosim ours / stock"]["holds"]
    assert named["cosim ours / bare"]["value"] == 0.9 and named["cosim ours / bare"]["bar"] == 0.8


def test_a_missed_bar_ends_with_1_names_it_and_still_writes(run, tmp_path):
    result = run([GOOD, BAD], "--json", "other/b.json")
    assert result.exit_code == 1
    assert "slow: 0.9 MAC/cycle/hart is below the bar of 1" in result.output
    assert [row["holds"] for row in json.loads((tmp_path / "other/b.json").read_text())][:2] == [
        True,
        False,
    ]


def test_quick_leaves_out_the_stock_runner(run, tmp_path):
    assert run([GOOD], "--quick").exit_code == 0
    assert "stock" not in (tmp_path / "build" / "bench.json").read_text()


def test_kernel_rates_are_per_hart_and_tiles_are_compared_with_dot4():
    macs = conv_layer(SIZE, 128, 128).macs
    found = [
        measurement(Body.DOT4, 1, 128, macs // 2),
        measurement(Body.TIGHT, 8, 128, macs // 40),
        measurement(Body.DOT4, 8, 128, macs // 4),
    ]
    rows = {row.name: row for row in rows_of_kernels(found)}
    assert rows["DOT4 pointwise, 128 channels, 1 hart"].holds
    on_eight = rows["DOT4 pointwise, 128 channels, 8 harts"]
    assert on_eight.value == pytest.approx(0.5) and not on_eight.holds
    assert rows["tight / DOT4, 128 channels, 8 harts"].value == pytest.approx(10, rel=1e-3)


def test_a_fast_kernel_with_wrong_outputs_does_not_hold():
    (row,) = rows_of_kernels([measurement(Body.DOT4, 1, 64, 1, mismatches=1)])
    assert row.value is None and not row.holds and "output 3 is 7, not 8" in row.note


def test_without_a_calibration_the_rows_say_so(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration, "DEFAULT_FILE", tmp_path / "none.json")
    point, *cold, mean, worst = model_rows()
    assert len(cold) == 4 and not any(row.holds for row in cold)
    assert all(row.value is None and "none.json" in row.note for row in cold)
    assert point.value is None and point.note.startswith("not measured: ") and point.holds
    assert not mean.holds and not worst.holds and "none.json" in mean.note


def test_two_workers_are_compared_with_one_once_both_have_begun(monkeypatch):
    runs = {1: sweep._Run(100, 50.0, 3.0), 2: sweep._Run(100, 85.0, 4.0)}
    monkeypatch.setattr(sweep, "_sweep", runs.get)
    one, ratio = sweep.sweep_rows()
    assert one.value == 50.0 and ratio.value == pytest.approx(1.7) and not ratio.holds
    assert "3.0 s and 4.0 s" in ratio.note


def test_a_sweep_that_fails_is_no_throughput(monkeypatch):
    def fail(workers):
        raise subprocess.CalledProcessError(2, "sweep")

    monkeypatch.setattr(sweep, "_sweep", fail)
    (ratio,) = sweep.sweep_rows()
    assert ratio.value is None and not ratio.holds and "status 2" in ratio.note


def test_cycles_of_an_mvm_must_stay_below_their_bar():
    (case,) = tiles.mvm_cases()
    pixels = case.layer.pixels
    assert case.layer.patch == case.layer.out_shape[2] == 256
    for per_mvm, holds in ((299, True), (301, False)):
        (row,) = tiles.mvm_rows([measured(case, per_mvm * pixels)])
        assert row.value == per_mvm and row.holds is holds and row.limit == 224


def test_scaling_is_that_of_eight_harts_and_nothing_if_one_of_both_is_wrong():
    one, eight = tiles.scaling_cases()
    assert (one.machine.harts, eight.machine.harts) == (1, 8)
    (row,) = tiles.scaling_rows([measured(one, 750), measured(eight, 100)])
    assert row.value == 7.5 and row.holds
    (row,) = tiles.scaling_rows([measured(one, 750, mismatches=2), measured(eight, 100)])
    assert row.value is None and not row.holds


def test_stealing_is_compared_with_static_shares_on_the_same_harts():
    static, steal = tiles.mixed_cases()
    assert static.machine == steal.machine and static.machine.tiled_harts == 7
    (row,) = tiles.mixed_rows([measured(static, 320), measured(steal, 200)])
    assert row.value == 1.6 and row.holds


def test_a_stream_is_judged_by_its_bottleneck():
    found = []
    for case, period in zip(streams.stream_cases(), (65, 65, 128), strict=True):
        tiles_ = np.zeros((4, len(TileStatusReg)), np.int64)
        tiles_[1, TileStatusReg.MVMS] = 100
        tiles_[1, [TileStatusReg.STREAM_BYTES_IN, TileStatusReg.STREAM_BYTES_OUT]] = 25600
        tiles_[1, TileStatusReg.STREAM_BUSY_CYCLES] = 100 * period / 0.96
        found.append(dataclasses.replace(measured(case, 9999), tile_counters=tiles_))
    rows = list(streams.stream_row_list(found))
    assert all(row.holds and row.value == pytest.approx(0.96, abs=1e-3) for row in rows)
    found[0].tile_counters[1, TileStatusReg.STREAM_BUSY_CYCLES] = 7000
    assert not next(streams.stream_row_list(found)).holds
