"""What a layer costs: cycle model and energy profile behind one small interface."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import Group, LayerPlan
from tightrope.sim.model.interval import Interval
from tightrope.sim.workload.layers import Layer

from .spread import Spread, sum_of

__all__ = ["Cost", "EnergyNumber", "Predictor", "load_predictor", "total_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one layer costs, or several."""

    model_cycles: float = 0.0
    uncalibrated_cycles: float = 0.0
    """Part of model_cycles that rests on something that was not calibrated."""
    terms: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """model_cycles by cause."""
    energy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Picojoules by component."""
    spread: Spread = Spread()
    """Of the calibrated cycles; of the others no error is known."""
    extrapolated: frozenset[str] = frozenset()
    """What lies outside of all that was measured: ``kernel: name value (low .. high)``."""
    extrapolated_cycles: float = 0.0
    """Part of model_cycles that belongs to layers of which something does."""

    @property
    def model_energy_pj(self) -> float:
        """All components together."""
        return sum(self.energy.values())

    @property
    def uncalibrated_ratio(self) -> float:
        """Part of model_cycles."""
        return self.uncalibrated_cycles / self.model_cycles

    @property
    def extrapolated_ratio(self) -> float:
        """Part of model_cycles."""
        return self.extrapolated_cycles / self.model_cycles

    def interval(self, shared_ratio: float) -> Interval:
        """(low, high) cycles: 90 % of the calibrated part, plus what is not calibrated as it is.

        ``shared_ratio`` is the predictor's.
        """
        return self.spread.around(self.model_cycles, shared_ratio)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnergyNumber:
    """One number of an energy profile, to show."""

    name: str
    value: str
    """With its unit."""
    source: str
    assumed: bool
    """Nobody published it."""


class Predictor(Protocol):
    """Predicts layers; says how wrong it is, and what it is."""

    mean_abs_error: float
    """Of layers that the fit never saw, as a fraction."""
    worst_abs_error: float
    shared_ratio: float
    """Part of the errors' variance that all layers have in common."""
    profile: str
    """Name of the energy profile."""
    numbers: Sequence[EnergyNumber]
    """What the energy rests on."""
    identity: str
    """Changes whenever a prediction might."""

    def costs(
        self, work: Sequence[tuple[Layer, LayerPlan, ClusterConfig]], *, in_order: bool = False
    ) -> list[Cost]:
        """Predict layers, each on a machine and alone or, ``in_order``, one after the other; raises
        ModelError if that is impossible."""
        ...

    def helped(self, layer: Layer, plan: LayerPlan, machine: ClusterConfig) -> LayerPlan:
        """A plan of equal shares, or one in which harts that have no tile to feed help, whichever
        is predicted to be faster."""
        ...

    def least_cycles(
        self, layer: Layer, groups: Sequence[Group], machine: ClusterConfig
    ) -> float:
        """That a layer takes at the least of which ``groups`` are on tight tiles."""
        ...

    def area_mm2(self, machine: ClusterConfig) -> float:
        """Of a machine without main memory, by the same profile."""
        ...

    def energy_factors(self, rng: np.random.Generator, samples: int) -> Mapping[str, np.ndarray]:
        """(samples,) for each component of an energy: what it is times the stated one, if all that
        nobody published is sampled."""
        ...


def load_predictor(profile: str, calibration: Path | None = None) -> Predictor:
    """The calibrated model (the repository's calibration if None) with a named energy profile.

    Raises ModelError, EnergyError or ExploreError, with a sentence, for what can't be used.
    """
    from .calibrated import CalibratedModel

    return CalibratedModel(profile, calibration)


def total_of(costs: Sequence[Cost]) -> Cost:
    """What layers cost together."""
    cycles = uncalibrated = extrapolated = 0.0
    terms: dict[str, float] = {}
    energy: dict[str, float] = {}
    for cost in costs:
        cycles += cost.model_cycles
        uncalibrated += cost.uncalibrated_cycles
        extrapolated += cost.extrapolated_cycles
        for name, part in cost.terms.items():
            terms[name] = terms.get(name, 0.0) + part
        for name, part in cost.energy.items():
            energy[name] = energy.get(name, 0.0) + part
    return Cost(
        model_cycles=cycles,
        uncalibrated_cycles=uncalibrated,
        terms=terms,
        energy=energy,
        spread=sum_of(cost.spread for cost in costs),
        extrapolated=frozenset().union(*(cost.extrapolated for cost in costs)),
        extrapolated_cycles=extrapolated,
    )
