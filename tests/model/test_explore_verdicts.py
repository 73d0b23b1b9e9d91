import dataclasses
import time

import numpy as np
import pytest
from tightrope.sim.explore.confidence import CONTENDERS, Samples, compare, draw_samples
from tightrope.sim.explore.predictor import load_predictor
from tightrope.sim.explore.rows import Row
from tightrope.sim.explore.verdicts import TOO_CLOSE, judge
from tightrope.sim.explore.words import around, count, gain, percent, sureness

RNG = np.random.default_rng(11)
COUNT = 4000
SAMPLES = Samples(
    normal=RNG.standard_normal((CONTENDERS, COUNT)),
    uncalibrated=2.0 ** RNG.uniform(-1, 1, COUNT),
    energy={"hart_active": 2.0 ** RNG.uniform(-1, 1, COUNT), "memory": np.ones(COUNT)},
)


def row(coupling, cycles, *, tiles=4, balance="static", unknown=0.0, harts=2, error=0.02, pj=None):
    """``error``: the interval of what is calibrated is from 1 / (1 + error) to 1 + error."""
    known = (1 - unknown) * cycles
    energy = pj or {"hart_active": cycles}
    return Row(
        key=f"{coupling}{cycles}",
        network="net",
        harts=harts,
        coupling=coupling,
        tiles=tiles,
        tiled_harts=harts if coupling == "tight" else 0,
        tiles_used=tiles,
        balance=balance,
        split="",
        policy="macs_per_weight",
        profile="stub",
        asked_coverage=1.0,
        coverage=0.5,
        mac_coverage=0.6,
        model_cycles=cycles,
        model_low_cycles=cycles - known + known / (1 + error),
        model_high_cycles=cycles + known * error,
        model_energy_pj=sum(energy.values()),
        speedup=1000 / cycles,
        energy_gain=1000 / cycles,
        model_area_mm2=1.0,
        uncalibrated_ratio=unknown,
        extrapolated_ratio=0.0,
        machine_hash="",
        terms={"compute": cycles * 0.7, "bus_wait": cycles * 0.3},
        energy=energy,
    )


DIGITAL = row("none", 1000.0, tiles=0)


def of(fast, slow, samples=SAMPLES):
    return compare([(fast, slow)], samples)[0]


def test_clear_winner_is_named_with_its_margin_and_confidence():
    (verdict,) = judge([DIGITAL, row("tight", 100.0), row("loose", 131.0)], SAMPLES)
    assert verdict.coupling == "tight"
    assert verdict.margin == pytest.approx(0.31)
    # Two errors of 2 % that are independent, and a ratio of 1.31.
    assert verdict.model_error == pytest.approx(1.31 * 0.02 * 2**0.5, rel=0.05)
    assert verdict.confidence == 1.0
    assert verdict.words() == "tight wins over loose by 31 % (+- 3.7 %), confidence 100 %"
    assert verdict.bound_by == "compute"


def test_below_nine_in_ten_it_is_too_close_to_call():
    # The difference of two normal errors of 5 % at 1.645 deviations each.
    wide = [DIGITAL, row("tight", 104.0, error=0.05), row("loose", 100.0, error=0.05)]
    (verdict,) = judge(wide, SAMPLES)
    assert verdict.coupling == TOO_CLOSE
    assert verdict.confidence == pytest.approx(0.82, abs=0.02)
    assert verdict.words().startswith("too close to call: loose over tight by 4.0 %")
    narrow = [DIGITAL, row("tight", 104.0, error=0.03), row("loose", 100.0, error=0.03)]
    (verdict,) = judge(narrow, SAMPLES)
    assert verdict.confidence == pytest.approx(0.94, abs=0.02)
    assert verdict.coupling == "loose"


def test_winner_has_to_beat_every_other_coupling():
    rows = [DIGITAL, row("tight", 100.0, error=0.05), row("loose", 105.0, error=0.05)]
    (two,) = judge(rows, SAMPLES)
    (three,) = judge([*rows, row("stream", 105.0, error=0.05)], SAMPLES)
    # Two rivals as good as each other: more often one of them is ahead, but less than twice.
    assert two.best.coupling == three.best.coupling == "tight"
    lost = 1 - two.confidence, 1 - three.confidence
    assert 1.3 * lost[0] < lost[1] < 2 * lost[0]
    assert three.margin == two.margin and three.model_error == two.model_error
    (far,) = judge([*rows, row("stream", 900.0)], SAMPLES)
    assert (far.confidence, far.energy_confidence) == (two.confidence, two.energy_confidence)


def test_thriftiest_of_three_needs_less_energy_than_each():
    fast = row("stream", 100.0, error=0.0, pj={"memory": 100.0})
    rows = [DIGITAL, fast, row("loose", 120.0, error=0.0, pj={"memory": 120.0})]
    thrifty = row("tight", 130.0, error=0.0, pj={"memory": 90.0})
    assert judge(rows, SAMPLES)[0].energy_confidence == 1.0
    (verdict,) = judge([*rows, thrifty], SAMPLES)
    assert (verdict.runner_up.coupling, verdict.confidence) == ("loose", 1.0)
    assert verdict.energy_confidence == 0.0


def test_what_would_win_without_streaming_is_judged_too():
    rows = [DIGITAL, row("tight", 100.0), row("loose", 131.0)]
    (alone,) = judge(rows, SAMPLES)
    (verdict,) = judge([*rows, row("stream", 40.0)], SAMPLES)
    assert alone.unstreamed is None and alone.to_dict()["unstreamed"] is None
    assert verdict.coupling == "stream" and verdict.unstreamed == alone
    assert verdict.every_word() == [verdict.words(), f"without streaming: {alone.words()}"]
    assert verdict.to_dict()["unstreamed"]["words"] == alone.words()
    (only,) = judge([DIGITAL, row("stream", 40.0)], SAMPLES)
    assert only.is_only and only.unstreamed is None


def test_best_balance_of_each_coupling_counts():
    rows = [
        DIGITAL,
        row("tight", 120.0),
        row("tight", 90.0, balance="steal"),
        row("loose", 100.0),
    ]
    (verdict,) = judge(rows, SAMPLES)
    assert (verdict.coupling, verdict.best.balance) == ("tight", "steal")
    assert verdict.margin == pytest.approx(100 / 90 - 1)


def test_equal_points_are_a_toss_up():
    assert of(row("tight", 100.0), row("loose", 100.0)).confidence == pytest.approx(0.5, abs=0.03)
    certain = row("tight", 100.0, error=0.0), row("loose", 100.0, error=0.0)
    assert of(*certain).confidence == of(*certain).energy_confidence == 0.5


def test_nine_in_ten_samples_lie_inside_a_lopsided_interval():
    fast, slow = row("tight", 100.0, error=0.0), row("loose", 100.0)
    slow = dataclasses.replace(slow, model_low_cycles=99.0, model_high_cycles=130.0)
    assert of(fast, slow).margin_error == pytest.approx((1.30 - 0.99) / 2, rel=0.05)
    assert of(fast, slow).confidence == pytest.approx(0.5, abs=0.03)


def test_equal_uncalibrated_work_on_both_sides_changes_nothing():
    fast = row("tight", 100.0, unknown=0.5, error=0.0)
    slow = row("loose", 101.0, unknown=50 / 101, error=0.0)
    assert of(fast, slow).confidence == 1.0


def test_uncalibrated_work_on_one_side_is_halved_and_doubled():
    fast, slow = row("tight", 100.0, error=0.0), row("loose", 110.0, unknown=0.2, error=0.0)
    # 88 + 22 f > 100 where f > 12 / 22, for a factor f whose logarithm is uniform.
    expected = (1 - np.log2(12 / 22)) / 2
    assert of(fast, slow).confidence == pytest.approx(expected, abs=0.02)
    assert of(row("tight", 100.0), row("loose", 150.0, unknown=0.4)).confidence == 1.0


def test_point_without_any_calibrated_cycle_can_be_compared():
    found = of(row("tight", 100.0, unknown=1.0), row("loose", 300.0, error=0.0))
    assert found.confidence == 1.0 and np.isfinite(found.margin_error)


def test_assumed_energies_are_swept_for_both_alike():
    fast = row("tight", 100.0, error=0.0, pj={"hart_active": 100.0})
    assert of(fast, row("loose", 110.0, error=0.0, pj={"hart_active": 101.0})).confidence == 1.0
    same_kind = row("loose", 100.0, error=0.0, pj={"hart_active": 101.0})
    assert of(fast, same_kind).energy_confidence == 1.0
    published = row("loose", 100.0, error=0.0, pj={"memory": 120.0})
    expected = (1 + np.log2(1.2)) / 2
    assert of(fast, published).energy_confidence == pytest.approx(expected, abs=0.02)


def test_energy_per_cycle_follows_the_cycles_and_events_do_not():
    def share(name):
        rows = (row("tight", 100.0, error=0.1, pj={name: 100.0}),
                row("loose", 100.0, error=0.1, pj={name: 101.0}))  # fmt: skip
        return of(*rows).energy_confidence

    assert share("memory") == 1.0
    assert 0.4 < share("hart_active") < 0.7


def test_verdicts_do_not_depend_on_their_company():
    pair = row("tight", 100.0, error=0.05), row("loose", 103.0, error=0.05)
    other = row("tight", 10.0, pj={"memory": 1.0}), row("loose", 30.0, pj={"hart_active": 4.0})
    assert compare([pair, other], SAMPLES)[0] == of(*pair)
    assert compare([other, pair], SAMPLES)[1] == of(*pair)
    assert compare([], SAMPLES) == []


def test_samples_of_the_calibrated_model_are_the_same_each_time():
    model = load_predictor("gf22")
    one, two = draw_samples(model), draw_samples(model)
    assert one.normal.shape == (CONTENDERS, 1000) and np.array_equal(one.normal, two.normal)
    assert 0.5 <= one.uncalibrated.min() < one.uncalibrated.max() <= 2
    assert set(one.energy) == set(two.energy) >= {"hart_active", "static", "mvm_cells"}
    assert all(np.array_equal(one.energy[name], two.energy[name]) for name in one.energy)
    assert any(np.ptp(factor) > 0 for factor in one.energy.values())


def test_many_verdicts_take_no_time():
    pairs = [(row("tight", 100.0 + n), row("loose", 110.0)) for n in range(200)]
    began = time.process_time()
    compare(pairs, SAMPLES)
    assert time.process_time() - began < 0.5


def test_lone_coupling_is_compared_with_digital():
    (verdict,) = judge([DIGITAL, row("loose", 500.0)], SAMPLES)
    assert verdict.coupling == "loose" and verdict.is_only
    assert verdict.margin == pytest.approx(1.0)
    assert verdict.words().startswith("only loose was possible: 100 % (+- ")
    assert verdict.words().endswith(") faster than digital, confidence 100 %")
    (verdict,) = judge([DIGITAL, row("loose", 2000.0)], SAMPLES)
    assert verdict.margin == pytest.approx(-0.5) and verdict.confidence == 0.0
    assert verdict.words().startswith("only loose was possible: 50 % (+- 1.")
    assert verdict.words().endswith(") slower than digital, confidence 100 %")
    (verdict,) = judge([DIGITAL, row("loose", 1005.0)], SAMPLES)
    assert verdict.coupling == TOO_CLOSE and "too close to digital to call" in verdict.words()


def test_each_number_of_harts_and_tiles_has_a_verdict():
    rows = [DIGITAL, row("none", 900.0, tiles=0, harts=4)]
    rows += [
        row(coupling, 100.0, tiles=tiles, harts=harts)
        for harts in (2, 4)
        for tiles in (4, 8)
        for coupling in ("tight", "loose")
    ]
    found = [(verdict.best.harts, verdict.best.tiles) for verdict in judge(rows, SAMPLES)]
    assert found == [(2, 4), (2, 8), (4, 4), (4, 8)]


def test_winner_that_is_slower_than_digital_says_so():
    (verdict,) = judge([DIGITAL, row("tight", 1100.0), row("loose", 2000.0)], SAMPLES)
    assert verdict.words().startswith("tight wins over loose by 82 %")
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


def test_intervals_are_shown_beside_what_they_are_of():
    assert around(1000.4, 960, 1050) == "1,000 (-4.0 .. +5.0 %)"
    assert [sureness(share) for share in (0.5, 0.8999, 0.9, 0.29, 0.9999, 1.0)] == [
        "50 %", "89 %", "90 %", "29 %", "99 %", "100 %",
    ]  # fmt: skip
