"""How sure a comparison of two points is: what it would be if model and energies were wrong.

Cycles and energies of both points are sampled. In each sample

- the calibrated cycles of either point are its prediction times a factor whose logarithm is normal
  on either side, so that 5 % lie below the row's interval and 5 % above. The two factors are
  independent. That is on the safe side: layers that both points run alike, digital ones above all,
  are wrong in the same way and would cancel out;
- what is not calibrated takes half to twice as long, with the same factor for both points: it is
  mostly the same work, so that it is their difference that moves;
- each energy that nobody published is half to twice as large, the same for both points
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

    first: np.ndarray
    """(samples,): of the first point's prediction, standard normal."""
    second: np.ndarray
    """(samples,): of the second's."""
    uncalibrated: np.ndarray
    """(samples,): what is not calibrated, as a factor."""
    energy: Mapping[str, np.ndarray]
    """(samples,) for each component, as a factor."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Of two points."""

    confidence: float
    """The share of samples in which the first is faster; a tie counts as half."""
    energy_confidence: float
    """The share in which it needs less energy."""
    margin_error: float
    """Half the width of the 90 % interval of ``second / first - 1``, in cycles."""


def draw_samples(predictor: Predictor, samples: int = SAMPLES, seed: int = SEED) -> Samples:
    """The same for the same predictor."""
    rng = np.random.default_rng(seed)
    return Samples(
        first=rng.standard_normal(samples),
        second=rng.standard_normal(samples),
        uncalibrated=SPREAD ** rng.uniform(-1, 1, samples),
        energy=predictor.energy_factors(rng, samples),
    )


def compare(pairs: Sequence[tuple[Row, Row]], samples: Samples) -> list[Comparison]:
    """How sure it is that the first of each pair is better than the second."""
    if not pairs:
        return []
    first, second = (list(rows) for rows in zip(*pairs, strict=True))
    cycles = _cycles(first, samples.first, samples), _cycles(second, samples.second, samples)
    energies = _energies(first, cycles[0], samples), _energies(second, cycles[1], samples)
    low, high = np.quantile(cycles[1] / cycles[0], (0.05, 0.95), axis=1)
    found = zip(_share_below(*cycles), _share_below(*energies), (high - low) / 2, strict=True)
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
        return nominal @ factors.reshape(len(names), len(samples.first))

    names = dict.fromkeys(name for row in rows for name in row.energy)
    timed = [name for name in names if name in PER_CYCLE]
    events = [name for name in names if name not in PER_CYCLE]
    return part(timed) * (cycles / expected) + part(events)


def _columns(rows: Sequence[Row], *names: str) -> list[Any]:
    """Each (rows, 1)."""
    return [np.array([[getattr(row, name)] for row in rows], float) for name in names]


def _share_below(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.mean((one < other) + 0.5 * (one == other), axis=1)
