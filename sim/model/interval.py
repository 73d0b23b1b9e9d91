"""How far a prediction may be off: from residuals of cases that a fit had not seen."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["CONFIDENCE", "Interval", "Residuals", "combined_interval", "interval_of"]

CONFIDENCE = 0.9
"""Share of truths that lie inside."""

Interval = tuple[float, float]
"""(low, high) cycles."""


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """What layers of one kernel and of some lengths took, compared with what was predicted."""

    up_to_cycles: float
    """Of the prediction; layers that are longer have other residuals."""
    cases: int
    low: float
    """ln(truth / prediction): below it lies one in twenty."""
    high: float
    """Above it lies one in twenty."""

    def around(self, cycles: float) -> Interval:
        """The interval of a prediction."""
        return cycles * math.exp(self.low), cycles * math.exp(self.high)


def interval_of(classes: Sequence[Residuals], cycles: float) -> Interval:
    """The interval of a prediction of one kernel; without residuals anything is possible."""
    for residuals in classes:
        if cycles <= residuals.up_to_cycles:
            return residuals.around(cycles)
    return (0.0, math.inf)


def combined_interval(
    parts: Iterable[tuple[float, Interval]], shared_ratio: float
) -> Interval:
    """Of the sum of several predictions, each with its interval.

    ``shared_ratio`` of the variance is common to all layers, as when a cost that all of them pay is
    wrong; this part adds up. The rest is every layer's own and adds up as squares do.
    """
    total = below = above = below_squares = above_squares = 0.0
    for cycles, (low, high) in parts:
        total += cycles
        below += cycles - low
        above += high - cycles
        below_squares += (cycles - low) ** 2
        above_squares += (high - cycles) ** 2

    def width(together: float, squares: float) -> float:
        return math.sqrt(shared_ratio * together * together + (1 - shared_ratio) * squares)

    return total - width(below, below_squares), total + width(above, above_squares)
