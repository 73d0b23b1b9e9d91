"""Layers that run one after the other: what a layer finds in the instruction cache."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .features import family_of
from .held_code import HeldCode
from .predict import predict_layer
from .prediction import LayerPrediction

__all__ = ["predict_sequence"]

REMEMBERED_LAYERS = 2
"""Before a layer, whose code is still there in part: what lies between two convolutions, a pool or
an addition, is short."""


def predict_sequence(
    work: Sequence[tuple[Layer, LayerPlan, ClusterConfig]], calibration: Calibration
) -> list[LayerPrediction]:
    """As ``predict_layer``, for layers that all harts of a machine run in this order.

    Raises ModelError for a kernel that was not calibrated.
    """
    families = [family_of(layer, plan.body) for layer, plan, _ in work]
    return [
        predict_layer(
            layer, plan, machine, calibration,
            held=_held(families[index], families[max(0, index - REMEMBERED_LAYERS) : index]),
        )
        for index, (layer, plan, machine) in enumerate(work)
    ]  # fmt: skip


def _held(family: str, before: Sequence[str]) -> HeldCode:
    if not before:
        return HeldCode.NOTHING
    return HeldCode.KERNEL if family in before else HeldCode.RUNTIME
