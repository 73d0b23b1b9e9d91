"""A waveform of a run as a timeline for Perfetto (https://ui.perfetto.dev) or chrome://tracing."""

import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightrope.hw.config import ClusterConfig
from tightrope.hw.probes import probes

from .vcd import RunWave, read_run
from .wrapper import traced_signals

__all__ = [
    "HART_STATES",
    "MOVE_STATES",
    "TILE_STATES",
    "Interval",
    "read_intervals",
    "write_timeline",
]

HART_STATES = {0: "compute", 1: "asleep", 2: "bus", 3: "fetch", 4: "CFU"}
"""Names of the values of ``hart_state_<h>``."""
TILE_STATES = {1: "MVM"}
MOVE_STATES = {
    "stream_in": "stream-in", "stream_out": "stream-out", "dma_load": "load", "dma_store": "store",
}  # fmt: skip
"""What it is called when a bit of such a probe is set."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A hart, a tile or what moves data in one state, in cycles since the release of reset."""

    track: str
    state: str
    begin_cycle: int
    end_cycle: int


@dataclass(frozen=True, kw_only=True)
class _Track:
    name: str
    signal: str
    shift: int
    mask: int
    states: dict[int, str]


def read_intervals(vcd: Path, config: ClusterConfig, *, run_idx: int = 0) -> list[Interval]:
    """The intervals of one run of a waveform that ``run_images`` wrote, track by track.

    Raises
    ------
    CosimError
        The file is no such waveform, or it holds fewer runs.
    """
    moves = [name for name in probes(config) if name in MOVE_STATES]
    run = read_run(vcd, [*traced_signals(config), *moves], run_idx=run_idx)
    return [
        Interval(track=track.name, state=track.states[value], begin_cycle=first, end_cycle=last)
        for track in _tracks(config)
        for value, first, last in _constant_parts(track, run)
        if value in track.states
    ]


def write_timeline(
    vcd: Path, output: Path, config: ClusterConfig, *, clock_mhz: float, run_idx: int = 0
) -> None:
    """Write the timeline of one run: tracks as Chrome's trace JSON.

    There is one for each hart and tile, two more for each streaming tile, in between which it
    computes, and one for each direction of the DMA engine.
    A cycle lasts 1 / ``clock_mhz`` microseconds. With a name that ends in .gz the file is
    compressed, which Perfetto reads as well. The file appears only when it is complete.
    """
    intervals = read_intervals(vcd, config, run_idx=run_idx)
    rows = {track.name: row for row, track in enumerate(_tracks(config))}
    with _replacing(output) as write:
        write('{"displayTimeUnit":"ns","traceEvents":[\n')
        write(json.dumps(_label("process_name", None, {"name": "tightrope"})))
        for name, row in rows.items():
            write(",\n" + json.dumps(_label("thread_name", row, {"name": name})))
            write(",\n" + json.dumps(_label("thread_sort_index", row, {"sort_index": row})))
        for interval in intervals:
            write(",\n" + json.dumps(_event(interval, rows[interval.track], clock_mhz)))
        write("\n]}\n")


def _label(name: str, row: int | None, args: dict[str, Any]) -> dict[str, Any]:
    thread = {} if row is None else {"tid": row}
    return {"ph": "M", "pid": 0, **thread, "name": name, "args": args}


def _event(interval: Interval, row: int, clock_mhz: float) -> dict[str, Any]:
    cycles = interval.end_cycle - interval.begin_cycle
    return {
        "ph": "X",
        "pid": 0,
        "tid": row,
        "name": interval.state,
        "ts": interval.begin_cycle / clock_mhz,
        "dur": cycles / clock_mhz,
        "args": {"cycle": interval.begin_cycle, "cycles": cycles},
    }


def _tracks(config: ClusterConfig) -> list[_Track]:
    """Harts, then tiles in the order of the bits of ``tile_busy``, then the DMA engine."""
    tight = config.tight_tiles_per_hart
    tiles = [f"hart {hart} tile {tile}" for hart in range(config.harts) for tile in range(tight)]
    tracks = [
        _Track(name=f"hart {h}", signal=f"hart_state_{h}", shift=0, mask=7, states=HART_STATES)
        for h in range(config.harts)
    ]
    tracks += [_bit_track(name, "tile_busy", bit, TILE_STATES[1]) for bit, name in enumerate(tiles)]
    for tile in range(config.loose_tiles):
        name = f"loose tile {tile}"
        computes = _bit_track(name, "tile_busy", len(tiles) + tile, TILE_STATES[1])
        tracks += _move_tracks(config, name, ("stream_in",), tile)
        tracks += [computes, *_move_tracks(config, name, ("stream_out",), tile)]
    return tracks + _move_tracks(config, "DMA", ("dma_load", "dma_store"), 0)


def _move_tracks(
    config: ClusterConfig, name: str, signals: tuple[str, ...], bit: int
) -> list[_Track]:
    """Of those ``signals`` that the machine has."""
    return [
        _bit_track(f"{name} {MOVE_STATES[signal]}", signal, bit, MOVE_STATES[signal])
        for signal in signals
        if signal in probes(config)
    ]


def _bit_track(name: str, signal: str, bit: int, state: str) -> _Track:
    return _Track(name=name, signal=signal, shift=bit, mask=1, states={1: state})


def _constant_parts(track: _Track, run: RunWave) -> Iterator[tuple[int, int, int]]:
    """(value, first, last) of each stretch of cycles in which the track keeps its value."""
    current, first = None, 0
    for cycle, word in run.signals[track.signal]:
        value = word >> track.shift & track.mask
        if value != current:
            if current is not None:
                yield current, first, cycle
            current, first = value, cycle
    if current is not None:
        yield current, first, run.end_cycle


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Callable[[str], object]]:
    """Write a text file that takes the place of ``path`` once it is complete."""
    opener = gzip.open if path.suffix == ".gz" else open
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    partial = Path(name)
    try:
        with opener(partial, "wt", encoding="utf-8") as file:
            yield file.write
        # mkstemp makes files private; this one is to be like any other.
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
