"""The exploration paper's point on the machine it most likely used: ALPINE's eight cores."""

from collections.abc import Iterator

from tightrope.sim.explore.words import percent
from tightrope.sim.workload.layers import Network

from .core import Assumptions, System, load_assumptions, load_systems
from .published import load_published
from .rows import Row
from .shared_layers import CORES, SharedRun, run_shared, tile_shares
from .variation import spread_of, variations

__all__ = ["core_rows"]

SYSTEM = "hp"
"""The one that the same group's next study uses too (LionHeart, IEEE TETC 2025)."""
WHY = "ours has perfect balance, tiles as large as layers, and a core model of our own"


class _Runs:
    """Runs of one network under one set of assumptions."""

    def __init__(self, network: Network, system: System, assumed: Assumptions) -> None:
        self._run = lambda shares: run_shared(network, system, assumed, shares)
        self._network = network
        self._digital = self._run({})
        self._known: dict[float, SharedRun] = {}

    def at(self, coverage: float) -> SharedRun:
        """With so much of the weights on tiles."""
        if coverage not in self._known:
            self._known[coverage] = self._run(tile_shares(self._network, coverage))
        return self._known[coverage]

    def gain(self, coverage: float, kind: str) -> float:
        """Digital / with tiles; ``kind`` is time or energy."""
        name = "time_ns" if kind == "time" else "energy_pj"
        return getattr(self._digital, name) / getattr(self.at(coverage), name)


def core_rows(
    name: str, network: Network, coverage: float, trend: tuple[float, ...]
) -> Iterator[Row]:
    """Speed-up and energy gain at the published coverage, and the speed-ups of a trend."""
    assumed = load_assumptions()
    system = load_systems()[SYSTEM]
    base = _Runs(network, system, assumed)
    varied = variations(assumed, lambda other: _Runs(network, system, other))
    printed = load_published()
    for kind, key in (("time", "coupling.speedup"), ("energy", "coupling.energy_gain")):
        spread = spread_of(lambda runs, kind=kind: runs.gain(coverage, kind), base, varied)
        paper = printed[key]
        inside = "within" if spread.low <= paper.value <= spread.high else "outside"
        yield Row(
            what=f"{name}, ALPINE's cores: {'speed-up' if kind == 'time' else 'energy gain'}",
            paper=paper.value,
            paper_source=f"{paper.source}; {paper.where}",
            ours=spread.value,
            unit=paper.unit,
            configuration=_configuration(base, coverage),
            note=f"Theirs is {inside} our range, for a network that was not named: {WHY}.",
            bound=f"Ours depends most on {spread.most}.",
            low=spread.low,
            high=spread.high,
        )
    for other in trend:
        spread = spread_of(lambda runs, other=other: runs.gain(other, "time"), base, varied)
        yield Row(
            what=f"{name}, ALPINE's cores: speed-up at {percent(other)} coverage",
            ours=spread.value,
            unit="x",
            configuration=_configuration(base, other),
            note="Of the trend nothing but a sentence was published.",
            bound=f"Ours depends most on {spread.most}.",
            low=spread.low,
            high=spread.high,
        )


def _configuration(runs: _Runs, coverage: float) -> str:
    return (
        f"alpine-{SYSTEM}, {CORES} cores, tight, {percent(coverage)} of the weights and "
        f"{percent(runs.at(coverage).mac_coverage)} of the MACs on tiles"
    )
