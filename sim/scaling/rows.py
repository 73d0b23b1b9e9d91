"""A row of single-layer results: one layer on one machine; and all of a network together."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

from tightrope.sim.explore.points import Coupling
from tightrope.sim.explore.rows import Row

__all__ = ["LayerRow", "TOGETHER", "together"]

TOGETHER = "all of these"
"""In place of a layer's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer on one machine, the best balancing and the best use of its tiles."""

    network: str
    layer: str
    """The name of the first that is the same."""
    shape: str
    count: int
    """How many layers of the network are the same."""
    macs: int
    """Of one of them."""
    coupling: str
    """none (digital), tight, loose or stream."""
    tile_size: int
    """Rows and columns of a tile; 0 if digital."""
    harts: int
    body: str
    """How it is computed: what can't be streamed is moved by loads and stores, what is slower on
    tiles is digital (dot4)."""
    balance: str
    split: str
    """How tight tiles are used, else empty."""
    tiles_used: int
    """Tiles that hold weights; loose ones may hold copies."""
    coverage: float
    """The part of the layer's channels that is on tiles; the others are digital."""
    model_cycles: float
    model_low_cycles: float
    """The truth lies from here to ``model_high_cycles`` with a probability of 90 %."""
    model_high_cycles: float
    model_energy_pj: float
    extrapolated_ratio: float
    """1 if the layer or the machine lies outside of all that was measured."""
    speedup: float = 1.0
    """Against digital code on as many harts, balanced as is best."""
    hart_speedup: float = 1.0
    """Against the same on the fewest harts, with tiles of the same size."""
    energy_gain: float = 1.0
    """Energy of digital code on as many harts / energy of this."""

    def beside(self, digital: "LayerRow | Row", first: "LayerRow | Row") -> Self:
        """The row with its gains against digital code and against the fewest harts."""
        return dataclasses.replace(
            self,
            speedup=digital.model_cycles / self.model_cycles,
            hart_speedup=first.model_cycles / self.model_cycles,
            energy_gain=digital.model_energy_pj / self.model_energy_pj,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dataclasses.asdict(self)


def together(rows: Sequence[LayerRow]) -> list[LayerRow]:
    """Rows of all layers of a network, one after the other, for each machine.

    Their intervals are as wide as if all errors were the same.
    """
    by_machine: dict[tuple[str, int, int], list[LayerRow]] = {}
    for row in rows:
        by_machine.setdefault((row.coupling, row.tile_size, row.harts), []).append(row)
    sums = {machine: _sum_of(members) for machine, members in by_machine.items()}
    fewest = min(harts for _, _, harts in sums)
    return [
        total.beside(sums[Coupling.NONE, 0, harts], sums[coupling, size, fewest])
        for (coupling, size, harts), total in sums.items()
    ]


def _sum_of(rows: Sequence[LayerRow]) -> LayerRow:
    def total(name: str) -> float:
        return sum(row.count * getattr(row, name) for row in rows)

    macs, cycles = total("macs"), total("model_cycles")
    on_tiles = sum(row.count * row.macs * row.coverage for row in rows)
    outside = sum(row.count * row.model_cycles * row.extrapolated_ratio for row in rows)
    return dataclasses.replace(
        rows[0],
        layer=TOGETHER,
        shape=TOGETHER,
        count=1,
        macs=int(macs),
        body="",
        balance="",
        split="",
        tiles_used=max(row.tiles_used for row in rows),
        coverage=on_tiles / macs,
        model_cycles=cycles,
        model_low_cycles=total("model_low_cycles"),
        model_high_cycles=total("model_high_cycles"),
        model_energy_pj=total("model_energy_pj"),
        extrapolated_ratio=outside / cycles,
    )
