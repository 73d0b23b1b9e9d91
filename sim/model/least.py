"""The least that a layer may take: what need not be predicted, as something else is faster."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import Group, held_channels, of_channels
from tightrope.sim.workload.layers import Layer

from .calibration import Calibration
from .chunk_costs import price_list
from .kernel_dot4 import least_loops
from .kernel_tile import group_loops
from .work import Work

__all__ = ["ROUNDING", "least_cycles", "least_digital_cycles"]

ROUNDING = 1e-9
"""Of sums of cycles, more than it can be."""


def least_digital_cycles(
    layer: Layer, machine: ClusterConfig, calibration: Calibration
) -> float:
    """That a layer takes at the least without tiles: what harts compute, shared out evenly, and
    nothing that they wait for; 0 for one that has no matrix."""
    if not layer.fits_tiles:
        return 0.0
    (cost,) = price_list(layer, Body.DOT4, calibration).price([Work(least_loops(layer), {})])
    return layer.groups * cost.compute / machine.harts


def least_cycles(
    layer: Layer, groups: Sequence[Group], machine: ClusterConfig, calibration: Calibration
) -> float:
    """That a layer takes at the least if ``groups`` are on tight tiles, and the rest is digital."""
    digital = layer.out_shape[2] - held_channels(groups)
    rest = of_channels(layer, digital) if groups else layer
    least = least_digital_cycles(rest, machine, calibration) if digital else 0.0
    # Other harts would compute the same digitally, and tiles that requantise ask for other loops.
    if groups and machine.tiled_harts == machine.harts and not machine.tile.post_lanes:
        loops = [group_loops(layer, group, machine.tile.output_bytes) for group in groups]
        costs = price_list(layer, Body.TIGHT, calibration).price([Work(one, {}) for one in loops])
        least += sum([cost.compute - cost.dispatch for cost in costs]) / machine.harts
    return least
