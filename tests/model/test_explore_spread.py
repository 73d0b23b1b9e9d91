"""Intervals of sums, as explorations make them."""

import math

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig
from tightrope.sim.explore.kernels import parse_kernel
from tightrope.sim.explore.plans import plan_for
from tightrope.sim.explore.predictor import Cost, load_predictor, total_of
from tightrope.sim.explore.spread import Spread, sum_of
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.model.interval import combined_interval
from tightrope.sim.model.predict import load_calibration, predict_layer


@pytest.mark.parametrize("shared_ratio", [0.0, 0.35, 1.0])
def test_sums_are_those_of_the_model(shared_ratio):
    rng = np.random.default_rng(5)
    parts = [(c, (c * rng.uniform(0.7, 1), c * rng.uniform(1, 1.4))) for c in (100, 1e4, 3e4)]
    total = sum(cycles for cycles, _ in parts)
    ours = sum_of(Spread.of(*part) for part in parts).around(total, shared_ratio)
    assert ours == pytest.approx(combined_interval(parts, shared_ratio))


def test_interval_that_leaves_the_prediction_out_is_widened_to_it():
    assert Spread.of(100.0, (103.0, 107.0)).around(100.0, 0.5) == pytest.approx((100, 107))
    assert Spread.of(100.0, (60.0, 99.0)).around(100.0, 0.5) == pytest.approx((60, 100))


def test_totals_add_everything_up():
    known = Cost(model_cycles=100.0, spread=Spread.of(100.0, (90.0, 120.0)))
    odd = Cost(
        model_cycles=50.0, uncalibrated_cycles=50.0, extrapolated_cycles=50.0,
        extrapolated=frozenset({"harts 9 (1 .. 8)"}),
    )  # fmt: skip
    total = total_of([known, odd])
    assert total.interval(0.3) == pytest.approx((140.0, 170.0))
    assert total.uncalibrated_ratio == total.extrapolated_ratio == pytest.approx(1 / 3)
    assert total.extrapolated == {"harts 9 (1 .. 8)"}
    assert total_of([]).interval(0.3) == (0.0, 0.0)


def cost_of(text, machine=None, profile="gf22"):
    layer, machine = parse_kernel(text), machine or ClusterConfig(harts=4)
    plan = plan_for(layer, machine, Body.DOT4, Balance.STATIC)
    found = predict_layer(layer, plan, machine, load_calibration())
    model = load_predictor(profile)
    return model.costs([(layer, plan, machine)])[0], found, model.shared_ratio


def test_cost_of_a_layer_has_the_interval_of_its_prediction():
    cost, found, shared_ratio = cost_of("conv:16x16x64:64:3x3:p1")
    assert found.interval[0] < found.model_cycles < found.interval[1] < math.inf
    assert cost.interval(shared_ratio) == pytest.approx(found.interval)
    assert cost.extrapolated_cycles == 0


def test_layer_outside_of_what_was_measured_is_named():
    cost, found, _ = cost_of("conv:8x8x16384:16:1x1")
    assert found.extrapolated and cost.extrapolated == {
        f"conv_dot4: {name}" for name in found.extrapolated
    }
    assert cost.extrapolated_ratio == 1.0
