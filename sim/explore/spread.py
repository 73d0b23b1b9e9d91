"""How far sums of predictions may be off: the widths of their intervals, in a form that adds up."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from tightrope.sim.model.interval import Interval

__all__ = ["Spread", "sum_of"]


class Spread(NamedTuple):
    """What there is to know of the 90 % intervals of some predictions to combine them."""

    below: float = 0.0
    """From the lower ends to the predictions, in cycles, added up."""
    above: float = 0.0
    """From the predictions to the upper ends."""
    below_squares: float = 0.0
    """The sum of their squares."""
    above_squares: float = 0.0

    @classmethod
    def of(cls, cycles: float, interval: Interval) -> "Spread":
        """Of one prediction. Its interval is made to hold it, also where the model's does not."""
        low, high = interval
        below, above = max(0.0, cycles - low), max(0.0, high - cycles)
        return cls(below, above, below * below, above * above)

    def around(self, cycles: float, shared_ratio: float) -> Interval:
        """The interval of the sum, as ``sim.model.interval.combined_interval`` has it."""

        def width(together: float, squares: float) -> float:
            return math.sqrt(shared_ratio * together * together + (1 - shared_ratio) * squares)

        below = width(self.below, self.below_squares)
        return cycles - below, cycles + width(self.above, self.above_squares)


def sum_of(spreads: Iterable[Spread]) -> Spread:
    """Of the sum of several predictions."""
    return Spread(*map(sum, zip(*spreads, strict=True)))
