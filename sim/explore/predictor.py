"""What a layer costs: cycle model and energy profile behind one small interface."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import Layer

__all__ = ["Cost", "EnergyNumber", "Predictor", "load_predictor"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one layer costs. Can be added."""

    model_cycles: float = 0.0
    uncalibrated_cycles: float = 0.0
    """Part of model_cycles that rests on something that was not calibrated."""
    terms: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """model_cycles by cause."""
    energy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Picojoules by component."""

    @property
    def model_energy_pj(self) -> float:
        """All components together."""
        return sum(self.energy.values())

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            model_cycles=self.model_cycles + other.model_cycles,
            uncalibrated_cycles=self.uncalibrated_cycles + other.uncalibrated_cycles,
            terms=_added(self.terms, other.terms),
            energy=_added(self.energy, other.energy),
        )


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
    profile: str
    """Name of the energy profile."""
    numbers: Sequence[EnergyNumber]
    """What the energy rests on."""
    identity: str
    """Changes whenever a prediction might."""

    def costs(self, work: Sequence[tuple[Layer, LayerPlan]], machine: ClusterConfig) -> list[Cost]:
        """Predict layers of one machine; raises ModelError if that is impossible."""
        ...


def load_predictor(profile: str, calibration: Path | None = None) -> Predictor:
    """The calibrated model (the repository's calibration if None) with a named energy profile.

    Raises ModelError, EnergyError or ExploreError, with a sentence, for what can't be used.
    """
    from .calibrated import CalibratedModel

    return CalibratedModel(profile, calibration)


def _added(left: Mapping[str, float], right: Mapping[str, float]) -> Mapping[str, float]:
    return {name: left.get(name, 0.0) + right.get(name, 0.0) for name in {**left, **right}}
