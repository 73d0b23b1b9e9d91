"""What the fit is off on cases it has not seen, without touching the held-out ones."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.case import Measurement
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.features import family_of, residual_class
from tightrope.sim.model.interval import CONFIDENCE, Residuals
from tightrope.sim.model.predict import predict_layer
from tightrope.sim.model.ranges import Range, traits_of

from .machines import NOMINAL

__all__ = ["Residual", "cross_validate", "ranges_of", "residuals_of", "shared_ratio"]

FOLDS = 5
SIZES = (8_000.0, 40_000.0)
"""Cycles at which layers of a kernel are parted, if there are enough of each."""
KIND_MIN = 2
"""Machines with the same kernels that are left if one is judged."""
CASES_MIN = 25
"""Of a part: its outermost twentieths need more than one case each."""

Fit = Callable[[Sequence[Measurement]], Calibration]


@dataclasses.dataclass(frozen=True)
class Residual:
    """One case, predicted from others."""

    family: str
    machine: str
    model_cycles: float
    log_ratio: float
    """ln(truth / prediction)."""


def cross_validate(measurements: Sequence[Measurement], fit: Fit) -> list[Residual]:
    """Each case predicted by a fit in which its layer does not occur; and those on a machine of
    which there are several of a kind, by one in which this machine does not.

    Predictions that rest on a loop which the others never ran, or on a machine or a layer outside
    of all others, are left out: they say so.
    """
    layers = [_fold(m.case.layer.name) for m in measurements]
    machines = [m.case.machine.hash for m in measurements]
    odd = _of_a_kind([m.case.machine for m in measurements])
    found: list[Residual] = []
    for fold in range(FOLDS):
        away = set(odd[fold::FOLDS])
        found += _judged(measurements, [own == fold for own in layers], fit)
        found += _judged(measurements, [machine in away for machine in machines], fit)
    return found


def _of_a_kind(machines: Sequence[ClusterConfig]) -> list[str]:
    """Hashes of machines without which there are still KIND_MIN others of their kind."""
    kinds: dict[tuple, set[str]] = {}
    for machine in machines:
        tile = machine.tile
        kind = (tile.output_bytes, tile.post_lanes > 0, machine.stream_ports > 0)
        kinds.setdefault(kind, set()).add(machine.hash)
    many = [members for members in kinds.values() if len(members) > KIND_MIN]
    nominal = {machine.hash for machine in NOMINAL}
    return sorted(set().union(*many) - nominal)


def _judged(
    measurements: Sequence[Measurement], out: Sequence[bool], fit: Fit
) -> Iterator[Residual]:
    """Those that are ``out``, predicted from the others."""
    train = [m for m, left in zip(measurements, out, strict=True) if not left]
    calibration = dataclasses.replace(fit(train), ranges=ranges_of(train))
    for measurement, left in zip(measurements, out, strict=True):
        case = measurement.case
        family = family_of(case.layer, case.body)
        if not left or family not in calibration.kernels:
            continue
        found = predict_layer(case.layer, measurement.plan, case.machine, calibration)
        if not found.uncalibrated_cycles and not found.extrapolated:
            yield Residual(
                family=residual_class(case.layer, measurement.plan),
                machine=case.machine.hash,
                model_cycles=found.model_cycles,
                log_ratio=math.log(measurement.rtl_cycles / found.model_cycles),
            )


def _fold(name: str) -> int:
    """The same for all cases of a layer, today and tomorrow."""
    return sum(name.encode()) % FOLDS


def residuals_of(found: Sequence[Residual]) -> dict[str, tuple[Residuals, ...]]:
    """Intervals by kernel, from short layers to long ones."""
    families = sorted({residual.family for residual in found})
    return {
        family: _classes([residual for residual in found if residual.family == family])
        for family in families
    }


def _classes(found: Sequence[Residual]) -> tuple[Residuals, ...]:
    ordered = sorted(found, key=lambda residual: residual.model_cycles)
    classes: list[Residuals] = []
    part: list[Residual] = []
    left = list(ordered)
    for edge in (*SIZES, math.inf):
        part += [residual for residual in left if residual.model_cycles <= edge]
        left = [residual for residual in left if residual.model_cycles > edge]
        enough = len(part) >= CASES_MIN and (len(left) >= CASES_MIN or not left)
        if enough or edge == math.inf:
            classes.append(_summary(part, edge))
            part = []
    return tuple(classes)


def _summary(part: Sequence[Residual], edge: float) -> Residuals:
    """The twentieth from either side, so that a new case lies outside no more often than that."""
    ratios = sorted(residual.log_ratio for residual in part)
    rank = math.floor((1 - CONFIDENCE) / 2 * (len(ratios) + 1))
    return Residuals(
        up_to_cycles=edge if edge < math.inf else 1e18,
        cases=len(ratios),
        low=round(ratios[max(0, rank - 1)], 5),
        high=round(ratios[min(len(ratios) - 1, len(ratios) - rank)], 5),
    )


def shared_ratio(found: Sequence[Residual]) -> float:
    """Part of the residuals' variance that cases of one kernel on one machine have in common."""
    groups: dict[tuple[str, str], list[float]] = {}
    for residual in found:
        groups.setdefault((residual.family, residual.machine), []).append(residual.log_ratio)
    sizes = np.array([len(values) for values in groups.values()], float)
    total = sizes.sum()
    if len(groups) < 2 or total <= len(groups):
        return 1.0
    means = np.array([np.mean(values) for values in groups.values()])
    within = sum(float(np.sum((np.array(v) - np.mean(v)) ** 2)) for v in groups.values())
    within /= total - len(groups)
    # About 0, not about the grand mean: what all cases have in common is shared as well.
    between = float(np.sum(sizes * means**2)) / len(groups)
    typical = (total - float(np.sum(sizes**2)) / total) / (len(groups) - 1)
    shared = max(0.0, (between - within) / typical)
    return round(shared / (shared + within), 4) if shared + within else 0.0


def ranges_of(measurements: Sequence[Measurement]) -> dict[str, Mapping[str, Range]]:
    """By kernel, what was measured."""
    found: dict[str, dict[str, Range]] = {}
    for measurement in measurements:
        case = measurement.case
        ranges = found.setdefault(family_of(case.layer, case.body), {})
        for name, value in traits_of(case.layer, case.body, case.machine).items():
            low, high = ranges.get(name, (value, value))
            ranges[name] = (min(low, value), max(high, value))
    return dict(sorted(found.items()))
