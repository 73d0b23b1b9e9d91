"""What the hardware counted, as JSON and as the energy model reads it."""

from typing import Any

from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.experiment.case import Measurement

__all__ = ["TILE_COUNTERS", "counters_json", "run_counters", "run_counters_json"]

TILE_COUNTERS = tuple(
    counter
    for counter in TileStatusReg
    if counter not in (TileStatusReg.STATUS, TileStatusReg.GEOMETRY)
)
"""Tile registers that count."""
MEMORY_COUNTERS = (
    HartCounter.MEMORY_BEATS,
    HartCounter.ICACHE_FILLS,
    HartCounter.DCACHE_FILLS,
    HartCounter.STORES,
    HartCounter.SHARED_ACCESSES,
)
"""Hart counters whose sum says how busy memory and the shared bus were."""


def run_counters(measured: Measurement) -> RunCounters:
    """What ``energy_of`` takes."""
    return RunCounters(
        harts=[{name: int(row[name]) for name in HartCounter} for row in measured.hart_counters],
        tiles=[{name: int(row[name]) for name in TILE_COUNTERS} for row in measured.tile_counters],
        memory_beats=int(measured.hart(HartCounter.MEMORY_BEATS).sum()),
        cycles=measured.rtl_cycles,
    )


def counters_json(measured: Measurement) -> dict[str, Any]:
    """By name, a table for each hart and each tile."""
    return run_counters_json(run_counters(measured))


def run_counters_json(counters: RunCounters) -> dict[str, Any]:
    """The same of counters that are there already."""
    return {
        "harts": [_by_name(hart) for hart in counters.harts],
        "tiles": [_by_name(tile) for tile in counters.tiles],
        "memory": {
            name.name.lower(): int(sum(hart[name] for hart in counters.harts))
            for name in MEMORY_COUNTERS
        },
    }


def _by_name(values: Any) -> dict[str, int]:
    return {name.name.lower(): value for name, value in values.items()}
