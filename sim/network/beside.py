"""What the model says of a run of a whole network, beside what was measured."""

from collections.abc import Sequence
from typing import Any

from tightrope.sim.explore.beside import NOTHING, Predicted, scaled
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.errors import ModelError
from tightrope.sim.model.sequence import predict_sequence

from .mapping import NetworkMapping
from .pipeline import run_cycles

__all__ = ["model_cycles_of", "run_fields"]


def model_cycles_of(
    mapping: NetworkMapping, inputs: int, calibration: Calibration
) -> float | None:
    """Of a run over so many inputs; None if a layer's kernel was not calibrated.

    Of a pipeline what it takes at least: see :func:`run_cycles`.
    """
    try:
        layers = zip(mapping.network.layers, mapping.plans, strict=True)
        found = predict_sequence([(*one, mapping.machine) for one in layers], calibration)
    except ModelError:
        return None
    return run_cycles([one.model_cycles for one in found], mapping.stage_harts, inputs)


def run_fields(
    found: Predicted | None, stage_harts: Sequence[int], inputs: int
) -> dict[str, Any]:
    """Fields for ``--json`` of a run over some inputs, from the layers of one.

    A pipeline's has no interval: what its stages lose to each other is not in the model.
    """
    if found is None:
        return dict(NOTHING)
    lengths = [cost.model_cycles for cost in found.costs]
    cycles = run_cycles(lengths, stage_harts, inputs)
    fields = scaled(found.fields(), cycles / found.total.model_cycles)
    if stage_harts:
        fields |= {"model_low_cycles": None, "model_high_cycles": None}
    return fields
