import math

import pytest
from tightrope.sim.explore.rows import Row
from tightrope.sim.explore.verdicts import TOO_CLOSE, judge, margin_error
from tightrope.sim.explore.words import count, gain, percent


def row(coupling, cycles, *, tiles=4, balance="static", unknown=0.0, harts=2):
    return Row(
        key=f"{coupling}{cycles}",
        network="net",
        harts=harts,
        coupling=coupling,
        tiles=tiles,
        tiles_used=tiles,
        balance=balance,
        split="",
        policy="macs_per_weight",
        profile="stub",
        asked_coverage=1.0,
        coverage=0.5,
        mac_coverage=0.6,
        model_cycles=cycles,
        model_energy_pj=cycles,
        speedup=1000 / cycles,
        energy_gain=1000 / cycles,
        uncalibrated_ratio=unknown,
        machine_hash="",
        terms={"compute": cycles * 0.7, "bus_wait": cycles * 0.3},
        energy={"harts": cycles},
    )


DIGITAL = row("none", 1000.0, tiles=0)


def test_clear_winner_is_named_with_its_margin():
    (verdict,) = judge([DIGITAL, row("tight", 100.0), row("loose", 131.0)], 0.02)
    assert verdict.coupling == "tight"
    assert verdict.margin == pytest.approx(0.31)
    assert verdict.words() == "tight wins by 31 %, model error 3.3 %"
    assert verdict.bound_by == "compute"


def test_margin_within_the_model_error_is_too_close_to_call():
    (verdict,) = judge([DIGITAL, row("tight", 104.0), row("loose", 100.0)], 0.05)
    assert verdict.coupling == TOO_CLOSE
    assert verdict.best.coupling == "loose"
    assert verdict.words().startswith("too close to call: loose by 4.0 %")


def test_best_balance_of_each_coupling_counts():
    rows = [
        DIGITAL,
        row("tight", 120.0),
        row("tight", 90.0, balance="steal"),
        row("loose", 100.0),
    ]
    (verdict,) = judge(rows, 0.01)
    assert (verdict.coupling, verdict.best.balance) == ("tight", "steal")
    assert verdict.margin == pytest.approx(100 / 90 - 1)


def test_errors_of_two_predictions_add_as_independent_ones():
    fast, slow = row("tight", 100.0), row("loose", 100.0)
    assert margin_error(fast, slow, 0.03) == pytest.approx(0.03 * math.sqrt(2))


def test_equal_uncalibrated_work_on_both_sides_adds_no_error():
    fast, slow = row("tight", 100.0, unknown=0.5), row("loose", 125.0, unknown=0.4)
    assert margin_error(fast, slow, 0.1) == pytest.approx(math.hypot(0.05, 0.075))


def test_uncalibrated_work_on_one_side_counts_in_full():
    fast, slow = row("tight", 100.0), row("loose", 150.0, unknown=0.4)
    verdict = judge([DIGITAL, fast, slow], 0.0)[0]
    assert verdict.model_error == pytest.approx(0.6)
    assert verdict.coupling == TOO_CLOSE


def test_lone_coupling_is_compared_with_digital():
    (verdict,) = judge([DIGITAL, row("loose", 500.0)], 0.05)
    assert verdict.coupling == "loose" and verdict.is_only
    assert verdict.margin == pytest.approx(1.0)
    assert "only loose was possible: 100 % faster than digital" in verdict.words()
    (verdict,) = judge([DIGITAL, row("loose", 2000.0)], 0.05)
    assert verdict.margin == pytest.approx(-0.5)
    assert "slower than digital" in verdict.words()


def test_each_number_of_harts_and_tiles_has_a_verdict():
    rows = [DIGITAL, row("none", 900.0, tiles=0, harts=4)]
    rows += [
        row(coupling, 100.0, tiles=tiles, harts=harts)
        for harts in (2, 4)
        for tiles in (4, 8)
        for coupling in ("tight", "loose")
    ]
    found = [(verdict.best.harts, verdict.best.tiles) for verdict in judge(rows, 0.01)]
    assert found == [(2, 4), (2, 8), (4, 4), (4, 8)]


def test_winner_that_is_slower_than_digital_says_so():
    (verdict,) = judge([DIGITAL, row("tight", 1100.0), row("loose", 2000.0)], 0.01)
    assert verdict.words().startswith("tight wins by 82 %")
    assert verdict.words().endswith("digital is faster still")


def test_gain_is_never_called_less_where_it_is_more():
    assert gain(2.0) == "2.00x less energy" and gain(0.5) == "2.00x the energy"
    assert count(1, "hart") == "1 hart" and count(2, "hart") == "2 harts"


def test_percent_keeps_a_decimal_below_ten():
    assert [percent(value) for value in (0.0312, 0.0996, 0.31, 2.5)] == [
        "3.1 %",
        "10 %",
        "31 %",
        "250 %",
    ]
