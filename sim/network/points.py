"""Ways to run a whole network on RTL: the points of a sweep."""

import dataclasses
import enum
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.machines import nominal_machine, streaming_machine

from .mapping import Balancing

__all__ = ["PIPELINE_INPUTS", "Point", "Way", "grid"]

PIPELINE_INPUTS = 8
"""Of a pipeline, unless one asks for others: as many as it has stages at the most."""

FEW_PART = 4
"""Where tiles are few: for so many harts one that has tight tiles, or one loose tile."""


class Way(enum.StrEnum):
    """What computes the part of a network that is not digital."""

    DIGITAL = "digital"
    """Nothing does: no weights are on tiles."""
    TIGHT = "tight"
    UNEVEN = "uneven"
    """As many tight tiles as TIGHT has, all on the first quarter of the harts."""
    LOOSE = "loose"
    """By loads and stores."""
    FEW = "few"
    """The same with a quarter as many tiles as harts."""
    STREAM = "stream"
    """Loose tiles that read and write the scratchpad by themselves."""

    @property
    def coupling(self) -> str:
        """As ``map_network`` calls it."""
        names = {Way.DIGITAL: "none", Way.UNEVEN: "tight", Way.STREAM: "loose", Way.FEW: "loose"}
        return names.get(self, self.value)

    def machine(self, base: ClusterConfig, tiles: int | None = None) -> ClusterConfig:
        """``base`` with ``tiles`` of this kind and no others, or as many as is nominal.

        A rest of tight tiles that doesn't make one for each hart is left out; of fewer tiles than
        harts, each is on a hart of its own.
        """
        machine = nominal_machine(base)
        if tiles is not None:
            tight = tiles if self.coupling == "tight" else 0
            machine = dataclasses.replace(
                base,
                tight_tiles_per_hart=tight // base.harts or min(tight, 1),
                tight_harts=tight if 0 < tight < base.harts else None,
                loose_tiles=tiles if self.coupling == "loose" else 0,
            )
        few = max(1, base.harts // FEW_PART)
        if self is Way.FEW:
            return dataclasses.replace(machine, loose_tiles=min(few, machine.loose_tiles))
        if self is Way.STREAM:
            return streaming_machine(machine)
        if self is not Way.UNEVEN or not machine.tight_tiles_per_hart:
            return machine
        every = machine.tight_tiles_per_hart * machine.tiled_harts
        few = min(few, every)
        return dataclasses.replace(machine, tight_harts=few, tight_tiles_per_hart=every // few)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One way to run a network, on one machine."""

    way: Way
    balancing: Balancing
    machine: ClusterConfig
    coverage: float = 0.0
    """Asked for: the share of the weights that may be on tiles."""
    inputs: int = 1
    """Of the run, one after the other (PIPELINE: several at a time)."""

    def __str__(self) -> str:
        where = "" if self.way is Way.DIGITAL else f" {100 * self.coverage:g} %"
        return f"{self.way}{where}, {self.balancing}"


def grid(
    base: ClusterConfig,
    ways: Sequence[Way],
    balancings: Sequence[Balancing],
    coverages: Sequence[float],
    *,
    tiles: int | None = None,
    pipeline_inputs: int = PIPELINE_INPUTS,
) -> list[Point]:
    """Coverage x way x balancing. Without coverage all ways are DIGITAL, which is there once."""
    places: list[tuple[Way, float]] = []
    if Way.DIGITAL in ways or 0.0 in coverages:
        places.append((Way.DIGITAL, 0.0))
    places += [
        (way, coverage)
        for way in ways
        for coverage in coverages
        if way is not Way.DIGITAL and coverage > 0
    ]
    return [
        Point(
            way=way,
            balancing=balancing,
            machine=way.machine(base, tiles),
            coverage=coverage,
            inputs=pipeline_inputs if balancing is Balancing.PIPELINE else 1,
        )
        for way, coverage in places
        for balancing in balancings
    ]
