"""How sure a comparison of points is: what it would be if model and energies were wrong.

Cycles and energies of all of them are sampled. In each sample

- the calibrated cycles of a point are its prediction times a factor whose logarithm is normal
  on either side, so that 5 % lie below the row's interval and 5 % above. The factors of points are
  independent. That is on the safe side: layers that all points run alike, digital ones above all,
  are wrong in the same way and would cancel out;
- what is not calibrated takes half to twice as long, with the same factor for all points: it is
  mostly the same work, so that it is their difference that moves;
- each energy that nobody published is half to twice as large, the same for all points
  (``sim.energy.sampling``). What a point spends per cycle grows with its cycles; events don't.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .predictor import Predictor
from .rows import Row

__all__ = ["SAMPLES", "Comparison", "Samples", "compare", "draw_samples"]

SAMPLES = 1000
CONTENDERS = 3
"""Points that are compared with each other at the most: one of each coupling."""
SEED = 0
SPREAD = 2.0
"""What is not calibrated is multiplied with 1 / SPREAD to SPREAD."""
HALF_WIDTH = 1.6449
"""Of the interval that holds 90 % of a normal distribution, in standard deviations."""
PER_CYCLE = ("hart_active", "hart_waiting", "hart_asleep", "static")
"""Energies that grow with the time that a run takes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Samples:
    """What may be wrong, drawn once: every comparison meets the same, in whatever company."""

    normal: np.ndarray
    """(CONTENDERS, samples): of each point's prediction, standard normal."""
    uncalibrated: np.ndarray
    """(samples,): what is not calibrated, as a factor."""
    energy: Mapping[str, np.ndarray]
    """(samples,) for each component, as a factor."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of a point with others."""

    confidence: float
    """The share of samples in which the first is faster than all others; a tie counts as half."""
    energy_confidence: float
    """The share in which it needs less energy than any other."""
    margin_error: float
    """Half the width of the 90 % interval of ``second / first - 1``, in cycles."""


def draw_samples(predictor: Predictor, samples: int = SAMPLES, seed: int = SEED) -> Samples:
    """The same for the same predictor."""
    rng = np.random.default_rng(seed)
    return Samples(
        normal=rng.standard_normal((CONTENDERS, samples)),
        uncalibrated=SPREAD ** rng.uniform(-1, 1, samples),
        energy=predictor.energy_factors(rng, samples),
    )


def compare(contests: Sequence[Sequence[Row]], samples: Samples) -> list[Comparison]:
    """How sure it is that the first point of each contest is better than its others: one at the
    least, CONTENDERS - 1 at the most."""
    if not contests:
        return []
    first, second = ([rows[place] for rows in contests] for place in (0, 1))
    cycles = _cycles(first, samples.normal[0], samples)
    energy = _energies(first, cycles, samples)
    rivals = _cycles(second, samples.normal[1], samples)
    low, high = np.quantile(rivals / cycles, (0.05, 0.95), axis=1)
    fastest, thriftiest = rivals, _energies(second, rivals, samples)
    for place in range(2, len(samples.normal)):
        # Where there is no such rival, the second stands in for it and is left out again.
        others = [rows[place] if place < len(rows) else rows[1] for rows in contests]
        more = np.array([[place < len(rows)] for rows in contests])
        found = _cycles(others, samples.normal[place], samples)
        fastest = np.where(more, np.minimum(fastest, found), fastest)
        needed = _energies(others, found, samples)
        thriftiest = np.where(more, np.minimum(thriftiest, needed), thriftiest)
    shares = _share_below(cycles, fastest), _share_below(energy, thriftiest)
    found = zip(*shares, (high - low) / 2, strict=True)
    return [
        Comparison(confidence=float(a), energy_confidence=float(b), margin_error=float(c))
        for a, b, c in found
    ]


def _cycles(rows: Sequence[Row], normal: np.ndarray, samples: Samples) -> np.ndarray:
    """(rows, samples)."""
    cycles, low, high, ratio = _columns(
        rows, "model_cycles", "model_low_cycles", "model_high_cycles", "uncalibrated_ratio"
    )
    unknown = ratio * cycles
    known = cycles - unknown
    some = np.where(known > 0, known, 1.0)
    below, above = (
        np.where(known > 0, np.log(np.maximum(edge - unknown, 1e-9 * some) / some), 0.0)
        for edge in (low, high)
    )
    width = np.where(normal > 0, above, -below) / HALF_WIDTH
    return known * np.exp(normal * width) + unknown * samples.uncalibrated


def _energies(rows: Sequence[Row], cycles: np.ndarray, samples: Samples) -> np.ndarray:
    """(rows, samples) in pJ."""
    (expected,) = _columns(rows, "model_cycles")

    def part(names: Sequence[str]) -> np.ndarray:
        nominal = np.array([[row.energy.get(name, 0.0) for name in names] for row in rows])
        factors = np.array([samples.energy[name] for name in names])
        return nominal @ factors.reshape(len(names), samples.normal.shape[1])

    names = dict.fromkeys(name for row in rows for name in row.energy)
    timed = [name for name in names if name in PER_CYCLE]
    events = [name for name in names if name not in PER_CYCLE]
    return part(timed) * (cycles / expected) + part(events)


def _columns(rows: Sequence[Row], *names: str) -> list[Any]:
    """Each (rows, 1)."""
    return [np.array([[getattr(row, name)] for row in rows], float) for name in names]


def _share_below(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.mean((one < other) + 0.5 * (one == other), axis=1)
