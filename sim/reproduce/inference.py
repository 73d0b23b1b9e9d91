"""One of ALPINE's networks on one of its systems: time and energy of an inference."""

import dataclasses
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import CELLS_USED_UNIT, RunCounters, energy_of

from .core import Assumptions, CoreCycles, System, Work
from .layer_work import layer_work
from .staged import StagedNetwork

__all__ = ["Inference", "run_energy_pj", "run_inference"]

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
        energy_pj=run_energy_pj(system, interval, works, found),
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
    tiled = net.on_tiles if on_tiles else frozenset()
    digital = [layer.params for layer in net.network.layers if layer.name not in tiled]
    fits = sum(digital) <= system.llc_bytes
    counts = split or (1,) * len(net.stages)
    by_stage = []
    for index, (stage, cores) in enumerate(zip(net.stages, counts, strict=True)):
        work = _input_and_output(net, assumed, index, cores, shared=split is not None)
        for layer in stage:
            tile = layer.name in tiled
            work += layer_work(
                layer, system, assumed, on_tile=tile, cores=cores, llc_holds_weights=fits
            )
        by_stage.append(work)
    if split is None:
        return (sum(by_stage, Work()),)
    return tuple(work for work, cores in zip(by_stage, split, strict=True) for _ in range(cores))


def _input_and_output(
    net: StagedNetwork, assumed: Assumptions, index: int, cores: int, *, shared: bool
) -> Work:
    """What one of a stage's cores reads and writes; ``shared``: stages are on different cores.

    One of them fetches the network's input, the others find it in the LLC, as all do with what
    another core has just written.
    """
    height, width, channels = net.stages[index][0].in_shape
    others = height * width * channels if shared else 0
    work = Work()
    if index == 0:
        others = max(0, others - net.input_elements)
        size = net.input_elements * INPUT_BYTES
        work += Work(
            instructions=net.input_elements * assumed.input_instructions,
            dram_bytes=size / cores,
            llc_bytes=size - size / cores,
        )
    if index == len(net.stages) - 1:
        outputs = net.stages[index][-1].out_shape[2] / cores
        work += Work(instructions=outputs * assumed.output_instructions)
    return work + Work(llc_bytes=others)


def _handovers(net: StagedNetwork, split: tuple[int, ...] | None) -> list[int]:
    """Of each core, per inference: rows of its stage's output."""
    if split is None:
        return [0]
    return [
        stage[-1].out_shape[0]
        for stage, cores in zip(net.stages, split, strict=True)
        for _ in range(cores)
    ]


def run_energy_pj(
    system: System, interval: float, works: Sequence[Work], found: Sequence[CoreCycles]
) -> float:
    """Of ``interval`` cycles, by the profile, from what our own counters would have shown.

    ``works`` and ``found`` are those of each core; for the rest of the interval it is idle.
    """
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
    dram_bytes = sum(work.dram_bytes for work in works)
    counters = RunCounters(
        harts=harts,
        tiles=[_tile_counters(work) for work in works],
        memory_beats=dram_bytes / machine.memory.bytes_per_cycle,
        cycles=interval,
    )
    return float(energy_of(counters, machine, system.profile).total_pj)


def _tile_counters(work: Work) -> dict[TileStatusReg, float]:
    return {
        TileStatusReg.BYTES_IN: work.mvm_rows,
        TileStatusReg.BYTES_OUT: work.mvm_cols,
        TileStatusReg.ROWS_USED: work.mvm_rows,
        TileStatusReg.COLS_USED: work.mvm_cols,
        TileStatusReg.CELLS_USED: work.mvm_cells / CELLS_USED_UNIT,
        TileStatusReg.PROGRAM_WRITES: 0,
    }
