import dataclasses
import math

import numpy as np
import pytest
from tightrope.hw.config import ClusterConfig, MemoryConfig
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.calibrate.residuals import Residual, residuals_of, shared_ratio
from tightrope.sim.calibrate.run import CaseError, Validation
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.model.interval import Residuals, combined_interval, interval_of
from tightrope.sim.model.predict import load_calibration, predict_layer

SEED = 11
CALIBRATION = load_calibration()


def predict(layer, machine, calibration=CALIBRATION):
    plan = plan_layer(layer, machine, Body.DOT4, Balance.STATIC)
    return predict_layer(layer, plan, machine, calibration)


def test_a_prediction_lies_in_its_interval():
    found = predict(conv_layer(8, 64, 64), ClusterConfig(harts=4))
    low, high = found.interval
    assert 0.5 * found.model_cycles < low < found.model_cycles < high < 1.5 * found.model_cycles
    assert not found.extrapolated


def test_what_was_never_measured_is_named():
    memory = MemoryConfig(latency_cycles=200)
    found = predict(conv_layer(8, 64, 4096), ClusterConfig(harts=1, memory=memory))
    assert any(text.startswith("memory latency_cycles 200 (3 .. 40") for text in found.extrapolated)
    assert any(text.startswith("output channels 4096 (") for text in found.extrapolated)
    assert len(found.extrapolated) == 2


def test_without_residuals_anything_is_possible():
    bare = dataclasses.replace(CALIBRATION, residuals={})
    assert predict(conv_layer(8, 64, 64), ClusterConfig(harts=1), bare).interval == (0.0, math.inf)


def test_longer_layers_have_residuals_of_their_own():
    short = Residuals(up_to_cycles=100.0, cases=9, low=-0.2, high=0.3)
    long = Residuals(up_to_cycles=1e18, cases=9, low=-0.1, high=0.1)
    assert interval_of((short, long), 100.0) == pytest.approx((81.873, 134.986), rel=1e-4)
    assert interval_of((short, long), 1000.0) == pytest.approx((904.837, 1105.171), rel=1e-4)


@pytest.mark.parametrize(("shared", "width"), [(0.0, math.sqrt(4) * 10), (1.0, 4 * 10)])
def test_independent_errors_add_as_squares_and_shared_ones_as_they_are(shared, width):
    parts = [(100.0, (90.0, 110.0))] * 4
    assert combined_interval(parts, shared) == pytest.approx((400 - width, 400 + width))


def test_nine_in_ten_new_cases_lie_between_the_residuals_of_others():
    rng = np.random.default_rng(SEED)
    ratios = rng.normal(0.02, 0.05, 4000)
    seen = [
        Residual(family="k", machine="m", model_cycles=1e6, log_ratio=float(value))
        for value in ratios[:400]
    ]
    (found,) = residuals_of(seen)["k"]
    inside = np.mean((ratios[400:] >= found.low) & (ratios[400:] <= found.high))
    assert found.cases == 400 and 0.86 < inside < 0.94, f"seed {SEED}"


def test_few_residuals_of_a_length_are_joined_with_those_of_longer_layers():
    few = [Residual(family="k", machine="m", model_cycles=float(c), log_ratio=0.01 * i)
           for i, c in enumerate([100] * 5 + [1e6] * 40)]  # fmt: skip
    assert [residuals.cases for residuals in residuals_of(few)["k"]] == [45]


@pytest.mark.parametrize(("common", "low", "high"), [(0.0, 0.0, 0.1), (0.2, 0.8, 1.0)])
def test_the_shared_part_is_what_cases_of_a_machine_have_in_common(common, low, high):
    rng = np.random.default_rng(SEED)
    found = [
        Residual(family="k", machine=str(machine), model_cycles=1.0,
                 log_ratio=float(bias + rng.normal(0, 0.03)))
        for machine, bias in enumerate(rng.normal(0, common, 12))
        for _ in range(20)
    ]  # fmt: skip
    assert low <= shared_ratio(found) <= high, f"seed {SEED}"


def test_a_validation_says_how_many_truths_lie_inside():
    cases = tuple(
        CaseError(
            name="c", kernel="k", rtl_cycles=truth, model_cycles=100.0, interval=(90.0, 105.0)
        )
        for truth in (89, 90, 100, 105)
    )
    found = Validation(cases=cases, mismatches=0)
    assert found.inside_interval == 0.75
    assert found.to_dict()["inside_interval"] == 0.75
