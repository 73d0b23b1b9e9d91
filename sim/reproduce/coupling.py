"""``reproduce coupling``: the exploration paper's one public point, beside our model."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.explore.words import percent
from tightrope.sim.model.calibration import Calibration, load_calibration
from tightrope.sim.network.mapping import Balancing, map_network
from tightrope.sim.network.points import Way
from tightrope.sim.workload.layers import Network
from tightrope.sim.workload.onnx_import import load_network

from .candidate import HARTS, SLACK, TILE, Candidate, at_coverage, bound_of, fastest
from .core import constants_in_words
from .coupling_cores import core_rows
from .coupling_trend import OTHER_BALANCINGS, TREND_COVERAGES, few_tiles_rows, trend_rows
from .point import model_network, runnable
from .published import load_published, not_published
from .rows import Reproduction, Row

__all__ = ["Setup", "Teller", "reproduce_coupling"]

Teller = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

NEAREST = "resnet50"
"""The largest of our six CNNs of whose weights 41 % fit on the tiles of each machine of ours."""
NETWORKS = (NEAREST, "inception_v1", "squeezenet", "mobilenetv2", "alexnet", "vgg19")
"""Our six CNNs; theirs were not published."""
TILES = {Way.TIGHT: 16 * HARTS, Way.LOOSE: 64, Way.STREAM: 64}
"""As many as there can be."""
PROFILES = ("gf22", "alpine-hp")
"""The first gives the machine's clock and tile latency; both give energies."""


class Setup:
    """A network on our machines: predicts candidates, and what they are compared with."""

    def __init__(self, name: str, network: Network, calibration: Calibration) -> None:
        self.name = name
        self.network = runnable(network)
        self.calibration = calibration
        latency = load_profile(PROFILES[0]).mvm_latency_cycles
        tile = dataclasses.replace(TILE, mvm_latency_cycles=latency)
        self._base = ClusterConfig(harts=HARTS, tile=tile)

    @functools.cached_property
    def baseline(self) -> Candidate:
        """The fastest digital run, however it is balanced."""
        return fastest(self.candidate(Way.DIGITAL, balancing, 0.0) for balancing in Balancing)

    def machine(self, way: Way, tiles: int | None = None) -> ClusterConfig:
        """With so many tiles of this kind, or all that there can be, and no others."""
        return way.machine(self._base, TILES.get(way, 0) if tiles is None else tiles)

    def candidate(
        self, way: Way, balancing: Balancing, coverage: float, tiles: int | None = None
    ) -> Candidate:
        """Maps the network so, and predicts it."""
        mapping = map_network(
            self.network,
            self.machine(way, tiles),
            coupling=way.coupling,
            balancing=balancing,
            calibration=self.calibration,
            coverage=coverage,
        )
        held = mapping.allocation
        return Candidate(
            way=way,
            balancing=balancing,
            coverage=held.coverage if held else 0.0,
            mac_coverage=held.mac_coverage if held else 0.0,
            tiles=held.used_tiles if held else 0,
            cost=model_network(mapping, self.calibration),
        )

    def speedup(self, found: Candidate) -> float:
        """Against the baseline, which has as many harts."""
        return self.baseline.cost.model_cycles / found.cost.model_cycles

    def energy_gain(self, found: Candidate, profile: str) -> float:
        """The same for energy."""
        energies = load_profile(profile)
        return self.baseline.cost.energy_pj(energies) / found.cost.energy_pj(energies)


def reproduce_coupling(on_progress: Teller = lambda what, done, total: None) -> Reproduction:
    """All rows. Takes about a minute.

    Raises ModelError or WorkloadError if calibration or networks can't be read.
    """
    calibration = load_calibration(None)
    coverage = load_published()["coupling.coverage"].value
    networks = {name: load_network(name) for name in NETWORKS}
    on_harts: list[Row] = []
    on_cores: list[Row] = []
    for number, (name, network) in enumerate(networks.items()):
        on_progress("networks", number, len(networks))
        setup = Setup(name, network, calibration)
        for way in TILES:
            on_harts += _way_rows(setup, way, coverage)
        trend = TREND_COVERAGES if name == NEAREST else ()
        on_cores += core_rows(name, network, coverage, trend)
    return Reproduction(
        name="coupling",
        title="Which coupled is best coupled? (Klein et al., IEEE TPDS 2024) beside our model",
        rows=(*on_harts, *on_cores),
        assumptions=constants_in_words(),
        not_published=not_published("coupling"),
        remarks=(
            *_remarks(calibration),
            *_summary("our harts", on_harts),
            *_summary("ALPINE's cores", on_cores),
        ),
    )


def _way_rows(setup: Setup, way: Way, coverage: float) -> Iterator[Row]:
    """The nearest network: every balancing, and the trend. Others: the fastest balancing."""
    nearest = setup.name == NEAREST
    balancings = tuple(Balancing) if nearest else OTHER_BALANCINGS
    found = [setup.candidate(way, balancing, coverage) for balancing in balancings]
    best = fastest(found)
    if best.coverage < coverage - SLACK:
        yield _short_row(setup, best)
        return
    for one in found if nearest else [best]:
        yield from _point_rows(setup, one, PROFILES if one is best else PROFILES[:1])
    if nearest:
        yield from trend_rows(setup, best)
        yield from few_tiles_rows(setup, way)


def _short_row(setup: Setup, found: Candidate) -> Row:
    """A network whose tiles are too few for the published coverage."""
    return Row(
        what=at_coverage(setup.name, found),
        ours=setup.speedup(found),
        unit="x",
        configuration=str(found),
        note=(
            f"Not compared: the fastest mapping on the {TILES[found.way]} tiles that there can be "
            "has less of the weights on them than the published point."
        ),
        bound=bound_of(found),
    )


def _remarks(calibration: Calibration) -> tuple[str, ...]:
    return (
        (
            "The published point is for a network that the abstract does not name, so each ratio "
            "is a check of plausibility and no reproduction."
        ),
        (
            "Rows with harts are a RISC-V cluster by the calibrated model; gains are against the "
            "fastest digital run of the same eight harts, which have a unit for four products per "
            "cycle each. The others are ALPINE's high-power cores by the assumptions below."
        ),
        (
            "The model's error on held-out layers is "
            f"{percent(calibration.mean_abs_error)} in the mean and "
            f"{percent(calibration.worst_abs_error)} at the worst; a pipeline's cycles leave out "
            "what its stages lose to each other."
        ),
    )


def _summary(machine: str, rows: Sequence[Row]) -> Iterator[str]:
    """From where to where our networks go, beside the published numbers."""
    for what, key in (("speed-up", "coupling.speedup"), ("energy gain", "coupling.energy_gain")):
        paper = load_published()[key].value
        ours = [row.ours for row in rows if row.paper == paper]
        if ours:
            yield (
                f"Published {what}: {paper:g}x. On {machine}, networks, couplings and balancings "
                f"go from {min(ours):.1f}x to {max(ours):.1f}x where its coverage is asked for."
            )


def _point_rows(setup: Setup, found: Candidate, profiles: Sequence[str]) -> Iterator[Row]:
    printed = load_published()
    speedup = printed["coupling.speedup"]
    note = _note(found)
    yield Row(
        what=f"{setup.name}, {found.way}, {found.balancing}: speed-up",
        paper=speedup.value,
        paper_source=f"{speedup.source}; {speedup.where}",
        ours=setup.speedup(found),
        unit=speedup.unit,
        configuration=str(found),
        note=note,
        bound=bound_of(found),
    )
    gain = printed["coupling.energy_gain"]
    for profile in profiles:
        yield Row(
            what=f"{setup.name}, {found.way}, {found.balancing}: energy gain, {profile}",
            paper=gain.value,
            paper_source=f"{gain.source}; {gain.where}",
            ours=setup.energy_gain(found, profile),
            unit=gain.unit,
            configuration=f"{found}, energies of {profile}",
            note=note,
            bound=bound_of(found),
        )


def _note(found: Candidate) -> str:
    """Why ours can't be more, and what it rests on."""
    text = f"Layers with weights on tiles take {percent(found.cost.tiled_ratio)} of our cycles"
    if found.mac_coverage < 1:
        limit = 1 / (1 - found.mac_coverage)
        text += f", and the MACs that stay digital limit any coupling to {limit:.1f}x"
    if found.coverage < load_published()["coupling.coverage"].value - SLACK:
        text = f"Only {percent(found.coverage)} of the weights find room so. {text}"
    if found.cost.uncalibrated_ratio >= 0.0005:
        text += f"; {100 * found.cost.uncalibrated_ratio:.1f} % of our cycles are uncalibrated"
    return f"{text}."
