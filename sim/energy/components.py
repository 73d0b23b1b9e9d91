"""Where the joules go: each component, what it pays for, and which numbers it multiplies that with.

A component has one product of numbers, so its energy under another value of a number is in
proportion; ``sim.energy.sampling`` relies on that.
"""

import dataclasses
from math import prod

from .profiles import Profile, Value

__all__ = ["COMPONENTS", "Component"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """One part of an EnergyBreakdown."""

    name: str
    """Field of EnergyBreakdown."""
    label: str
    """For people."""
    event: str
    """What it pays for, for people; the formulas are in ``sim.energy.energy``."""
    factors: tuple[str, ...]
    """Attributes of Profile whose product is the energy of one event."""

    def pj_of(self, profile: Profile) -> Value:
        """Energy of one event."""
        return prod(getattr(profile, name) for name in self.factors)


def _component(name: str, label: str, event: str, *factors: str) -> Component:
    return Component(name=name, label=label, event=event, factors=factors)


COMPONENTS = (
    _component("hart_active_pj", "harts, executing", "cycle", "hart_active_pj_per_cycle"),
    _component("hart_waiting_pj", "harts, waiting", "cycle", "hart_waiting_pj_per_cycle"),
    _component("hart_asleep_pj", "harts, asleep", "cycle", "hart_asleep_pj_per_cycle"),
    _component("icache_fills_pj", "I$ fills", "line", "icache_fill_pj"),
    _component("dcache_fills_pj", "D$ fills", "line", "dcache_fill_pj"),
    _component("stores_pj", "stores", "store", "store_pj"),
    _component("memory_pj", "main memory", "beat x its width in bytes", "memory_pj_per_byte"),
    _component("scratchpad_pj", "scratchpad", "byte", "scratchpad_pj_per_byte"),
    _component("dma_pj", "DMA engine", "byte", "dma_pj_per_byte"),
    _component("shared_bus_pj", "shared bus", "transfer", "shared_access_pj"),
    _component("mvm_cells_pj", "MVMs, array", "cell used / 256^2", "mvm_pj", "mvm_cell_ratio"),
    _component("mvm_rows_pj", "MVMs, rows", "row used / 256", "mvm_pj", "mvm_row_ratio"),
    _component("mvm_cols_pj", "MVMs, columns", "column used / 256", "mvm_pj", "mvm_col_ratio"),
    _component("tile_in_pj", "tiles, input", "byte queued", "tile_in_pj_per_byte"),
    _component("tile_out_pj", "tiles, output", "byte dequeued", "tile_out_pj_per_byte"),
    _component("programming_pj", "programming", "write of four weights", "program_write_pj"),
    _component("static_pj", "static", "cycle of the run", "static_pj_per_cycle"),
)
"""In the order they are stacked."""
