"""Fixed-point scaling: the requantisation that every kernel ends with, and its multipliers."""

import math

import numpy as np

from .errors import GoldenError

__all__ = [
    "IDENTITY",
    "clip_int8",
    "quantise_add",
    "quantise_multiplier",
    "quantise_multipliers",
    "requantise",
    "round_half_even_shift",
    "wrap_int32",
]

MULTIPLIER_STEP = 64
"""Multipliers are multiples of it: 26 bits that matter, and room for a shift in the same word."""

IDENTITY = (2**32 - MULTIPLIER_STEP, 32)
"""Multiplier and shift that return what an int8 can hold unchanged: x * (1 - 2**-26) rounds back to
x below 2**25 in magnitude, and stays far outside an int8 above."""

MIN_SHIFT = 32
MAX_SHIFT = 62
ADD_MAX_SHIFT = 30
ADD_MULTIPLIER_LIMIT = 1 << 21


def round_half_even_shift(value: np.ndarray, shift: np.ndarray | int) -> np.ndarray:
    """``value / 2**shift`` rounded half to even; int64 in and out, shift 0 .. 62, broadcast."""
    value = np.asarray(value, dtype=np.int64)
    shift = np.asarray(shift, dtype=np.int64)
    quotient = value >> shift
    remainder = value - (quotient << shift)
    # Twice the remainder against the divisor would overflow at shift 62: compare the other way.
    rest = (np.int64(1) << shift) - remainder
    return quotient + ((remainder > rest) | ((remainder == rest) & (quotient & 1 == 1)))


def requantise(
    acc: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int
) -> np.ndarray:
    """``round_half_even(acc * multiplier / 2**shift)``, exact.

    ``acc`` int32, ``multiplier`` uint32 (a multiple of 64) and ``shift`` 32 .. 62 broadcast; the
    result is int64. A multiplier of 0 gives 0. Raises GoldenError for a multiplier or shift that is
    not as said.
    """
    acc = np.asarray(acc, dtype=np.int64)
    multiplier = np.asarray(multiplier, dtype=np.int64)
    shift = np.asarray(shift, dtype=np.int64)
    if multiplier.size and (multiplier.min() < 0 or multiplier.max() >= 1 << 32):
        raise GoldenError(f"a multiplier must be 0 to 2**32 - 1, not {multiplier.max()}")
    if (multiplier % MULTIPLIER_STEP).any():
        raise GoldenError(f"a multiplier must be a multiple of {MULTIPLIER_STEP}")
    if shift.size and (shift.min() < MIN_SHIFT or shift.max() > MAX_SHIFT):
        raise GoldenError(
            f"a shift must be {MIN_SHIFT} to {MAX_SHIFT}, not {shift.min()} to {shift.max()}"
        )
    return round_half_even_shift(acc * multiplier, shift)


def quantise_multiplier(scale: float) -> tuple[int, int]:
    """The multiplier and shift nearest to ``scale``, 0 <= scale <= 1.

    The multiplier is 0 or has its top bit set (2**31 .. 2**32 - 64, a multiple of 64), the shift is
    32 .. 62. Powers of two are exact; 1 becomes :data:`IDENTITY`, as 2**32 / 2**32 does not fit. A
    scale of at most 2**-32 turns every int32 into 0 and becomes 0.
    Raises GoldenError for a scale that is negative, above 1, between 2**-32 and 2**-31, or not
    a number.
    """
    scale = float(scale)
    if not 0.0 <= scale <= 1.0:
        raise GoldenError(f"a scale must be 0 to 1 to be a uint32 / 2**32 or less, not {scale!r}")
    if scale <= 2.0**-32:
        return 0, MIN_SHIFT
    if scale < 2.0**-31:
        raise GoldenError(f"a scale must be 2**-31 or more (or at most 2**-32), not {scale!r}")
    fraction, exponent = math.frexp(scale)
    # fraction is 0.5 .. 1 with 53 bits: scaling it by 2**26 is exact, round() is half to even.
    multiplier, shift = round(fraction * 2.0**26) * MULTIPLIER_STEP, 32 - exponent
    if multiplier == 1 << 32:
        multiplier, shift = 1 << 31, shift - 1
    return IDENTITY if shift < MIN_SHIFT else (multiplier, shift)


def quantise_multipliers(scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:func:`quantise_multiplier` of each of ``scales`` (n,): two (n,) uint32 arrays."""
    pairs = np.array([quantise_multiplier(scale) for scale in np.ravel(scales)], dtype=np.uint32)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def quantise_add(scale_a: float, scale_b: float, scale_out: float) -> tuple[tuple[int, int], int]:
    """``((multiplier_a, multiplier_b), shift)`` of an ADD with these scales.

    Both multipliers stay below 2**21 in magnitude, so the sum fits int32; the shift is the largest
    (0 .. 30) that allows it. Raises GoldenError if a scale is not a positive number, or the ratio
    of an input to the output is 2**21 or more.
    """
    if not all(math.isfinite(scale) and scale > 0 for scale in (scale_a, scale_b, scale_out)):
        raise GoldenError(
            f"the scales of an ADD must be positive, not {scale_a!r}, {scale_b!r}, {scale_out!r}"
        )
    ratios = (float(scale_a) / float(scale_out), float(scale_b) / float(scale_out))
    for shift in range(ADD_MAX_SHIFT, -1, -1):
        multipliers = tuple(round(ratio * 2.0**shift) for ratio in ratios)
        if max(multipliers) < ADD_MULTIPLIER_LIMIT:
            return (multipliers[0], multipliers[1]), shift
    raise GoldenError(f"an ADD must scale by less than 2**21, not by {max(ratios)!r}")


def wrap_int32(value: np.ndarray) -> np.ndarray:
    """The low 32 bits of int64 ``value`` as int32, as the machine's adder leaves them."""
    return np.asarray(value, dtype=np.int64).astype(np.uint64).astype(np.uint32).view(np.int32)


def clip_int8(value: np.ndarray, low: int, high: int) -> np.ndarray:
    """``value`` limited to ``low`` .. ``high`` (inside -128 .. 127) as int8."""
    if not -128 <= low <= high <= 127:
        raise GoldenError(f"a clamp must be inside -128 .. 127, not {low} .. {high}")
    return np.clip(value, low, high).astype(np.int8)
