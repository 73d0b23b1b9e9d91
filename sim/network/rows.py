"""A row of a sweep over whole networks: one point, measured on RTL."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter
from tightrope.sim.energy.energy import RunCounters
from tightrope.sim.explore.beside import error_of

from .mapping import NetworkMapping
from .points import Point
from .run import NetworkRun

__all__ = ["NetworkRow", "TERMS", "make_row", "terms_of"]

TERM_PREFIX = "rtl_ratio_"
"""Of columns that split the harts' time by cause."""
TERMS: Mapping[str, tuple[HartCounter, ...]] = {
    "memory": (HartCounter.DBUS_WAIT_CYCLES, HartCounter.IBUS_WAIT_CYCLES),
    "tile_wait": (HartCounter.CFU_WAIT_CYCLES,),
    "asleep": (HartCounter.SLEEP_CYCLES,),
}
"""Causes for which harts wait. ``memory``: data and instructions, and registers of loose tiles;
``tile_wait``: on a tight tile; ``asleep``: until the last hart has ended, and on loose tiles, which
are waited for asleep. The rest is ``work``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkRow:
    """One point, measured."""

    key: str
    """Names the point and what is run: the row's identity."""
    run_key: str
    """Names what is run: network, inputs, plans, machine, firmware and RTL. Points may share it."""
    network: str
    way: str
    balancing: str
    harts: int
    asked_coverage: float
    coverage: float
    """Parameters that sit on tiles / all parameters."""
    mac_coverage: float
    tiles_used: int
    macs: int
    """Of one input."""
    inputs: int
    rtl_cycles: int
    """Of all inputs; programming of tiles, once before the first, left out."""
    cycles_per_input: float
    latency_cycles: float
    """From an input's first layer to the end of its last."""
    program_cycles: int
    planned_bytes: int
    """For activations."""
    touched_bytes: int
    memory_bytes: int
    mismatches: int
    problem: str
    busiest_tile_ratio: float
    """The part of the run in which the busiest tile's array computed; 0 without tiles."""
    terms: dict[str, float]
    """Parts of the harts' time, of which work and the causes of :data:`TERMS` make 1."""
    seconds: float
    """Wall time of building the image, running and comparing."""
    model_cycles: float | None = None
    """What the model says of ``rtl_cycles``; of a pipeline what it takes at least. None if it knows
    a kernel not, or in rows of older versions."""

    @property
    def model_error(self) -> float | None:
        """As a fraction of the RTL's cycles: positive if the model predicts too many."""
        return error_of(self.model_cycles, self.rtl_cycles)

    @property
    def macs_per_cycle(self) -> float:
        """Throughput."""
        return self.macs / self.cycles_per_input

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; TypeError if the fields differ."""
        return cls(**data)

    def flat(self) -> dict[str, Any]:
        """One value per column; the causes become columns of their own."""
        data = self.to_dict()
        terms = data.pop("terms")
        return data | {TERM_PREFIX + name: value for name, value in terms.items()}


def make_row(
    key: str,
    run_key: str,
    network: str,
    point: Point,
    mapping: NetworkMapping,
    run: NetworkRun,
    seconds: float,
    model_cycles: float | None,
) -> NetworkRow:
    """The row of a run of ``mapping``, which is the point's."""
    return NetworkRow(
        key=key,
        run_key=run_key,
        network=network,
        **_labels(point, mapping),
        macs=mapping.network.macs,
        inputs=run.inputs,
        rtl_cycles=run.rtl_cycles,
        cycles_per_input=run.cycles_per_input,
        latency_cycles=latency_cycles(run.rtl_cycles, run.inputs, mapping.stage_harts),
        program_cycles=run.program_cycles,
        planned_bytes=run.activation_bytes,
        touched_bytes=run.touched_bytes,
        memory_bytes=run.memory_bytes,
        mismatches=run.mismatches,
        problem=run.problem,
        busiest_tile_ratio=_busiest_tile(run.counters),
        terms=terms_of(run.counters),
        seconds=seconds,
        model_cycles=model_cycles,
    )


def same_run(
    row: NetworkRow, key: str, point: Point, mapping: NetworkMapping, model_cycles: float | None
) -> NetworkRow:
    """The row of a point of which the very same is run as for ``row``."""
    return dataclasses.replace(
        row, key=key, model_cycles=model_cycles, **_labels(point, mapping)
    )


def _labels(point: Point, mapping: NetworkMapping) -> dict[str, Any]:
    """What was asked for, and what the mapping made of it."""
    allocation = mapping.allocation
    return {
        "way": point.way.value,
        "balancing": point.balancing.value,
        "harts": point.machine.harts,
        "asked_coverage": point.coverage,
        "coverage": allocation.coverage if allocation else 0.0,
        "mac_coverage": allocation.mac_coverage if allocation else 0.0,
        "tiles_used": allocation.used_tiles if allocation else 0,
    }


def latency_cycles(rtl_cycles: int, inputs: int, stage_harts: tuple[int, ...]) -> float:
    """Cycles of one input from end to end; of a pipeline, a mean beat for each stage."""
    if not stage_harts:
        return rtl_cycles / inputs
    stages = len(set(stage_harts))
    beats = inputs + stages - 1
    return rtl_cycles / beats * stages


def terms_of(counters: RunCounters) -> dict[str, float]:
    """Parts of the harts' time by cause; they add up to 1."""
    total = counters.cycles * len(counters.harts)
    terms = {
        name: sum(hart[counter] for hart in counters.harts for counter in causes) / total
        for name, causes in TERMS.items()
    }
    return {"work": 1.0 - sum(terms.values()), **terms}


def _busiest_tile(counters: RunCounters) -> float:
    busy = [tile[TileStatusReg.BUSY_CYCLES] for tile in counters.tiles]
    return max(busy, default=0) / counters.cycles
