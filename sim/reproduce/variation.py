"""What becomes of a number when assumptions vary: each by a factor of two, one at a time."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from .core import Assumptions

__all__ = ["FACTOR", "Spread", "spread_of", "variations"]

FACTOR = 2.0
"""Each assumption is divided and multiplied by it."""

Model = TypeVar("Model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """A number, and how far it goes."""

    value: float
    low: float
    high: float
    most: str
    """The assumption that moves it most; empty if none does."""

    @property
    def is_fixed(self) -> bool:
        """No assumption moves it."""
        return self.low == self.high


def variations(
    assumed: Assumptions, make: Callable[[Assumptions], Model]
) -> dict[str, tuple[Model, ...]]:
    """For each assumption by name, what ``make`` makes of it smaller and larger."""
    return {
        field.name: tuple(
            make(dataclasses.replace(assumed, **{field.name: getattr(assumed, field.name) * by}))
            for by in (1 / FACTOR, FACTOR)
        )
        for field in dataclasses.fields(assumed)
    }


def spread_of(
    value: Callable[[Model], float], base: Model, varied: Mapping[str, Sequence[Model]]
) -> Spread:
    """``value`` of the base and of all variations."""
    found = {name: [value(model) for model in models] for name, models in varied.items()}
    center = value(base)
    every = [center, *(one for values in found.values() for one in values)]
    reach = {name: max(values) - min(values) for name, values in found.items()}
    most = max(reach, key=lambda name: reach[name])
    return Spread(value=center, low=min(every), high=max(every), most=most if reach[most] else "")
