"""What layers and machines a kernel was calibrated on, and what of a layer lies outside."""

from collections.abc import Mapping

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import TILE_BODIES
from tightrope.sim.workload.layers import Layer

__all__ = ["Range", "outside", "traits_of"]

Range = tuple[float, float]
"""The least and the most that was seen."""


def traits_of(layer: Layer, body: Body, machine: ClusterConfig) -> dict[str, float]:
    """What the cost of a layer depends on otherwise than in proportion to a count of loops."""
    traits = {
        "harts": machine.harts,
        "memory latency_cycles": machine.memory.latency_cycles,
        "memory bytes_per_cycle": machine.memory.bytes_per_cycle,
        "input channels": layer.in_shape[2] // layer.groups,
        "output channels": layer.out_shape[2] // layer.groups,
        "kernel height": layer.kernel[0],
        "kernel width": layer.kernel[1],
        "stride": max(layer.stride),
    }
    if body in TILE_BODIES:
        traits["tile rows"] = machine.tile.rows
        traits["tile cols"] = machine.tile.cols
        traits["tile mvm_latency_cycles"] = machine.tile.mvm_latency_cycles
        traits["tile output_bytes"] = machine.tile.output_bytes
        traits["tile post_lanes"] = machine.tile.post_lanes
    if body is Body.STREAM:
        traits["stream_bytes_per_cycle"] = machine.stream_bytes_per_cycle
        traits["dma_bytes_per_cycle"] = machine.dma_bytes_per_cycle
    return traits


def outside(traits: Mapping[str, float], ranges: Mapping[str, Range]) -> tuple[str, ...]:
    """Those traits that lie outside of what was seen, each as ``name value (low .. high)``."""
    found = []
    for name, value in traits.items():
        low, high = ranges.get(name, (value, value))
        if not low <= value <= high:
            found.append(f"{name} {value:g} ({low:g} .. {high:g})")
    return tuple(found)
