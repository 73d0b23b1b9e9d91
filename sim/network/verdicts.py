"""What the rows of a sweep say: how stealing does against equal shares, and what bounds a run."""

import dataclasses
from collections.abc import Iterable, Sequence

from tightrope.sim.explore.words import percent

from .mapping import Balancing
from .points import Way
from .rows import NetworkRow

__all__ = [
    "GAIN_BAR",
    "GAIN_NETWORKS",
    "LOSS_BAR",
    "PARTIAL",
    "Stealing",
    "base_words",
    "bound",
    "gaining",
    "speedups",
    "stealing",
]

LOSS_BAR = 0.98
"""Stealing may be slower than equal shares by 2 %."""
GAIN_BAR = 1.3
"""How much faster it should be where a network is partly on tiles, on so many networks:"""
GAIN_NETWORKS = 3
PARTIAL = (0.2, 0.6)
"""Coverages at which a network is."""
BUSY_TILE = 0.8
"""A tile that computes for this part of a run is what the run waits for."""
SMALL = 0.2
"""A cause of waiting below this part bounds nothing."""
MORE_WORK = 1.03
"""From here on the cost of small chunks is worth a word."""
SAYS = {
    "memory": "memory and the bus",
    "tile_wait": "waiting for a tight tile",
    "asleep": "harts that sleep: the last one at each barrier, and loose tiles",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stealing:
    """The same network and way, with equal shares and with stealing."""

    static: NetworkRow
    steal: NetworkRow

    @property
    def gain(self) -> float:
        """How many times as fast stealing is."""
        return self.static.cycles_per_input / self.steal.cycles_per_input

    @property
    def partial(self) -> bool:
        """Whether the network is partly on tiles, with stealing too."""
        return PARTIAL[0] <= self.steal.coverage <= PARTIAL[1]

    @property
    def limit(self) -> float:
        """What it could be at the most if the harts did the same work and nobody slept.

        Not where some harts have tiles and others don't: what moves to a tile becomes less work.
        """
        return 1 / (1 - self.static.terms["asleep"])

    @property
    def work_ratio(self) -> float:
        """Cycles in which harts work when they steal / with equal shares: what chunks cost."""
        steal, static = (
            row.terms["work"] * row.cycles_per_input for row in (self.steal, self.static)
        )
        return steal / static

    @property
    def why(self) -> str:
        """Why stealing doesn't gain what it should, from the counters of both runs."""
        if self.work_ratio < MORE_WORK:
            return self._bound
        return f"its chunks cost {self.work_ratio:.2f}x the work; {self._bound}"

    @property
    def _bound(self) -> str:
        if self.limit < GAIN_BAR and self.steal.way != Way.UNEVEN:
            asleep = percent(self.static.terms["asleep"])
            return f"equal shares leave harts asleep for {asleep}, so at most {self.limit:.2f}x"
        return f"with stealing, bound by {bound(self.steal)}"


def stealing(rows: Iterable[NetworkRow]) -> list[Stealing]:
    """Pairs of rows that differ in balancing alone."""
    static = {_place(row): row for row in rows if row.balancing == Balancing.STATIC}
    return [
        Stealing(static=static[_place(row)], steal=row)
        for row in rows
        if row.balancing == Balancing.STEAL and _place(row) in static
    ]


def gaining(pairs: Iterable[Stealing]) -> list[str]:
    """Networks on which stealing reaches the bar somewhere at partial coverage."""
    return list(
        dict.fromkeys(
            pair.steal.network for pair in pairs if pair.partial and pair.gain >= GAIN_BAR
        )
    )


def bound(row: NetworkRow) -> str:
    """What a run mostly waits for, in words."""
    if row.busiest_tile_ratio >= BUSY_TILE:
        return f"a tile that computes for {percent(row.busiest_tile_ratio)} of the time"
    name = max(SAYS, key=lambda cause: row.terms[cause])
    part = row.terms[name]
    if part < SMALL:
        return f"arithmetic ({percent(row.terms['work'])} of the harts' time)"
    return f"{SAYS[name]} ({percent(part)} of the harts' time)"


def speedups(rows: Sequence[NetworkRow]) -> list[float | None]:
    """Of each row, against digital code on as many harts; in equal shares, if that is there."""
    base = _bases(rows)
    digital = [base.get((row.network, row.harts)) for row in rows]
    return [
        None if found is None else found.cycles_per_input / row.cycles_per_input
        for found, row in zip(digital, rows, strict=True)
    ]


def base_words(rows: Sequence[NetworkRow]) -> str:
    """What their speed-ups are against; empty if there is nothing digital to compare with."""
    says = {
        Balancing.STATIC: "digital code in equal shares",
        Balancing.WEIGHTED: "digital code in weighted shares",
        Balancing.STEAL: "digital code with stealing",
        Balancing.PIPELINE: "the digital pipeline",
    }
    there = dict.fromkeys(says[Balancing(row.balancing)] for row in _bases(rows).values())
    return " or ".join(there)


def _bases(rows: Sequence[NetworkRow]) -> dict[tuple[str, int], NetworkRow]:
    """The digital row that others are compared with, by network and harts."""
    base: dict[tuple[str, int], NetworkRow] = {}
    for row in rows:
        place = row.network, row.harts
        if row.way == Way.DIGITAL and (
            place not in base or row.balancing == Balancing.STATIC
        ):
            base[place] = row
    return base


def _place(row: NetworkRow) -> tuple[object, ...]:
    return row.network, row.harts, row.way, row.asked_coverage, row.inputs
