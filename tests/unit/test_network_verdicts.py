"""What rows of whole networks say: gains, their limits, bounds and bars."""

import dataclasses

import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.network.mapping import Balancing
from tightrope.sim.network.points import Way, grid
from tightrope.sim.network.report import headline
from tightrope.sim.network.rows import NetworkRow, latency_cycles, terms_of
from tightrope.sim.network.tables import COLUMNS, row_cells
from tightrope.sim.network.verdicts import base_words, bound, gaining, speedups, stealing
from tightrope.sim.network.whole import judge

WORKING = {"work": 0.95, "memory": 0.02, "tile_wait": 0.01, "asleep": 0.02}


def row(way=Way.LOOSE, balancing="static", cycles=1000, **fields):
    given = {
        "key": f"{way} {balancing} {cycles}",
        "network": "net",
        "harts": 8,
        "asked_coverage": 0.0 if way is Way.DIGITAL else 0.4,
        "coverage": 0.39,
        "mac_coverage": 0.5,
        "tiles_used": 3,
        "run_key": "r",
        "macs": 8000,
        "inputs": 1,
        "latency_cycles": cycles,
        "program_cycles": 10,
        "planned_bytes": 512,
        "touched_bytes": 448,
        "memory_bytes": 4096,
        "mismatches": 0,
        "problem": "",
        "busiest_tile_ratio": 0.1,
        "terms": WORKING,
        "seconds": 1.0,
    }
    return NetworkRow(
        way=way.value, balancing=balancing, rtl_cycles=cycles, cycles_per_input=cycles,
        **given | fields,
    )  # fmt: skip


def asleep(part):
    return {"work": 1 - part, "memory": 0.0, "tile_wait": 0.0, "asleep": part}


def held(verdicts):
    return [verdict.holds for verdict in verdicts]


def test_pairs_differ_in_balancing_alone():
    rows = [
        row(), row(balancing="steal", cycles=500), row(Way.TIGHT, balancing="steal"),
        row(balancing="weighted"), row(asked_coverage=0.6),
    ]  # fmt: skip
    (pair,) = stealing(rows)
    assert pair.gain == 2.0 and pair.partial
    assert gaining([pair]) == ["net"]


def test_coverage_that_is_whole_or_none_counts_not_as_partial():
    for coverage in (0.1, 0.7, 1.0):
        rows = [
            row(coverage=coverage),
            row(coverage=coverage, balancing="steal", cycles=500),
        ]
        assert gaining(stealing(rows)) == []


def test_gain_is_limited_by_how_long_harts_sleep():
    rows = [row(terms=asleep(0.2)), row(balancing="steal", cycles=900)]
    (pair,) = stealing(rows)
    assert pair.limit == pytest.approx(1.25)
    assert "asleep for 20 %, so at most 1.25x" in pair.why
    uneven = [dataclasses.replace(one, way=Way.UNEVEN.value) for one in rows]
    assert "asleep" not in stealing(uneven)[0].why
    rows[0] = row(terms=asleep(0.5))
    assert stealing(rows)[0].why.endswith("bound by arithmetic (95 % of the harts' time)")


def test_what_small_chunks_cost_is_said():
    rows = [row(terms=asleep(0.1)), row(balancing="steal", cycles=1250, terms=asleep(0.1))]
    (pair,) = stealing(rows)
    assert pair.work_ratio == pytest.approx(1.25)
    assert pair.why.startswith("its chunks cost 1.25x the work; equal shares leave")
    assert "work" not in stealing([row(), row(balancing="steal", cycles=900)])[0].why


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"busiest_tile_ratio": 0.85}, "a tile that computes for 85 %"),
        ({"terms": asleep(0.5)}, "harts that sleep"),
        ({"terms": WORKING | {"work": 0.5, "memory": 0.47}}, "memory and the bus (47 %"),
        ({"terms": WORKING | {"work": 0.5, "tile_wait": 0.46}}, "waiting for a tight tile"),
        ({}, "arithmetic (95 %"),
    ],
)
def test_bound_is_the_cause_that_costs_most(fields, said):
    assert said in bound(row(**fields))


def test_speedup_is_against_digital_code_in_equal_shares():
    rows = [
        row(Way.DIGITAL, "steal", 1500), row(Way.DIGITAL, cycles=2000), row(cycles=500),
        row(network="other"),
    ]  # fmt: skip
    assert speedups(rows) == [pytest.approx(4 / 3), 1.0, 4.0, None]
    assert speedups([rows[0], rows[2]]) == [1.0, 3.0]


def test_terms_add_up_to_all_of_the_harts_time():
    hart = dict.fromkeys(HartCounter, 0) | {
        HartCounter.DBUS_WAIT_CYCLES: 20,
        HartCounter.IBUS_WAIT_CYCLES: 10,
        HartCounter.CFU_WAIT_CYCLES: 5,
        HartCounter.SLEEP_CYCLES: 40,
    }
    idle = dict.fromkeys(HartCounter, 0) | {HartCounter.SLEEP_CYCLES: 100}
    terms = terms_of(RunCounters(harts=[hart, idle], tiles=[], memory_beats=0, cycles=100))
    assert terms == pytest.approx(
        {"memory": 0.15, "tile_wait": 0.025, "asleep": 0.7, "work": 0.125}
    )


def test_latency_of_a_pipeline_is_a_beat_for_each_stage():
    assert latency_cycles(1200, 3, ()) == 400
    # Three inputs through two stages are four beats.
    assert latency_cycles(1200, 3, (0, 0, 1)) == 600


def test_grid_has_digital_rows_once_and_machines_that_fit_the_way():
    base = ClusterConfig(harts=2)
    balancings = (Balancing.STATIC, Balancing.PIPELINE)
    points = grid(base, (Way.TIGHT, Way.STREAM), balancings, (0.0, 0.5, 1.0))
    assert len(points) == len(set(map(str, points))) == 2 * (1 + 2 * 2)
    assert [point.way for point in points].count(Way.DIGITAL) == 2
    for point in points:
        assert bool(point.machine.stream_ports) == (point.way is Way.STREAM)
        assert point.inputs == (8 if point.balancing is Balancing.PIPELINE else 1)
    few = Way.LOOSE.machine(base, 3)
    assert (few.loose_tiles, few.tight_tiles_per_hart) == (3, 0)
    assert Way.TIGHT.machine(base, 6).tight_tiles_per_hart == 3
    assert Way.FEW.machine(ClusterConfig(harts=8)).loose_tiles == 2
    assert Way.FEW.coupling == "loose" and Way.FEW.machine(ClusterConfig(harts=1)).loose_tiles == 1
    eight = Way.UNEVEN.machine(ClusterConfig(harts=8))
    assert (eight.tight_harts, eight.tight_tiles_per_hart) == (2, 4)


def test_words_say_what_speedups_are_against():
    pipes = [row(Way.DIGITAL, "pipeline", 900), row(balancing="pipeline", cycles=450)]
    assert base_words(pipes) == "the digital pipeline"
    assert headline(pipes).endswith("450 cycles per input, 2.00x as fast as the digital pipeline.")
    static = [*pipes, row(Way.DIGITAL, "static", 1200)]
    assert base_words(static) == "digital code in equal shares"
    assert headline(static).endswith("2.67x as fast as digital code in equal shares.")
    assert base_words(pipes[1:]) == "" and headline(pipes[1:]).endswith("450 cycles per input.")


def test_bars_hold_or_not():
    fast = row(Way.DIGITAL, "steal", 100, network="mobilenetv2", macs=900, seconds=599.0)
    assert held(judge([fast])) == [True, True, True]
    slow = dataclasses.replace(fast, macs=700, seconds=601.0, problem="wrong", mismatches=1)
    verdicts = judge([slow])
    assert held(verdicts) == [False, False, False] and verdicts[0].note == "wrong"


def test_stealing_must_gain_on_three_networks_and_lose_on_none():
    rows = [
        row(network=name, balancing=balancing, cycles=cycles)
        for name in "abc"
        for balancing, cycles in (("static", 1400), ("steal", 1000))
    ]
    assert held(judge(rows)) == [True, True, True]
    assert held(judge(rows[:4])) == [True, True, False]
    worse = [*rows, row(network="d"), row(network="d", balancing="steal", cycles=1030)]
    assert held(judge(worse)) == [True, False, True]


def test_worst_error_of_the_model_is_of_either_sign():
    rows = [row(model_cycles=1030.0), row(network="b", model_cycles=960.0), row(network="c")]
    held_one, bar = judge(rows)
    assert held_one.holds and bar.holds
    assert bar.value == "-4.0 %" and bar.note == "b, loose, static; 3.5 % in the mean of 2 runs"
    (_, bar) = judge([*rows, row(network="d", model_cycles=1051.0)])
    assert bar.value == "+5.1 %" and not bar.holds


def test_model_error_is_in_the_table():
    cells = dict(zip(COLUMNS, row_cells(row(model_cycles=1030.0), None), strict=True))
    assert cells["model error"] == "+3.0 %" and cells["latency"] == "1,000"
    assert row_cells(row(), None)[COLUMNS.index("model error")] == ""
