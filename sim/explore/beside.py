"""The model's prediction of a run, in ``--json`` and in words, beside what was measured."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.model.errors import ModelError
from tightrope.sim.workload.layers import Layer

from . import predictor
from .errors import ExploreError
from .predictor import Cost, total_of
from .words import around, rests_on

__all__ = [
    "NOTHING",
    "Predicted",
    "error_of",
    "predict",
    "predict_if_possible",
    "prediction_words",
    "scaled",
]

Work = Sequence[tuple[Layer, LayerPlan]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predicted:
    """Layers that run one after the other."""

    costs: tuple[Cost, ...]
    total: Cost
    shared_ratio: float
    mean_abs_error: float

    def fields(self) -> dict[str, Any]:
        """Of all layers together, ready for JSON."""
        low, high = self.total.interval(self.shared_ratio)
        return {
            "model_cycles": self.total.model_cycles,
            "model_low_cycles": low,
            "model_high_cycles": high,
            "uncalibrated_cycles": self.total.uncalibrated_cycles,
            "extrapolated_cycles": self.total.extrapolated_cycles,
            "extrapolated": sorted(self.total.extrapolated),
        }


NOTHING: Mapping[str, Any] = {
    "model_cycles": None,
    "model_low_cycles": None,
    "model_high_cycles": None,
    "uncalibrated_cycles": None,
    "extrapolated_cycles": None,
    "extrapolated": [],
}
"""The fields where the model can't say anything."""


def predict(
    work: Work,
    machine: ClusterConfig,
    profile: str,
    calibration: Path | None,
    *,
    in_order: bool = False,
) -> Predicted:
    """Predict layers, each alone or, ``in_order``, one after the other; raises ModelError,
    EnergyError or ExploreError if that is impossible."""
    model = predictor.load_predictor(profile, calibration)
    tasks = [(layer, plan, machine) for layer, plan in work]
    costs = tuple(model.costs(tasks, in_order=in_order))
    return Predicted(
        costs=costs,
        total=total_of(costs),
        shared_ratio=model.shared_ratio,
        mean_abs_error=model.mean_abs_error,
    )


def predict_if_possible(
    work: Work,
    machine: ClusterConfig,
    profile: str,
    calibration: Path | None,
    message: Callable[[str], None],
    *,
    in_order: bool = False,
) -> Predicted | None:
    """The same for what can do without; None after a message if the package's own calibration
    doesn't know a kernel. A calibration that was asked for by name must."""
    try:
        return predict(work, machine, profile, calibration, in_order=in_order)
    except (ModelError, ExploreError) as error:
        if calibration is not None:
            raise
        message(f"no prediction stands beside what is measured: {error}")
        return None


def error_of(model_cycles: float | None, rtl_cycles: int) -> float | None:
    """Of the model, as a fraction of the RTL's cycles: positive if it predicts too many."""
    return None if model_cycles is None else model_cycles / rtl_cycles - 1


def scaled(fields: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The fields of a run that takes ``factor`` times as long."""
    return {
        name: value * factor if isinstance(value, float) else value
        for name, value in fields.items()
    }


def prediction_words(content: Mapping[str, Any], what: str = "model cycles") -> list[list[str]]:
    """Rows of a table, what and how much, from the fields above; empty without a prediction.

    Without an interval it is one of a pipeline: less than all that it takes.
    """
    cycles = content["model_cycles"]
    if cycles is None:
        return []
    low, high = content["model_low_cycles"], content["model_high_cycles"]
    rows = [[what, f"at least {cycles:,.0f}" if low is None else around(cycles, low, high)]]
    if content.get("error") is not None:
        rows.append(["model error", f"{100 * content['error']:+.1f} %"])
    guessed = content["uncalibrated_cycles"] / cycles, content["extrapolated_cycles"] / cycles
    if any(guessed):
        rows.append(["", rests_on(*guessed)])
    if content["extrapolated"]:
        rows.append(["never measured", "; ".join(content["extrapolated"])])
    return rows
