"""Energy profiles: a clock, a tile latency and an energy per event, each number with its source."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["EnergyError", "Number", "PROFILE_NAMES", "Profile", "load_profile"]

VERSION = 1
"""Of the format of profiles.json."""

MVM_REFERENCE_ROWS = MVM_REFERENCE_COLS = 256
"""``mvm_pj`` is for an MVM of this size."""

_FILE = Path(__file__).with_name("profiles.json")
_MAX_FILE_BYTES = 1 << 20


class EnergyError(ValueError):
    """A profile or counters that make no sense; one sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number:
    """One number and where it comes from."""

    value: float
    unit: str
    source: str
    """Table and paper, how it was derived from them, or why it was assumed."""
    assumed: bool
    """Nobody published it: it is our choice, or rests on one."""
    node_nm: float | None = None
    voltage_v: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Energies per event of one technology. ``numbers`` holds each field's source."""

    name: str
    title: str
    clock_mhz: float
    mvm_latency_ns: float
    """Of one MVM, whatever its size."""
    hart_active_pj_per_cycle: float
    """A hart that executes, its caches and CFU included."""
    hart_waiting_pj_per_cycle: float
    """A hart that waits for a bus or for the CFU."""
    hart_asleep_pj_per_cycle: float
    """A hart in the barrier."""
    icache_fill_pj: float
    """Bringing one 32-byte line in, main memory's array excluded."""
    dcache_fill_pj: float
    store_pj: float
    """One store of a word, main memory's array excluded."""
    memory_pj_per_byte: float
    """Main memory's array, for each byte of its width in each cycle it is occupied."""
    scratchpad_pj_per_byte: float
    """A byte read from the scratchpad's banks or written to them."""
    dma_pj_per_byte: float
    """A byte that the DMA engine moves, the arrays of both memories excluded."""
    shared_access_pj: float
    """One transfer on the shared peripheral bus."""
    mvm_pj: float
    """An MVM of 256 x 256 weights, converters included."""
    mvm_cell_ratio: float
    """Part of mvm_pj that grows with the cells used; the three ratios add up to 1."""
    mvm_row_ratio: float
    """Part that grows with the rows used: word line drivers, input converters."""
    mvm_col_ratio: float
    """Part that grows with the columns used: output converters."""
    tile_in_pj_per_byte: float
    """Input queued in a tile."""
    tile_out_pj_per_byte: float
    """Output dequeued from a tile."""
    program_write_pj: float
    """One programming write of four weights."""
    static_power_mw: float
    """Drawn all the time by the whole machine."""
    numbers: Mapping[str, Number]
    published: Mapping[str, Number]
    """The tables that fields were derived from."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """Fields whose number nobody published."""
        return tuple(name for name, number in self.numbers.items() if number.assumed)

    @property
    def mvm_latency_cycles(self) -> int:
        """Latency of an MVM at this clock, for TileConfig.mvm_latency_cycles."""
        return max(1, math.ceil(self.mvm_latency_ns * self.clock_mhz / 1000 - 1e-9))

    @property
    def static_pj_per_cycle(self) -> float:
        """1 mW at 1 MHz is 1000 pJ per cycle."""
        return 1000 * self.static_power_mw / self.clock_mhz


_FIELDS: dict[str, tuple[str, float, float]] = {
    "clock_mhz": ("MHz", 1, 10_000),
    "mvm_latency_ns": ("ns", 1, 1e6),
    "hart_active_pj_per_cycle": ("pJ/cycle", 0.1, 1e5),
    "hart_waiting_pj_per_cycle": ("pJ/cycle", 0, 1e5),
    "hart_asleep_pj_per_cycle": ("pJ/cycle", 0, 1e5),
    "icache_fill_pj": ("pJ", 0, 1e6),
    "dcache_fill_pj": ("pJ", 0, 1e6),
    "store_pj": ("pJ", 0, 1e6),
    "memory_pj_per_byte": ("pJ/byte", 0, 1e4),
    "scratchpad_pj_per_byte": ("pJ/byte", 0, 1e4),
    "dma_pj_per_byte": ("pJ/byte", 0, 1e4),
    "shared_access_pj": ("pJ", 0, 1e6),
    "mvm_pj": ("pJ", 1, 1e9),
    "mvm_cell_ratio": ("1", 0, 1),
    "mvm_row_ratio": ("1", 0, 1),
    "mvm_col_ratio": ("1", 0, 1),
    "tile_in_pj_per_byte": ("pJ/byte", 0, 1e4),
    "tile_out_pj_per_byte": ("pJ/byte", 0, 1e4),
    "program_write_pj": ("pJ", 0, 1e9),
    "static_power_mw": ("mW", 0, 1e6),
}
"""Unit, least and greatest value."""


def load_profile(name_or_path: str | os.PathLike[str]) -> Profile:
    """A profile of ours by name, or the only one of a JSON file in the format of profiles.json.

    Raises
    ------
    EnergyError: no such profile or file, or one that breaks a rule.
    """
    if os.fspath(name_or_path) in PROFILE_NAMES:
        return _profile(_FILE, os.fspath(name_or_path), _OURS[os.fspath(name_or_path)])
    path = Path(name_or_path)
    if not path.is_file():
        raise EnergyError(
            f"{path} is neither a file nor one of the profiles: {', '.join(PROFILE_NAMES)}"
        )
    profiles = _read(path)
    if len(profiles) != 1:
        raise EnergyError(f"{path} holds {len(profiles)} profiles; one is needed")
    ((name, data),) = profiles.items()
    return _profile(path, name, data)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise EnergyError(f"{path} is larger than {_MAX_FILE_BYTES} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnergyError(f"{path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise EnergyError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise EnergyError(f"{path} must be a table with version {VERSION}")
    profiles = data.get("profiles")
    if not isinstance(profiles, dict):
        raise EnergyError(f"{path}: profiles must be a table of profiles by name")
    return profiles


def _profile(path: Path, name: str, data: Any) -> Profile:
    where = f"{path.name}: profile {name!r}"
    if not isinstance(data, dict) or not isinstance(data.get("numbers"), dict):
        raise EnergyError(f"{where} must be a table with title and numbers")
    unknown = set(data) - {"title", "numbers", "published"} or set(data["numbers"]) - set(_FIELDS)
    if unknown:
        raise EnergyError(f"{where} has the unknown field {min(unknown)!r}")
    missing = [field for field in _FIELDS if field not in data["numbers"]]
    if missing:
        raise EnergyError(f"{where} lacks the number {missing[0]!r}")
    numbers = {field: _number(where, field, data["numbers"][field]) for field in _FIELDS}
    for field, (unit, low, high) in _FIELDS.items():
        number = numbers[field]
        if number.unit != unit:
            raise EnergyError(f"{where}: {field} must be in {unit}, not {number.unit!r}")
        if not low <= number.value <= high:
            raise EnergyError(
                f"{where}: {field} must be from {low:g} to {high:g} {unit}, not {number.value!r}"
            )
    ratios = sum(numbers[f"mvm_{part}_ratio"].value for part in ("cell", "row", "col"))
    if abs(ratios - 1) > 1e-9:
        raise EnergyError(f"{where}: the three mvm ratios must add up to 1, not {ratios!r}")
    published = data.get("published", {})
    if not isinstance(published, dict):
        raise EnergyError(f"{where}: published must be a table of numbers")
    published = {field: _number(where, field, entry) for field, entry in published.items()}
    values = {field: number.value for field, number in numbers.items()}
    return Profile(
        name=name,
        title=str(data.get("title", name)),
        numbers=numbers,
        published=published,
        **values,
    )


def _number(where: str, field: str, data: Any) -> Number:
    if not isinstance(data, dict):
        raise EnergyError(f"{where}: {field} must be a table with value, unit, source, assumed")
    data = dict(data)
    unknown = set(data) - {f.name for f in dataclasses.fields(Number)}
    if unknown:
        raise EnergyError(f"{where}: {field} has the unknown field {min(unknown)!r}")
    kinds = {"value": (int, float), "unit": str, "source": str, "assumed": bool}
    for key, kind in kinds.items():
        if not isinstance(data.get(key), kind) or (key == "value" and isinstance(data[key], bool)):
            raise EnergyError(f"{where}: {field}.{key} is missing or of the wrong kind")
    if not math.isfinite(data["value"]):
        raise EnergyError(f"{where}: {field}.value must be finite, not {data['value']!r}")
    if not data["source"].strip():
        raise EnergyError(f"{where}: {field}.source must say where the number comes from")
    for key, low, high in (("node_nm", 1, 1000), ("voltage_v", 0.1, 5)):
        value = data.get(key)
        if value is not None and not (isinstance(value, (int, float)) and low <= value <= high):
            raise EnergyError(f"{where}: {field}.{key} must be from {low} to {high}")
    return Number(**{**data, "value": float(data["value"])})


_OURS = _read(_FILE)
PROFILE_NAMES = tuple(_OURS)
