"""Scaling, rounding and conversion against exact rational arithmetic."""

import fractions
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from tightrope.sim import golden
from tightrope.sim.golden.matrix import exact_matmul

INT32 = st.integers(-(2**31), 2**31 - 1)


def round_half_even(value):
    return round(fractions.Fraction(value))


@hypothesis.given(INT32, st.integers(0, 2**26 - 1).map(lambda n: 64 * n), st.integers(32, 62))
def test_requantise_rounds_the_exact_product_half_to_even(acc, multiplier, shift):
    expected = round_half_even(fractions.Fraction(acc * multiplier, 2**shift))
    assert int(golden.requantise(np.int32(acc), multiplier, shift)) == expected


# Multipliers 2**log2 and accumulators (2 * whole + 1) * 2**lift, which end in a half.
LIFTS = st.integers(0, 20).flatmap(lambda n: st.tuples(st.just(n), st.integers(31 - n, 31)))


@hypothesis.given(st.integers(-(2**10), 2**10 - 1), LIFTS)
@hypothesis.example(-(2**10), (20, 31))
@hypothesis.example(2**10 - 1, (20, 11))
def test_requantise_rounds_ties_to_even(whole, lift_and_log2):
    lift, log2 = lift_and_log2
    acc = (2 * whole + 1) * 2**lift
    got = int(golden.requantise(np.int32(acc), 2**log2, 1 + log2 + lift))
    assert got % 2 == 0
    assert abs(2 * got - (2 * whole + 1)) == 1


@pytest.mark.parametrize(
    ("multiplier", "shift", "message"),
    [
        (2**32, 32, r"a multiplier must be 0 to 2\*\*32 - 1, not 4294967296"),
        (2**20 + 1, 32, "a multiplier must be a multiple of 64"),
        (64, 31, "a shift must be 32 to 62, not 31 to 31"),
        (64, 63, "a shift must be 32 to 62, not 63 to 63"),
    ],
)
def test_requantise_refuses_what_the_image_cannot_hold(multiplier, shift, message):
    with pytest.raises(golden.GoldenError, match=f"^{message}$"):
        golden.requantise(np.int32(1), multiplier, shift)


@pytest.mark.parametrize("exponent", range(1, 32))
def test_multiplier_of_a_power_of_two_is_exact(exponent):
    multiplier, shift = golden.quantise_multiplier(2.0**-exponent)
    assert fractions.Fraction(multiplier, 2**shift) == fractions.Fraction(1, 2**exponent)


@hypothesis.given(st.floats(2.0**-31, 1.0, exclude_max=True))
def test_multiplier_is_normalised_and_the_nearest(scale):
    multiplier, shift = golden.quantise_multiplier(scale)
    assert 2**31 <= multiplier < 2**32
    assert multiplier % 64 == 0
    assert 32 <= shift <= 62
    error = abs(fractions.Fraction(multiplier, 2**shift) - fractions.Fraction(scale))
    assert error <= fractions.Fraction(scale) / 2**26


def test_multiplier_that_rounds_up_to_a_power_of_two_carries_into_the_shift():
    assert golden.quantise_multiplier(0.5 - 2.0**-40) == (2**31, 32)
    assert golden.quantise_multiplier(1.0 - 2.0**-40) == golden.IDENTITY


@pytest.mark.parametrize(("below", "even"), [(2**25, 2**25), (2**25 + 1, 2**25 + 2)])
def test_multiplier_halfway_between_two_becomes_the_even_one(below, even):
    assert golden.quantise_multiplier((below + 0.5) / 2**26) == (64 * even, 32)


@hypothesis.given(INT32)
@hypothesis.example(-(2**31))
@hypothesis.example(2**31 - 1)
@hypothesis.example(2**25)
def test_a_scale_of_one_returns_every_accumulator_that_no_clamp_would_change(acc):
    assert golden.quantise_multiplier(1.0) == golden.IDENTITY
    got = int(golden.requantise(np.int32(acc), *golden.IDENTITY))
    assert max(-255, min(got, 255)) == max(-255, min(acc, 255))
    assert abs(acc) >= 2**25 or got == acc


@pytest.mark.parametrize("acc", [-(2**31), 2**31 - 1, 0])
def test_a_tiny_scale_turns_everything_into_zero(acc):
    multiplier, shift = golden.quantise_multiplier(2.0**-32)
    assert int(golden.requantise(np.int32(acc), multiplier, shift)) == 0
    assert round_half_even(fractions.Fraction(acc, 2**32)) == 0


@pytest.mark.parametrize("scale", [1.0000001, 2.0, -0.5, math.nan, math.inf])
def test_multiplier_refuses_scales_above_one(scale):
    with pytest.raises(golden.GoldenError, match="a scale must be 0 to 1"):
        golden.quantise_multiplier(scale)


def test_multiplier_refuses_scales_too_small_to_normalise():
    with pytest.raises(golden.GoldenError, match=r"a scale must be 2\*\*-31 or more"):
        golden.quantise_multiplier(2.0**-31.5)


@hypothesis.given(st.floats(2.0**-12, 2.0**12), st.floats(2.0**-12, 2.0**12))
def test_add_multipliers_use_the_bits_there_are(ratio_a, ratio_b):
    (first, second), shift = golden.quantise_add(ratio_a, ratio_b, 1.0)
    assert max(first, second) < 2**21
    assert shift == 30 or 2 * max(ratio_a, ratio_b) * 2**shift >= 2**21 - 1
    assert abs(first - ratio_a * 2**shift) <= 0.5
    assert abs(second - ratio_b * 2**shift) <= 0.5


def test_add_refuses_what_does_not_fit():
    with pytest.raises(golden.GoldenError, match=r"an ADD must scale by less than 2\*\*21"):
        golden.quantise_add(2.0**21, 1.0, 1.0)
    with pytest.raises(golden.GoldenError, match="the scales of an ADD must be positive"):
        golden.quantise_add(1.0, 0.0, 1.0)


@hypothesis.given(st.integers(-(2**23), 2**23), st.integers(4, 16), st.integers(0, 31))
def test_adc_rounds_half_away_and_saturates(total, adc_bits, shift):
    exact = fractions.Fraction(abs(total), 2**shift) + fractions.Fraction(1, 2)
    rounded = math.floor(exact) * (1 if total >= 0 else -1)
    expected = max(-(2 ** (adc_bits - 1)), min(2 ** (adc_bits - 1) - 1, rounded))
    assert int(golden.adc(np.int64(total), adc_bits, shift)) == expected


def test_an_ideal_adc_ignores_the_shift():
    assert int(golden.adc(np.int64(-12345), 32, 7)) == -12345


def test_four_bit_weights_are_clipped_when_programmed():
    weights = np.array([[-128, -9, -8, 7, 8, 127]], np.int8)
    assert golden.clip_weights(weights, 4).tolist() == [[-8, -8, -8, 7, 7, 7]]
    assert golden.clip_weights(weights, 8) is weights


@pytest.mark.parametrize("k", [1, 1024, 1025, 5000])
def test_matmul_is_exact_at_the_extremes(k):
    low = np.full((2, k), -128, np.int8)
    assert (exact_matmul(low, low.T) == k * 2**14).all()
    mixed = np.where(np.arange(k) % 2, np.int8(-128), np.int8(127))[None]
    expected = int((mixed.astype(np.int64) * -128).sum())
    assert (exact_matmul(mixed, low.T) == expected).all()


def test_tile_mvm_takes_one_input_or_many():
    rng = np.random.default_rng(5)
    weights = rng.integers(-128, 128, (17, 8), dtype=np.int8)
    many = rng.integers(-128, 128, (3, 17), dtype=np.int8)
    together = golden.tile_mvm(weights, many, 8, 9)
    assert together.dtype == np.int32
    assert together.shape == (3, 8)
    for one, result in zip(many, together, strict=True):
        assert (golden.tile_mvm(weights, one, 8, 9) == result).all()
