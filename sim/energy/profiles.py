"""Profiles: a clock, a tile latency, energies per event and areas, each number with its source."""

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .numbers import EnergyError, Number, read_number, read_numbers

__all__ = [
    "PUBLISHED_COMPONENTS",
    "EnergyError",
    "NUMBERS",
    "Number",
    "PROFILE_NAMES",
    "Profile",
    "RATIO_GROUPS",
    "Value",
    "load_profile",
]

VERSION = 2
"""Of the format of profiles.json."""

MVM_REFERENCE_ROWS = MVM_REFERENCE_COLS = 256
"""``mvm_pj`` and ``tile_area_mm2`` are for a tile of this size."""

Value: TypeAlias = float | np.ndarray
"""A number of a profile; in sampled ones an array of shape (samples,)."""

_FILE = Path(__file__).with_name("profiles.json")
_MAX_FILE_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """Energies per event and areas of one technology. ``numbers`` holds each field's source."""

    name: str
    title: str
    clock_mhz: float
    mvm_latency_ns: float
    """Of one MVM, whatever its size."""
    hart_active_pj_per_cycle: Value
    """A hart that executes, its caches and CFU included."""
    hart_waiting_pj_per_cycle: Value
    """A hart that waits for a bus or for the CFU."""
    hart_asleep_pj_per_cycle: Value
    """A hart in the barrier."""
    icache_fill_pj: Value
    """Bringing one 32-byte line in, main memory's array excluded."""
    dcache_fill_pj: Value
    store_pj: Value
    """One store of a word, main memory's array excluded."""
    memory_pj_per_byte: Value
    """Main memory's array, for each byte of its width in each cycle it is occupied."""
    scratchpad_pj_per_byte: Value
    """A byte read from the scratchpad's banks or written to them."""
    dma_pj_per_byte: Value
    """A byte that the DMA engine moves, the arrays of both memories excluded."""
    shared_access_pj: Value
    """One transfer on the shared peripheral bus."""
    mvm_pj: Value
    """An MVM of 256 x 256 weights, converters included."""
    mvm_cell_ratio: Value
    """Part of mvm_pj that grows with the cells used; the three ratios add up to 1."""
    mvm_row_ratio: Value
    """Part that grows with the rows used: word line drivers, input converters."""
    mvm_col_ratio: Value
    """Part that grows with the columns used: output converters."""
    tile_in_pj_per_byte: Value
    """Input queued in a tile."""
    tile_out_pj_per_byte: Value
    """Output dequeued from a tile."""
    program_write_pj: Value
    """One programming write of four weights."""
    static_power_mw: Value
    """Drawn all the time by the whole machine."""
    hart_area_mm2: Value
    """One hart with its caches, CFU and hart-local registers, tiles excluded."""
    tile_area_mm2: Value
    """A tile of 256 x 256 weights: array, drivers, converters and buffers."""
    tile_area_cell_ratio: Value
    """Part of tile_area_mm2 that grows with rows x columns; the three ratios add up to 1."""
    tile_area_row_ratio: Value
    """Part that grows with the rows: drivers, input converters and buffers."""
    tile_area_col_ratio: Value
    """Part that grows with the columns: output converters and buffers."""
    tile_post_area_mm2_per_lane: Value
    """A column per cycle of a tile's digital stage (TileConfig.post_lanes)."""
    streamer_area_mm2: Value
    """What makes a loose tile stream."""
    scratchpad_area_mm2_per_kib: Value
    interconnect_area_mm2_per_port: Value
    """A port of a word; wider ones are several (see ``sim.energy.area``)."""
    dma_area_mm2_per_channel: Value
    """The DMA engine, for each of its channels."""
    numbers: Mapping[str, Number]
    published: Mapping[str, Number]
    """What fields were derived from, and what its papers say besides."""

    @property
    def assumed(self) -> tuple[str, ...]:
        """Fields whose number nobody published."""
        return tuple(name for name, number in self.numbers.items() if number.assumed)

    @property
    def mvm_latency_cycles(self) -> int:
        """Latency of an MVM at this clock, for TileConfig.mvm_latency_cycles."""
        return max(1, math.ceil(self.mvm_latency_ns * self.clock_mhz / 1000 - 1e-9))

    @property
    def static_pj_per_cycle(self) -> Value:
        """1 mW at 1 MHz is 1000 pJ per cycle."""
        return 1000 * self.static_power_mw / self.clock_mhz


NUMBERS: dict[str, tuple[str, float, float]] = {
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
    "hart_area_mm2": ("mm2", 1e-6, 1e4),
    "tile_area_mm2": ("mm2", 0, 1e4),
    "tile_area_cell_ratio": ("1", 0, 1),
    "tile_area_row_ratio": ("1", 0, 1),
    "tile_area_col_ratio": ("1", 0, 1),
    "tile_post_area_mm2_per_lane": ("mm2/lane", 0, 1e4),
    "streamer_area_mm2": ("mm2", 0, 1e4),
    "scratchpad_area_mm2_per_kib": ("mm2/KiB", 0, 1e3),
    "interconnect_area_mm2_per_port": ("mm2/port", 0, 1e3),
    "dma_area_mm2_per_channel": ("mm2/channel", 0, 1e3),
}
"""The numbers of a profile: unit, least and greatest value."""

RATIO_GROUPS = tuple(
    tuple(f"{what}_{part}_ratio" for part in ("cell", "row", "col"))
    for what in ("mvm", "tile_area")
)
"""Numbers that add up to 1."""


def load_profile(name_or_path: str | os.PathLike[str]) -> Profile:
    """A profile of ours by name, or the only one of a JSON file in the format of profiles.json.

    Raises
    ------
    EnergyError: no such profile or file, or one that breaks a rule.
    """
    if os.fspath(name_or_path) in PROFILE_NAMES:
        name = os.fspath(name_or_path)
        return _profile(f"{_FILE.name}: profile {name!r}", name, _OURS[name], PUBLISHED_COMPONENTS)
    path = Path(name_or_path)
    if not path.is_file():
        raise EnergyError(
            f"{path} is neither a file nor one of the profiles: {', '.join(PROFILE_NAMES)}"
        )
    own, profiles = _read(path)
    if len(profiles) != 1:
        raise EnergyError(f"{path} holds {len(profiles)} profiles; one is needed")
    ((name, data),) = profiles.items()
    known = {**PUBLISHED_COMPONENTS, **own}
    return _profile(f"{path.name}: profile {name!r}", name, data, known)


def _read(path: Path) -> tuple[dict[str, Number], dict[str, Any]]:
    """(components, profiles not yet checked) of a file."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise EnergyError(f"{path} is larger than {_MAX_FILE_BYTES} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnergyError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EnergyError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise EnergyError(f"{path} must be a table with version {VERSION}")
    unknown = set(data) - {"version", "components", "profiles"}
    if unknown:
        raise EnergyError(f"{path} has the unknown field {min(unknown)!r}")
    if not isinstance(data.get("profiles"), dict):
        raise EnergyError(f"{path}: profiles must be a table of profiles by name")
    return read_numbers(f"{path.name}: components", data.get("components", {})), data["profiles"]


def _profile(where: str, name: str, data: Any, components: Mapping[str, Number]) -> Profile:
    if not isinstance(data, dict) or not isinstance(data.get("numbers"), dict):
        raise EnergyError(f"{where} must be a table with title and numbers")
    unknown = set(data) - {"title", "numbers", "published"} or set(data["numbers"]) - set(NUMBERS)
    if unknown:
        raise EnergyError(f"{where} has the unknown field {min(unknown)!r}")
    if not isinstance(data.get("title", name), str):
        raise EnergyError(f"{where}: title must be a text, not {data['title']!r}")
    missing = [field for field in NUMBERS if field not in data["numbers"]]
    if missing:
        raise EnergyError(f"{where} lacks the number {missing[0]!r}")
    numbers = {field: read_number(f"{where}: {field}", data["numbers"][field]) for field in NUMBERS}
    published = _with_shared(
        where, read_numbers(f"{where}: published", data.get("published", {})), numbers, components
    )
    _check(where, numbers)
    return Profile(
        name=name,
        title=data.get("title", name),
        numbers=numbers,
        published=published,
        **{field: number.value for field, number in numbers.items()},
    )


def _with_shared(
    where: str,
    published: dict[str, Number],
    numbers: Mapping[str, Number],
    components: Mapping[str, Number],
) -> dict[str, Number]:
    """A profile's published numbers, and those components that its numbers are based on."""
    found = dict(published)
    for field, number in {**published, **numbers}.items():
        for base in number.based_on:
            if base not in published and base not in components:
                raise EnergyError(f"{where}: {field} is based on {base!r}, which is not there")
            found[base] = published.get(base) or components[base]
    return found


def _check(where: str, numbers: Mapping[str, Number]) -> None:
    """Units, ranges, and what adds up to 1."""
    for field, (unit, low, high) in NUMBERS.items():
        number = numbers[field]
        if number.unit != unit:
            raise EnergyError(f"{where}: {field} must be in {unit}, not {number.unit!r}")
        if not low <= number.value <= high:
            raise EnergyError(
                f"{where}: {field} must be from {low:g} to {high:g} {unit}, not {number.value!r}"
            )
    for group in RATIO_GROUPS:
        total = sum(numbers[field].value for field in group)
        if abs(total - 1) > 1e-9:
            raise EnergyError(f"{where}: {', '.join(group)} must add up to 1, not {total!r}")


PUBLISHED_COMPONENTS, _OURS = _read(_FILE)
"""Numbers of components that profiles were derived from, or may be compared with."""
PROFILE_NAMES = tuple(_OURS)
