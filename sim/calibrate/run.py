"""Measure, fit, judge: what ``tightrope calibrate`` and ``tightrope validate`` do."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from tightrope.sim.experiment.case import Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.model.calibration import DEFAULT_FILE, Calibration, save_calibration
from tightrope.sim.model.features import family_of
from tightrope.sim.model.interval import Interval
from tightrope.sim.model.predict import load_calibration, predict_layer

from .cases import fit_cases
from .counters import CounterErrors, judge_counters
from .fit import fit_calibration
from .held_out import held_out_cases
from .residuals import cross_validate, ranges_of, residuals_of, shared_ratio

__all__ = ["CaseError", "Validation", "calibrate", "fit_and_judge", "judge", "validate"]

Progress = Callable[[int, int], None]
Message = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaseError:
    """One case, measured and predicted."""

    name: str
    kernel: str
    rtl_cycles: int
    model_cycles: float
    interval: Interval
    extrapolated: tuple[str, ...] = ()

    @property
    def error(self) -> float:
        """Of the model, as a fraction of the RTL's cycles; positive if it predicts too many."""
        return self.model_cycles / self.rtl_cycles - 1

    @property
    def inside(self) -> bool:
        """Whether the truth lies in the model's interval."""
        return self.interval[0] <= self.rtl_cycles <= self.interval[1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Validation:
    """The model against RTL."""

    cases: tuple[CaseError, ...]
    mismatches: int
    """Outputs of the RTL that were wrong."""
    counters: tuple[CounterErrors, ...] = ()
    """What else of the model was compared with the hardware's counters."""

    @property
    def mean_abs_error(self) -> float:
        """A fraction."""
        return sum(abs(case.error) for case in self.cases) / len(self.cases)

    @property
    def worst_abs_error(self) -> float:
        """A fraction."""
        return max(abs(case.error) for case in self.cases)

    @property
    def inside_interval(self) -> float:
        """Share of the truths that lie in the model's intervals: CONFIDENCE if these are right."""
        return sum(case.inside for case in self.cases) / len(self.cases)

    def to_dict(self) -> dict:
        """Plain data, as the command's JSON."""
        return {
            "cases": [dataclasses.asdict(case) | {"error": case.error} for case in self.cases],
            "mean_abs_error": self.mean_abs_error,
            "worst_abs_error": self.worst_abs_error,
            "inside_interval": self.inside_interval,
            "counters": [dataclasses.asdict(counter) for counter in self.counters],
            "mismatches": self.mismatches,
        }


def judge(measurements: Sequence[Measurement], calibration: Calibration) -> Validation:
    """Predict what was measured."""
    cases, counters = [], []
    for found in measurements:
        case = found.case
        predicted = predict_layer(case.layer, found.plan, case.machine, calibration)
        counters.append(predicted.counters)
        cases.append(
            CaseError(
                name=case.name,
                kernel=family_of(case.layer, case.body),
                rtl_cycles=found.rtl_cycles,
                model_cycles=predicted.model_cycles,
                interval=predicted.interval,
                extrapolated=predicted.extrapolated,
            )
        )
    return Validation(
        cases=tuple(cases),
        counters=judge_counters(measurements, counters),
        mismatches=sum(found.mismatches for found in measurements),
    )


def _by_kernel(validation: Validation) -> dict[str, dict[str, float]]:
    kernels: dict[str, list[float]] = {}
    for case in validation.cases:
        kernels.setdefault(case.kernel, []).append(abs(case.error))
    return {
        kernel: {
            "cases": len(errors),
            "mean_abs_error": round(sum(errors) / len(errors), 5),
            "worst_abs_error": round(max(errors), 5),
        }
        for kernel, errors in sorted(kernels.items())
    }


def _summary(validation: Validation) -> dict:
    return {
        "cases": len(validation.cases),
        "mean_abs_error": round(validation.mean_abs_error, 5),
        "worst_abs_error": round(validation.worst_abs_error, 5),
        "inside_interval": round(validation.inside_interval, 5),
        "kernels": _by_kernel(validation),
    }


def calibrate(
    path: Path = DEFAULT_FILE,
    *,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> tuple[Calibration, Validation]:
    """Measure the microbenchmarks and the held-out cases, fit, store; returns both judgements.

    Raises CosimError if a run fails and WrongOutputError if the RTL computes something wrong.
    """
    training, held_out = fit_cases(), held_out_cases()
    found = measure(
        [*training, *held_out], on_progress=on_progress, on_message=on_message
    )
    calibration, validation = fit_and_judge(found[: len(training)], found[len(training) :])
    save_calibration(calibration, path)
    return calibration, validation


def fit_and_judge(
    training: Sequence[Measurement], held_out: Sequence[Measurement]
) -> tuple[Calibration, Validation]:
    """All that is stored, from measurements; only the judgement looks at ``held_out``."""
    found = cross_validate(training, fit_calibration)
    calibration = dataclasses.replace(
        fit_calibration(training),
        residuals=residuals_of(found),
        shared_ratio=shared_ratio(found),
        ranges=ranges_of(training),
    )
    validation = judge(held_out, calibration)
    calibration = dataclasses.replace(
        calibration, fit=_summary(judge(training, calibration)), held_out=_summary(validation)
    )
    return calibration, validation


def validate(
    calibration: Calibration | None = None,
    *,
    on_progress: Progress | None = None,
    on_message: Message | None = None,
) -> Validation:
    """Measure the held-out cases on RTL and predict them with a calibration (the stored one)."""
    found = measure(held_out_cases(), on_progress=on_progress, on_message=on_message)
    return judge(found, calibration or load_calibration())
