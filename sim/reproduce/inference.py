"""One of ALPINE's networks on one of its systems: time and energy of an inference."""

import dataclasses

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import CELLS_USED_UNIT, RunCounters, energy_of

from .core import Assumptions, CoreCycles, System, Work
from .layer_work import layer_work
from .staged import StagedNetwork

__all__ = ["Inference", "run_inference"]

INPUT_BYTES = 4
"""Of an element of the input: fp32, as AIMClib scales it."""
_FILL_BYTES = 32
"""Of a line, as energy profiles count them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inference:
    """What one more inference takes when the pipeline is full."""

    time_ns: float
    energy_pj: float
    core_cycles: tuple[CoreCycles, ...]
    """Of each core."""
    works: tuple[Work, ...]
    """Of each core."""
    slowest: int
    """The core that all others wait for."""
    dram_bound: bool
    """All cores wait for the memory's bandwidth instead."""


def run_inference(
    net: StagedNetwork, system: System, assumed: Assumptions, *, cores: int, on_tiles: bool
) -> Inference:
    """``net`` on ``cores`` cores, as its cases divide it.

    Stages on different cores work on different inferences at the same time; each pays for a
    hand-over per row of its output.
    """
    split = net.cases[cores]
    works = _works(net, system, assumed, split, on_tiles)
    found = tuple(work.cycles(system, assumed) for work in works)
    handovers = _handovers(net, split)
    handover_cycles = system.cycles(assumed.handover_ns)
    each = [
        core.total + count * handover_cycles for core, count in zip(found, handovers, strict=True)
    ]
    memory_ns = sum(work.dram_bytes for work in works) / assumed.dram_gb_per_s
    interval = max(*each, system.cycles(memory_ns), 1.0)
    return Inference(
        time_ns=interval / system.cycles(1.0),
        energy_pj=_energy_pj(system, interval, works, found),
        core_cycles=found,
        works=works,
        slowest=each.index(max(each)),
        dram_bound=system.cycles(memory_ns) >= max(each),
    )


def _works(
    net: StagedNetwork,
    system: System,
    assumed: Assumptions,
    split: tuple[int, ...] | None,
    on_tiles: bool,
) -> tuple[Work, ...]:
    """Of each core."""
    digital = [
        layer.params
        for layer in net.network.layers
        if not (on_tiles and layer.name in net.on_tiles)
    ]
    fits = sum(digital) <= system.llc_bytes
    by_stage = []
    for stage, cores in zip(net.stages, split or (1,) * len(net.stages), strict=True):
        work = Work()
        for layer in stage:
            tile = on_tiles and layer.name in net.on_tiles
            work += layer_work(
                layer, system, assumed, on_tile=tile, cores=cores, llc_holds_weights=fits
            )
        if split is not None:
            # What another core has just written is in the LLC.
            height, width, channels = stage[0].in_shape
            work += Work(llc_bytes=height * width * channels)
        by_stage.append(work)
    by_stage[0] += Work(
        instructions=net.input_elements * assumed.input_instructions,
        dram_bytes=net.input_elements * INPUT_BYTES,
    )
    outputs = net.stages[-1][-1].out_shape[2]
    by_stage[-1] += Work(instructions=outputs * assumed.output_instructions)
    if split is None:
        return (sum(by_stage, Work()),)
    return tuple(work for work, cores in zip(by_stage, split, strict=True) for _ in range(cores))


def _handovers(net: StagedNetwork, split: tuple[int, ...] | None) -> list[int]:
    """Of each core, per inference: rows of its stage's output."""
    if split is None:
        return [0]
    return [
        stage[-1].out_shape[0]
        for stage, cores in zip(net.stages, split, strict=True)
        for _ in range(cores)
    ]


def _energy_pj(
    system: System, interval: float, works: tuple[Work, ...], found: tuple[CoreCycles, ...]
) -> float:
    """By the profile, from what our own counters would have shown; cores that wait are idle."""
    machine = ClusterConfig(harts=len(works), tight_tiles_per_hart=1)
    harts = [
        {
            HartCounter.CYCLES: interval,
            HartCounter.SLEEP_CYCLES: max(0.0, interval - core.total),
            HartCounter.DBUS_WAIT_CYCLES: core.weights,
            HartCounter.IBUS_WAIT_CYCLES: 0,
            HartCounter.CFU_WAIT_CYCLES: core.mvm,
            HartCounter.ICACHE_FILLS: 0,
            HartCounter.DCACHE_FILLS: (work.llc_bytes + work.dram_bytes) / _FILL_BYTES,
            HartCounter.STORES: 0,
            HartCounter.SHARED_ACCESSES: 0,
        }
        for work, core in zip(works, found, strict=True)
    ]
    tiles = [
        {
            TileStatusReg.BYTES_IN: work.mvm_rows,
            TileStatusReg.BYTES_OUT: work.mvm_cols,
            TileStatusReg.ROWS_USED: work.mvm_rows,
            TileStatusReg.COLS_USED: work.mvm_cols,
            TileStatusReg.CELLS_USED: work.mvm_cells / CELLS_USED_UNIT,
            TileStatusReg.PROGRAM_WRITES: 0,
        }
        for work in works
    ]
    dram_bytes = sum(work.dram_bytes for work in works)
    counters = RunCounters(
        harts=harts,
        tiles=tiles,
        memory_beats=dram_bytes / machine.memory.bytes_per_cycle,
        cycles=interval,
    )
    return float(energy_of(counters, machine, system.profile).total_pj)
