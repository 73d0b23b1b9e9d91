"""One way to run a network on our machines, predicted: what ``reproduce coupling`` compares."""

import dataclasses
from collections.abc import Iterable

from tightrope.hw.config import TileConfig
from tightrope.sim.explore.words import percent
from tightrope.sim.network.mapping import Balancing
from tightrope.sim.network.points import Way

from .point import Inference

__all__ = ["Candidate", "HARTS", "SLACK", "TILE", "at_coverage", "bound_of", "fastest"]

HARTS = 8
TILE = TileConfig(rows=512, cols=512)
"""The largest there is."""
SLACK = 0.02
"""Coverage may be so much below what was asked for: channels are not divisible."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to run a network, predicted."""

    way: Way
    balancing: Balancing
    coverage: float
    """Of the weights, reached."""
    mac_coverage: float
    tiles: int
    cost: Inference

    def __str__(self) -> str:
        return (
            f"{HARTS} harts, {self.way}, {self.balancing}, {100 * self.coverage:.0f} % of the "
            f"weights and {100 * self.mac_coverage:.0f} % of the MACs on {self.tiles} tiles of "
            f"{TILE.rows} x {TILE.cols}"
        )


def fastest(candidates: Iterable[Candidate]) -> Candidate:
    """The one with the fewest cycles."""
    return min(candidates, key=lambda found: found.cost.model_cycles)


def bound_of(found: Candidate) -> str:
    """The two largest causes of cycles."""
    if found.balancing is Balancing.PIPELINE:
        return "The cycles are those of the longest stage, or of main memory."
    most = sorted(found.cost.terms, key=lambda name: -found.cost.terms[name])[:2]
    parts = [f"{name.replace('_', ' ')} {100 * found.cost.terms[name]:.0f} %" for name in most]
    return f"Most of our cycles: {', '.join(parts)}."


def at_coverage(name: str, found: Candidate) -> str:
    """What a row without a published number is about."""
    return f"{name}, {found.way}: speed-up at {percent(found.coverage)} coverage"
