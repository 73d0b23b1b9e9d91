"""Energy of a run, from the hardware counters and a profile and nothing else.

Symbols: counters in capitals are ``HartCounter`` and ``TileStatusReg`` members, names in lower case
are fields of ``Profile``, where each carries its source. All results are in pJ.

- hart: ``asleep = SLEEP_CYCLES``; ``waiting = min(DBUS_WAIT_CYCLES + IBUS_WAIT_CYCLES +
  CFU_WAIT_CYCLES, CYCLES - asleep)`` (both buses may wait in the same cycle, which then counts
  twice, hence the limit: waiting is an upper bound); ``active = CYCLES - asleep - waiting``; each
  times its hart_*_pj_per_cycle. The three states are those of ALPINE, Table I(B).
- cache fills: ``ICACHE_FILLS * icache_fill_pj + DCACHE_FILLS * dcache_fill_pj``.
- stores: ``STORES * store_pj``.
- memory: ``memory beats * memory.bytes_per_cycle * memory_pj_per_byte``: the array works at its
  whole width in each occupied cycle, also for a store of one word. Beats are those of all: harts,
  DMA engine.
- scratchpad: ``scratchpad bytes * scratchpad_pj_per_byte``: what its banks read or wrote, in whole
  words, for harts, streaming tiles and the DMA engine.
- DMA engine: ``DMA bytes * dma_pj_per_byte``, both memories' arrays excluded.
- shared bus: ``SHARED_ACCESSES * shared_access_pj``.
- MVMs, all of a run together: ``mvm_pj * (mvm_cell_ratio * 64 * CELLS_USED / 256**2 +
  mvm_row_ratio * ROWS_USED / 256 + mvm_col_ratio * COLS_USED / 256)``; a full 256 x 256 MVM costs
  mvm_pj. ALPINE rescales "considering crossbar array size as well as data converters" without
  giving its formula; this one is ours.
- tile input and output: ``BYTES_IN * tile_in_pj_per_byte``, ``BYTES_OUT * tile_out_pj_per_byte``.
- programming: ``PROGRAM_WRITES * program_write_pj``.
- static: ``cycles * 1000 * static_power_mw / clock_mhz``.
"""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter

from .components import COMPONENTS
from .profiles import MVM_REFERENCE_COLS, MVM_REFERENCE_ROWS, EnergyError, Profile

__all__ = ["CELLS_USED_UNIT", "EnergyBreakdown", "RunCounters", "energy_of"]

CELLS_USED_UNIT = 64
"""TileStatusReg.CELLS_USED counts cells in this unit."""

Count: TypeAlias = int | float | np.ndarray
"""A count, or an array of counts: one element per layer, per run or per point of a sweep."""

_TIMES = ("CYCLES", "SLEEP_CYCLES", "DBUS_WAIT_CYCLES", "IBUS_WAIT_CYCLES", "CFU_WAIT_CYCLES")
_HART_EVENTS = ("ICACHE_FILLS", "DCACHE_FILLS", "STORES", "SHARED_ACCESSES")
_TILE_EVENTS = (
    "BYTES_IN",
    "BYTES_OUT",
    "ROWS_USED",
    "COLS_USED",
    "CELLS_USED",
    "PROGRAM_WRITES",
)


class Counters(Protocol):
    """What :func:`energy_of` reads; any object with these attributes will do."""

    @property
    def harts(self) -> Sequence[Mapping[Any, Count]]:
        """Per hart, values by HartCounter (or its name)."""
        ...

    @property
    def tiles(self) -> Sequence[Mapping[Any, Count]]:
        """Per tile, tight ones first, values by TileStatusReg (or its name)."""
        ...

    @property
    def memory_beats(self) -> Count:
        """Cycles the main memory array was occupied, by whomever."""
        ...

    @property
    def scratchpad_bytes(self) -> Count:
        """Read from the scratchpad's banks and written to them, by whomever."""
        ...

    @property
    def dma_bytes(self) -> Count:
        """Moved by the DMA engine, both ways."""
        ...

    @property
    def cycles(self) -> Count:
        """Length of the run."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunCounters:
    """The plainest :class:`Counters`: differences of the hardware counters over a run or layer."""

    harts: Sequence[Mapping[Any, Count]]
    tiles: Sequence[Mapping[Any, Count]] = ()
    memory_beats: Count = 0
    scratchpad_bytes: Count = 0
    dma_load_bytes: Count = 0
    dma_store_bytes: Count = 0
    cycles: Count = 0

    @property
    def dma_bytes(self) -> Count:
        """Both ways."""
        return self.dma_load_bytes + self.dma_store_bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnergyBreakdown:
    """Energy per component in pJ: numbers, or arrays. Breakdowns can be added.

    Fields are the names of ``COMPONENTS``; in arrays of a sampled profile the last axis is samples.
    """

    hart_active_pj: Count = 0.0
    hart_waiting_pj: Count = 0.0
    hart_asleep_pj: Count = 0.0
    icache_fills_pj: Count = 0.0
    dcache_fills_pj: Count = 0.0
    stores_pj: Count = 0.0
    memory_pj: Count = 0.0
    scratchpad_pj: Count = 0.0
    dma_pj: Count = 0.0
    shared_bus_pj: Count = 0.0
    mvm_cells_pj: Count = 0.0
    mvm_rows_pj: Count = 0.0
    mvm_cols_pj: Count = 0.0
    tile_in_pj: Count = 0.0
    tile_out_pj: Count = 0.0
    programming_pj: Count = 0.0
    static_pj: Count = 0.0

    @property
    def total_pj(self) -> Count:
        """Everything."""
        return sum(self.to_dict().values())

    @property
    def tiles_pj(self) -> Count:
        """MVMs, tile ports and programming."""
        mvms = self.mvm_cells_pj + self.mvm_rows_pj + self.mvm_cols_pj
        return mvms + self.tile_in_pj + self.tile_out_pj + self.programming_pj

    def __add__(self, other: "EnergyBreakdown") -> "EnergyBreakdown":
        if not isinstance(other, EnergyBreakdown):
            return NotImplemented
        mine, theirs = self.to_dict(), other.to_dict()
        return EnergyBreakdown(**{name: mine[name] + theirs[name] for name in mine})

    def to_dict(self) -> dict[str, Count]:
        """Component by name, the total excluded."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def energy_of(counters: Counters, config: ClusterConfig, profile: Profile) -> EnergyBreakdown:
    """Energy of a run, a layer, or of many at once if the counters are arrays.

    With a sampled profile (``sim.energy.sampling``) each energy has one more axis, the last one,
    for the samples: counts of shape (points,) give (points, samples).

    Raises
    ------
    EnergyError: counters that are unknown, missing or negative, or not those of this machine.
    """
    events = _events(counters, config)
    return EnergyBreakdown(
        **{
            component.name: np.multiply.outer(events[component.name], component.pj_of(profile))
            for component in COMPONENTS
        }
    )


def _events(counters: Counters, config: ClusterConfig) -> dict[str, Count]:
    """How often what each component pays for happened, checked."""
    harts = _by_name("hart", counters.harts, HartCounter, _TIMES + _HART_EVENTS, config.harts)
    tile_count = config.harts * config.tight_tiles_per_hart + config.loose_tiles
    tiles = _by_name("tile", counters.tiles, TileStatusReg, _TILE_EVENTS, tile_count)
    active, waiting, asleep = _hart_cycles(harts)
    cells = CELLS_USED_UNIT * _total(tiles, "CELLS_USED")
    beats = _checked("memory_beats", counters.memory_beats)
    return {
        "hart_active_pj": active,
        "hart_waiting_pj": waiting,
        "hart_asleep_pj": asleep,
        "icache_fills_pj": _total(harts, "ICACHE_FILLS"),
        "dcache_fills_pj": _total(harts, "DCACHE_FILLS"),
        "stores_pj": _total(harts, "STORES"),
        "memory_pj": beats * config.memory.bytes_per_cycle,
        "scratchpad_pj": _checked("scratchpad_bytes", counters.scratchpad_bytes),
        "dma_pj": _checked("dma_bytes", counters.dma_bytes),
        "shared_bus_pj": _total(harts, "SHARED_ACCESSES"),
        "mvm_cells_pj": cells / (MVM_REFERENCE_ROWS * MVM_REFERENCE_COLS),
        "mvm_rows_pj": _total(tiles, "ROWS_USED") / MVM_REFERENCE_ROWS,
        "mvm_cols_pj": _total(tiles, "COLS_USED") / MVM_REFERENCE_COLS,
        "tile_in_pj": _total(tiles, "BYTES_IN"),
        "tile_out_pj": _total(tiles, "BYTES_OUT"),
        "programming_pj": _total(tiles, "PROGRAM_WRITES"),
        "static_pj": _checked("cycles", counters.cycles),
    }


def _hart_cycles(harts: Sequence[Mapping[str, Count]]) -> tuple[Count, Count, Count]:
    """(active, waiting, asleep) cycles, summed over harts."""
    active, waiting, asleep = 0.0, 0.0, 0.0
    for idx, hart in enumerate(harts):
        awake = hart["CYCLES"] - hart["SLEEP_CYCLES"]
        if np.any(np.asarray(awake) < 0):
            raise EnergyError(f"hart {idx}: SLEEP_CYCLES must not exceed CYCLES")
        waits = hart["DBUS_WAIT_CYCLES"] + hart["IBUS_WAIT_CYCLES"] + hart["CFU_WAIT_CYCLES"]
        stuck = np.minimum(waits, awake)
        active = active + awake - stuck
        waiting = waiting + stuck
        asleep = asleep + hart["SLEEP_CYCLES"]
    return active, waiting, asleep


def _total(parts: Sequence[Mapping[str, Count]], name: str) -> Count:
    return sum((part[name] for part in parts), 0.0)


def _by_name(
    what: str,
    parts: Sequence[Mapping[Any, Count]],
    kind: type[enum.IntEnum],
    needed: Sequence[str],
    count: int,
) -> list[dict[str, Count]]:
    """Counters by name, checked."""
    if len(parts) != count:
        raise EnergyError(f"the machine has {count} {what}(s), the counters {len(parts)}")
    checked = []
    for idx, part in enumerate(parts):
        values = {}
        for key, value in part.items():
            try:
                name = kind[key].name if isinstance(key, str) else kind(key).name
            except (KeyError, ValueError):
                raise EnergyError(f"{what} {idx} has the unknown counter {key!r}") from None
            values[name] = _checked(f"{what} {idx}: {name}", value)
        missing = [name for name in needed if name not in values]
        if missing:
            raise EnergyError(f"{what} {idx} lacks the counter {missing[0]}")
        checked.append(values)
    return checked


def _checked(name: str, value: Count) -> Count:
    """A count as float, so that 32-bit arrays can't overflow."""
    array = np.asarray(value)
    # No comparison holds for what is not a number.
    if array.dtype.kind not in "iuf" or not ((array >= 0) & (array < np.inf)).all():
        raise EnergyError(f"{name} must be numbers from 0, not {value!r}")
    return array.astype(np.float64) if array.ndim else float(array)
