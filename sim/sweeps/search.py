"""Finds a good point of a grid without evaluating all of it: line search with random restarts.

From a random place, all values of one axis are tried and the best is taken, axis after axis in
random order, until no axis helps. Then steps along two axes at once are tried, since costs often
have valleys that run askew (twice the harts want twice the tiles, another coupling fewer harts).
Where neither is better is a local optimum, and the next random place is taken.
"""

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

__all__ = ["Axis", "Grid", "search"]

Place = tuple[int, ...]
"""An index for each axis."""
Evaluate = Callable[[Sequence[Hashable]], Sequence[float]]
"""The costs of some points."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """One direction of a grid."""

    size: int
    ordered: bool
    """Whether values beside each other are alike; else each is beside all others."""

    def beside(self, index: int) -> list[int]:
        """What is one step away, be it on the axis or not."""
        if self.ordered:
            return [index - 1, index + 1]
        return [other for other in range(self.size) if other != index]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """Axes, and the places on them where there is a point."""

    axes: tuple[Axis, ...]
    points: Mapping[Place, Hashable]
    """By place; there need not be one everywhere."""

    def line(self, place: Place, axis: int) -> list[Place]:
        """Places that differ from this one on one axis only, and itself."""
        ends = range(self.axes[axis].size)
        line = [(*place[:axis], index, *place[axis + 1 :]) for index in ends]
        return [step for step in line if step in self.points]

    def askew(self, place: Place) -> list[Place]:
        """Places one step away on each of two axes."""
        found = []
        for first, second in itertools.combinations(range(len(self.axes)), 2):
            near = self.axes[first].beside(place[first]), self.axes[second].beside(place[second])
            for pair in itertools.product(*near):
                step = list(place)
                step[first], step[second] = pair
                found.append(tuple(step))
        return [step for step in found if step in self.points]


def search(
    grid: Grid,
    evaluate: Evaluate,
    *,
    budget: int,
    seed: int,
    known: Mapping[Hashable, float] | None = None,
) -> dict[Hashable, float]:
    """Look for the lowest cost within ``budget`` evaluations, ``known`` ones not counted.

    Returns the costs of all points that were evaluated or known, in that order. No point is
    evaluated twice, and the same seed goes the same way. Raises ValueError for a grid without
    points or a budget below 1.
    """
    if not grid.points or budget < 1:
        raise ValueError(f"a search needs points and a budget of at least 1, not {budget}")
    rng = np.random.default_rng(seed)
    walk = _Walk(grid, evaluate, budget, dict(known or {}))
    places = list(grid.points)
    for index in rng.permutation(len(places)):
        if not walk.budget:
            break
        if grid.points[places[index]] not in walk.costs:
            walk.descend(places[index], rng)
    return walk.costs


@dataclasses.dataclass
class _Walk:
    """Where a search has been, and how far it may still go."""

    grid: Grid
    evaluate: Evaluate
    budget: int
    costs: dict[Hashable, float]

    def descend(self, place: Place, rng: np.random.Generator) -> None:
        """Go downhill from a place to a local optimum, or until the budget is spent."""
        self._learn([place])
        while self.budget:
            before = place
            for axis in rng.permutation(len(self.grid.axes)):
                place = self._best(place, self.grid.line(place, axis))
            if place == before:
                place = self._best(place, self.grid.askew(place))
            if place == before:
                return

    def _best(self, place: Place, others: Sequence[Place]) -> Place:
        """The best of some places of which there is an evaluation; ``place`` if none is better."""
        self._learn(others)
        known = [other for other in others if self.grid.points[other] in self.costs]
        return min([place, *known], key=lambda one: self.costs[self.grid.points[one]])

    def _learn(self, places: Sequence[Place]) -> None:
        points = dict.fromkeys(self.grid.points[place] for place in places)
        new = [point for point in points if point not in self.costs][: self.budget]
        if new:
            self.budget -= len(new)
            self.costs.update(zip(new, self.evaluate(new), strict=True))
