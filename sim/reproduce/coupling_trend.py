"""How our speed-ups go with coverage and with tiles; of that only a sentence was published."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tightrope.sim.network.mapping import Balancing
from tightrope.sim.network.points import Way

from .candidate import SLACK, Candidate, at_coverage, bound_of, fastest
from .rows import Row

if TYPE_CHECKING:
    from .coupling import Setup

__all__ = ["OTHER_BALANCINGS", "TREND_COVERAGES", "TREND_TILES", "few_tiles_rows", "trend_rows"]

TREND_COVERAGES = (0.1, 0.2, 0.6, 0.8, 1.0)
TREND_TILES = (2, 8, 32)
"""Too few for the published coverage."""
TREND_NOTE = "Of the trend nothing but a sentence was published."
OTHER_BALANCINGS = (Balancing.STATIC, Balancing.STEAL)
"""Of other networks, and of other coverages: the two that cost the model least."""


def trend_rows(setup: "Setup", best: Candidate) -> Iterator[Row]:
    """Speed-ups over coverage; then how much of the greatest is left at the published one."""
    reached = {best.coverage: best}
    balancings = dict.fromkeys((best.balancing, *OTHER_BALANCINGS))
    for coverage in TREND_COVERAGES:
        found = fastest(setup.candidate(best.way, how, coverage) for how in balancings)
        # Where there are too few tiles for more, the same comes out again.
        if all(abs(found.coverage - other) > SLACK for other in reached):
            reached[found.coverage] = found
    for _, found in sorted(reached.items()):
        yield Row(
            what=at_coverage(setup.name, found),
            ours=setup.speedup(found),
            unit="x",
            configuration=str(found),
            note=TREND_NOTE,
            bound=bound_of(found),
        )
    most = max(reached.values(), key=setup.speedup)
    yield Row(
        what=f"{setup.name}, {best.way}: part of the greatest speed-up that is there at 41 %",
        ours=setup.speedup(best) / setup.speedup(most),
        unit="1",
        configuration=f"the greatest: {most}",
        note=TREND_NOTE,
    )


def few_tiles_rows(setup: "Setup", way: Way) -> Iterator[Row]:
    """Speed-ups with far fewer tiles, as many weights on them as fit: under-provisioned systems."""
    for tiles in TREND_TILES:
        found = fastest(setup.candidate(way, how, 1.0, tiles) for how in OTHER_BALANCINGS)
        yield Row(
            what=f"{setup.name}, {way}: speed-up with {tiles} tiles, all that fits on them",
            ours=setup.speedup(found),
            unit="x",
            configuration=str(found),
            note=TREND_NOTE,
            bound=bound_of(found),
        )
