"""What the hardware counted, as JSON and as the energy model reads it."""

from typing import Any

import numpy as np
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.experiment.case import Measurement

__all__ = [
    "TILE_COUNTERS",
    "counters_json",
    "run_counters",
    "run_counters_json",
    "run_counters_of",
]

TILE_COUNTERS = tuple(
    counter
    for counter in TileStatusReg
    if counter not in (TileStatusReg.STATUS, TileStatusReg.GEOMETRY)
)
"""Tile registers that count."""
WORD_BYTES = 4
"""Of the scratchpad."""
MEMORY_COUNTERS = (
    HartCounter.ICACHE_FILLS,
    HartCounter.DCACHE_FILLS,
    HartCounter.STORES,
    HartCounter.SHARED_ACCESSES,
)
"""Hart counters whose sum says how busy memory and the shared bus were."""


def run_counters(measured: Measurement) -> RunCounters:
    """What ``energy_of`` takes."""
    return run_counters_of(
        measured.hart_counters,
        measured.tile_counters,
        measured.machine_counters,
        measured.rtl_cycles,
    )


def run_counters_of(
    harts: np.ndarray, tiles: np.ndarray, machine: np.ndarray, cycles: int
) -> RunCounters:
    """The same of int64 arrays: (harts, HartCounter), (tiles, TileStatusReg), (MachineCounter,)."""
    return RunCounters(
        harts=[{name: int(row[name]) for name in HartCounter} for row in harts],
        tiles=[{name: int(row[name]) for name in TILE_COUNTERS} for row in tiles],
        memory_beats=int(machine[MachineCounter.MEMORY_BEATS]),
        scratchpad_bytes=WORD_BYTES * int(machine[MachineCounter.SCRATCHPAD_BEATS]),
        dma_load_bytes=int(machine[MachineCounter.DMA_LOAD_BYTES]),
        dma_store_bytes=int(machine[MachineCounter.DMA_STORE_BYTES]),
        cycles=cycles,
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
            "memory_beats": counters.memory_beats,
            "scratchpad_beats": counters.scratchpad_bytes // WORD_BYTES,
            "dma_load_bytes": counters.dma_load_bytes,
            "dma_store_bytes": counters.dma_store_bytes,
        }
        | {
            name.name.lower(): int(sum(hart[name] for hart in counters.harts))
            for name in MEMORY_COUNTERS
        },
    }


def _by_name(values: Any) -> dict[str, int]:
    return {name.name.lower(): value for name, value in values.items()}
