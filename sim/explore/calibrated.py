"""The calibrated cycle model with an energy profile, as a predictor."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from math import isfinite, isinf
from pathlib import Path

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.area import area_of
from tightrope.sim.energy.energy import RunCounters, energy_of
from tightrope.sim.energy.profiles import load_profile
from tightrope.sim.energy.sampling import energy_factors, sweep_assumed
from tightrope.sim.image.layout import Balance
from tightrope.sim.mapping.plan import Group, LayerPlan
from tightrope.sim.model.features import family_of
from tightrope.sim.model.helping import helped_plan
from tightrope.sim.model.least import ROUNDING, least_cycles
from tightrope.sim.model.predict import (
    LayerPrediction,
    ModelCounters,
    load_calibration,
    predict_layer,
)
from tightrope.sim.model.sequence import predict_sequence
from tightrope.sim.model.tile_counters import IDLE
from tightrope.sim.model.traffic import TRAFFIC
from tightrope.sim.sweeps.files import source_fingerprint
from tightrope.sim.sweeps.fingerprint import fingerprint
from tightrope.sim.workload.layers import Layer

from .errors import ExploreError
from .predictor import Cost, EnergyNumber
from .spread import Spread

__all__ = ["CalibratedModel"]

CODE = ("explore", "mapping", "model", "energy")
"""Folders of sim/ that a prediction rests on: rows that other code made are never reused."""


_HART = tuple(HartCounter)
_TILE = tuple(
    name for name in TileStatusReg if name not in (TileStatusReg.STATUS, TileStatusReg.GEOMETRY)
)
"""What is counted."""


class CalibratedModel:
    """A :class:`Predictor` that rests on measurements.

    Raises ModelError or EnergyError for what can't be read, and ExploreError for a calibration
    that was never compared with cases the fit did not see: no margin could be judged with it.
    """

    def __init__(self, profile: str, calibration: Path | None) -> None:
        self._calibration = load_calibration(calibration)
        self._profile = load_profile(profile)
        if not isfinite(self._calibration.mean_abs_error):
            raise ExploreError(
                f"the calibration {calibration or 'of this package'} says nothing of its error on "
                "cases the fit did not see; `tightrope calibrate` makes a complete one"
            )
        self.profile = self._profile.name
        self.mean_abs_error = self._calibration.mean_abs_error
        self.worst_abs_error = self._calibration.worst_abs_error
        self.shared_ratio = self._calibration.shared_ratio
        self.numbers = [
            EnergyNumber(
                name=name,
                value=f"{number.value:g} {number.unit}",
                source=number.source,
                assumed=number.assumed,
            )
            for name, number in self._profile.numbers.items()
        ]
        sim = Path(__file__).parent.parent
        code = source_fingerprint(*(sim / part for part in CODE))
        self.identity = fingerprint(self._calibration, self._profile, code)

    def helped(self, layer: Layer, plan: LayerPlan, machine: ClusterConfig) -> LayerPlan:
        """See :class:`Predictor`."""
        return helped_plan(layer, plan, machine, Balance.STEAL, self._calibration)

    def least_cycles(
        self, layer: Layer, groups: Sequence[Group], machine: ClusterConfig
    ) -> float:
        """See :class:`Predictor`."""
        return (1 - ROUNDING) * least_cycles(layer, groups, machine, self._calibration)

    def costs(
        self, work: Sequence[tuple[Layer, LayerPlan, ClusterConfig]], *, in_order: bool = False
    ) -> list[Cost]:
        """See :class:`Predictor`. The energy of all in one call, since its checks take most of the
        time."""
        if in_order:
            found = predict_sequence(work, self._calibration)
        else:
            found = [predict_layer(*task, self._calibration) for task in work]
        costs: list[Cost | None] = [None] * len(work)
        alike: dict[ClusterConfig, list[int]] = {}
        for index, (_, _, machine) in enumerate(work):
            alike.setdefault(_of_one_tile(machine), []).append(index)
        for machine, indices in alike.items():
            counters = _stacked([found[index].counters for index in indices], machine.harts)
            spent = energy_of(counters, machine, self._profile).to_dict()
            energy = {
                _short(name): np.broadcast_to(np.asarray(pj, float), len(indices)).tolist()
                for name, pj in spent.items()
            }
            for place, index in enumerate(indices):
                layer, plan, _ = work[index]
                own = {name: values[place] for name, values in energy.items()}
                costs[index] = _cost(family_of(layer, plan.body), found[index], own)
        return costs

    def area_mm2(self, machine: ClusterConfig) -> float:
        """See :class:`Predictor`."""
        return float(area_of(machine, self._profile).total_mm2)

    def energy_factors(self, rng: np.random.Generator, samples: int) -> Mapping[str, np.ndarray]:
        """See :class:`Predictor`."""
        factors = energy_factors(sweep_assumed(self._profile, rng, samples))
        return {_short(name): values for name, values in factors.items()}


def _short(component: str) -> str:
    return component.removesuffix("_pj")


def _cost(kernel: str, found: LayerPrediction, energy: Mapping[str, float]) -> Cost:
    cycles = found.model_cycles
    # A kernel without residuals is as uncertain as one that was not calibrated.
    unknown = cycles if isinf(found.interval[1]) else found.uncalibrated_cycles
    return Cost(
        model_cycles=cycles,
        uncalibrated_cycles=unknown,
        terms=dict(found.terms),
        energy=energy,
        spread=Spread() if unknown else Spread.of(cycles, found.interval),
        extrapolated=frozenset(f"{kernel}: {name}" for name in found.extrapolated),
        extrapolated_cycles=cycles if found.extrapolated else 0.0,
    )


@lru_cache(maxsize=256)
def _of_one_tile(machine: ClusterConfig) -> ClusterConfig:
    """The machine as if its tiles were one: energy is linear in what tiles count."""
    return replace(
        machine, tight_tiles_per_hart=0, tight_harts=None, loose_tiles=1, stream_ports=0
    )


def _stacked(layers: Sequence[ModelCounters], harts: int) -> RunCounters:
    """Counters of many layers as arrays, and those of all tiles as one's."""
    busy = [[one for one in layer.tiles if one is not IDLE] for layer in layers]
    tile = {
        name: np.array([sum([one.get(name, 0.0) for one in tiles]) for tiles in busy], float)
        for name in _TILE
    }
    # (layers, harts, counters) in one go: to make each array alone takes longer.
    counts = np.array(
        [[[own.get(name, 0.0) for name in _HART] for own in layer.harts] for layer in layers]
    )
    return RunCounters(
        harts=[
            {name: counts[:, hart, index] for index, name in enumerate(_HART)}
            for hart in range(harts)
        ],
        tiles=[tile],
        **{
            name: np.array([getattr(layer, name) for layer in layers])
            for name in (*TRAFFIC, "cycles")
        },
    )
