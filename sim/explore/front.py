"""The points that are worth having: nothing else is faster, thriftier and smaller at once."""

from collections.abc import Sequence
from typing import Any

from tightrope.sim.sweeps.pareto import pareto_front

from .rows import Row

__all__ = ["front_dicts", "front_of"]

FIELDS = (
    *("key", "harts", "coupling", "tiles", "asked_coverage", "coverage", "balance", "split"),
    *("model_cycles", "model_low_cycles", "model_high_cycles", "model_energy_pj"),
    *("speedup", "energy_gain", "model_area_mm2", "uncalibrated_ratio", "extrapolated_ratio"),
)
"""Of a row, in summary.json."""


def front_of(rows: Sequence[Row]) -> list[Row]:
    """The Pareto front over tiles (of the machine), cycles and energy; fewest tiles first."""
    return pareto_front(rows, lambda row: (row.tiles, row.model_cycles, row.model_energy_pj))


def front_dicts(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The front as plain data: ``pareto`` in summary.json."""
    return [{name: getattr(row, name) for name in FIELDS} for row in front_of(rows)]
