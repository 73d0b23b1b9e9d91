"""Layers that run one after the other: what a layer finds in the instruction cache."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.mapping.plan import TILE_BODIES, LayerPlan
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .features import family_of
from .held_code import HeldCode
from .predict import predict_layer
from .prediction import LayerPrediction

__all__ = ["predict_sequence"]

def predict_sequence(
    work: Sequence[tuple[Layer, LayerPlan, ClusterConfig]], calibration: Calibration
) -> list[LayerPrediction]:
    """As ``predict_layer``, for layers that all harts of a machine run in this order.

    Raises ModelError for a kernel that was not calibrated.
    """
    found = []
    held, there, last = HeldCode.NOTHING, set[str](), ""
    for layer, plan, machine in work:
        family = family_of(layer, plan.body)
        held = HeldCode.KERNEL if family == last or family in there else held
        found.append(predict_layer(layer, plan, machine, calibration, held=held))
        # The code for tiles is long: it and that of other kernels with weights drive each other
        # out. These leave some of each other, and pools and additions of all.
        there = set() if plan.body in TILE_BODIES else there | {family}
        last = family if layer.has_weights else last
        held = HeldCode.RUNTIME
    return found
