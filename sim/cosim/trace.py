"""A waveform of a run as a timeline for Perfetto (https://ui.perfetto.dev) or chrome://tracing."""

import contextlib
import gzip
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightrope.hw.config import ClusterConfig

from .errors import CosimError
from .wrapper import CLOCK_PERIOD_NS, traced_signals

__all__ = ["HART_STATES", "TILE_STATES", "Interval", "read_intervals", "write_timeline"]

HART_STATES = {0: "compute", 1: "asleep", 2: "bus", 3: "fetch", 4: "CFU"}
"""Names of the values of ``hart_state_<h>``."""
TILE_STATES = {1: "MVM"}

_Changes = list[tuple[int, int]]
"""Time in nanoseconds and the value from then on."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A hart or tile in one state, in cycles since the release of reset."""

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
    signals, end_ns = _read_vcd(vcd, ["rst", "done", *traced_signals(config)])
    releases = [time for time, value in signals["rst"] if value == 0]
    if run_idx >= len(releases):
        raise CosimError(f"{vcd} has {len(releases)} runs and no run {run_idx}")
    begin_ns = releases[run_idx]
    end_ns = min((t for t, v in signals["done"] if v == 1 and t > begin_ns), default=end_ns)

    def cycle(time_ns: int) -> int:
        # Reset falls half a cycle before the clock rises and everything else changes.
        return (time_ns - begin_ns + CLOCK_PERIOD_NS // 2) // CLOCK_PERIOD_NS

    intervals: list[Interval] = []
    for track in _tracks(config):
        for value, first_ns, last_ns in _constant_parts(track, signals[track.signal], end_ns):
            first, last = cycle(max(first_ns, begin_ns)), cycle(last_ns)
            if value in track.states and first < last:
                state = track.states[value]
                intervals.append(
                    Interval(track=track.name, state=state, begin_cycle=first, end_cycle=last)
                )
    return intervals


def write_timeline(
    vcd: Path, output: Path, config: ClusterConfig, *, clock_mhz: float, run_idx: int = 0
) -> None:
    """Write the timeline of one run: a track for each hart and tile, as Chrome's trace JSON.

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
    """Harts, then tiles, in the order of the bits of ``tile_busy``."""
    tight = config.tight_tiles_per_hart
    tiles = [f"hart {hart} tile {tile}" for hart in range(config.harts) for tile in range(tight)]
    tiles += [f"loose tile {tile}" for tile in range(config.loose_tiles)]
    harts = [
        _Track(name=f"hart {h}", signal=f"hart_state_{h}", shift=0, mask=7, states=HART_STATES)
        for h in range(config.harts)
    ]
    return harts + [
        _Track(name=name, signal="tile_busy", shift=bit, mask=1, states=TILE_STATES)
        for bit, name in enumerate(tiles)
    ]


def _constant_parts(
    track: _Track, changes: _Changes, end_ns: int
) -> Iterator[tuple[int, int, int]]:
    """(value, first, last) of each stretch of time in which the track keeps its value."""
    current, first_ns = None, 0
    for time_ns, word in changes:
        value = word >> track.shift & track.mask
        if time_ns >= end_ns:
            break
        if value != current:
            if current is not None:
                yield current, first_ns, time_ns
            current, first_ns = value, time_ns
    if current is not None:
        yield current, first_ns, end_ns


def _read_vcd(vcd: Path, names: list[str]) -> tuple[dict[str, _Changes], int]:
    """The changes of each signal, and the time of the last change in the file."""
    handler = signal.getsignal(signal.SIGPIPE)
    from vcdvcd import VCDVCD

    # Importing it makes a broken pipe deadly for the whole process, the simulator's socket too.
    if signal.getsignal(signal.SIGPIPE) is not handler:
        signal.signal(signal.SIGPIPE, handler)

    dump: Any = VCDVCD(str(vcd))
    found: dict[str, str] = {
        reference.split(".")[-1].split("[")[0]: reference for reference in dump.signals
    }
    missing = [name for name in names if name not in found]
    if missing:
        raise CosimError(f"{vcd} is no waveform of this machine: it has no {missing[0]}")
    unit_ns = dump.timescale["timescale"] * 10**9
    changes = {
        name: [
            (int(time * unit_ns), int(value, 2) if set(value) <= {"0", "1"} else 0)
            for time, value in dump[found[name]].tv
        ]
        for name in names
    }
    return changes, int(dump.endtime * unit_ns)


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
