"""What of a layer's code the instruction cache holds when the layer begins."""

import enum

from .cost import Cost
from .work import FETCH_CYCLES

__all__ = ["HeldCode", "with_held_code"]

RUNTIME_LINES = 7.0
"""Of what runs between two layers, that no kernel drives out."""
KERNEL_RATIO = 0.5
"""Of a kernel's other lines, that neither the layers in between nor the runtime drive out. Both as
counted where networks ran."""


class HeldCode(enum.Enum):
    """What ran before a layer."""

    NOTHING = enum.auto()
    """Other than layers."""
    RUNTIME = enum.auto()
    """Layers of other kernels."""
    KERNEL = enum.auto()
    """A layer of the same kernel, not long ago."""


def with_held_code(costs: list[Cost], held: HeldCode) -> list[Cost]:
    """What the beginning of a layer ``costs``, less the lines that it finds."""
    fills = sum(cost.icache_fills for cost in costs)
    if held is HeldCode.NOTHING or not fills:
        return costs
    found = min(fills, RUNTIME_LINES)
    if held is HeldCode.KERNEL:
        found += KERNEL_RATIO * (fills - found)
    share = found / fills
    return [
        cost._replace(
            icache_fills=cost.icache_fills * (1 - share),
            compute=cost.compute - cost.icache_fills * share * FETCH_CYCLES,
        )
        for cost in costs
    ]
