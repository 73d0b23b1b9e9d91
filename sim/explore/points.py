"""The points of a sweep: which machines and mappings to evaluate, and which can't exist."""

import dataclasses
import enum
import functools

from tightrope.hw.config import ClusterConfig, HwConfigError
from tightrope.sim.experiment.machines import streaming_machine
from tightrope.sim.image.layout import Balance

from .errors import ExploreError
from .words import count

__all__ = ["Coupling", "Point", "Sweep", "make_points", "streaming", "with_tiles"]


class Coupling(enum.StrEnum):
    """Where a machine's tiles are."""

    NONE = "none"
    """No tiles: the digital baseline."""
    TIGHT = "tight"
    LOOSE = "loose"
    """Shared by all harts, by loads and stores."""
    STREAM = "stream"
    """Loose tiles that read and write a scratchpad by themselves, and a DMA engine."""

    @property
    def tile(self) -> str:
        """What one of its tiles is called."""
        return "streaming tile" if self is Coupling.STREAM else f"{self} tile"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """One machine and one way to balance."""

    harts: int
    coupling: Coupling
    tiles: int
    """The budget, in total; 0 for the baseline."""
    balance: Balance
    coverage: float = 1.0
    """The largest part of the parameters that may sit on tiles."""

    @property
    def tiled_harts(self) -> int:
        """Harts with tight tiles: all, or as many as there are tiles."""
        return min(self.harts, self.tiles) if self.coupling is Coupling.TIGHT else 0

    def machine(self, base: ClusterConfig) -> ClusterConfig:
        """``base`` with this point's harts and tiles; a rest of tight ones that doesn't make one
        for each hart stays unused.

        Raises HwConfigError if there is no such machine.
        """
        per_hart = self.tiles // self.tiled_harts if self.tiled_harts else 0
        tiles = per_hart if self.coupling is Coupling.TIGHT else self.tiles
        return with_tiles(base, self.harts, self.coupling, tiles, self.tiled_harts)


@functools.lru_cache(maxsize=256)
def with_tiles(
    base: ClusterConfig, harts: int, coupling: Coupling, tiles: int, tiled_harts: int
) -> ClusterConfig:
    """``base`` with so many harts, and tiles of one kind: ``tiles`` loose ones, or tight ones on
    each of the first ``tiled_harts`` harts.

    Raises HwConfigError if there is no such machine.
    """
    tight = tiles if coupling is Coupling.TIGHT else 0
    loose = tiles if coupling in (Coupling.LOOSE, Coupling.STREAM) else 0
    machine = dataclasses.replace(
        base,
        harts=harts,
        tight_tiles_per_hart=tight,
        tight_harts=tiled_harts if tight and tiled_harts < harts else None,
        loose_tiles=loose,
        stream_ports=0,
    )
    return streaming(machine, base) if coupling is Coupling.STREAM and loose else machine


def streaming(machine: ClusterConfig, base: ClusterConfig) -> ClusterConfig:
    """The machine with tiles that stream, as those of ``base`` do if they do."""
    if not base.stream_ports:
        return streaming_machine(machine)
    ports = min(base.stream_ports, machine.loose_tiles)
    return dataclasses.replace(machine, stream_ports=ports)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """What to vary."""

    harts: tuple[int, ...]
    couplings: tuple[Coupling, ...]
    tiles: tuple[int, ...]
    balances: tuple[Balance, ...]
    coverages: tuple[float, ...] = (1.0,)
    """Of points with tiles."""

    def __post_init__(self) -> None:
        for name in ("harts", "couplings", "tiles", "balances", "coverages"):
            if not getattr(self, name):
                raise ExploreError(f"{name} must have at least one value")
        for budget in self.tiles:
            if budget < 1:
                raise ExploreError(f"a tile budget must be at least 1, not {budget}")
        for coverage in self.coverages:
            if not 0.0 < coverage <= 1.0:
                raise ExploreError(f"a coverage must be above 0 and at most 1, not {coverage}")


def make_points(sweep: Sweep, base: ClusterConfig) -> tuple[list[Point], list[str]]:
    """The points in order, the baseline of each number of harts first, and what was left out.

    Raises HwConfigError for a number of harts that can't be built, and ExploreError if no point
    with tiles is left.
    """
    points: list[Point] = []
    missing: dict[str, list[Point]] = {}
    for harts in dict.fromkeys(sweep.harts):
        for balance in dict.fromkeys((Balance.STATIC, *sweep.balances)):
            baseline = Point(harts=harts, coupling=Coupling.NONE, tiles=0, balance=balance)
            baseline.machine(base)
            points.append(baseline)
        for tiles in dict.fromkeys(sweep.tiles):
            for coupling in dict.fromkeys(sweep.couplings):
                first = Point(harts=harts, coupling=coupling, tiles=tiles, balance=Balance.STATIC)
                reason = _why_not(first, base)
                if reason:
                    missing.setdefault(reason, []).append(first)
                    continue
                points += [
                    dataclasses.replace(first, coverage=coverage, balance=balance)
                    for coverage in dict.fromkeys(sweep.coverages)
                    for balance in dict.fromkeys(sweep.balances)
                ]
    skipped = [_sentence(reason, absent) for reason, absent in missing.items()]
    if all(point.coupling is Coupling.NONE for point in points):
        raise ExploreError("no machine with tiles is left to explore: " + "; ".join(skipped))
    return points, skipped


def _why_not(point: Point, base: ClusterConfig) -> str:
    try:
        point.machine(base)
    except HwConfigError as error:
        return str(error).rsplit(", not ", 1)[0]
    return ""


def _sentence(reason: str, absent: list[Point]) -> str:
    by_harts: dict[tuple[int, Coupling], list[int]] = {}
    for point in absent:
        by_harts.setdefault((point.harts, point.coupling), []).append(point.tiles)
    parts = [
        f"{', '.join(map(str, tiles[:-1]))}{', ' if tiles[1:] else ''}"
        f"{count(tiles[-1], coupling.tile)} on {count(harts, 'hart')}"
        for (harts, coupling), tiles in by_harts.items()
    ]
    return f"left out {' and '.join(parts)}, because {reason}"
