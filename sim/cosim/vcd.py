"""One run in a waveform: its signals, cycle by cycle."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CosimError
from .wrapper import CLOCK_PERIOD_NS

__all__ = ["Changes", "RunWave", "read_run"]

Changes = list[tuple[int, int]]
"""A time and the value from then on."""


@dataclass(frozen=True, kw_only=True)
class RunWave:
    """A run from the release of reset until ``done``.

    Cycle 0 is the one that ends with the first rising edge of the clock without reset. What a
    register counts shows one cycle later: one that is read in cycle k holds the events of cycles
    0 to k - 1, and a counter of cycles reads as k.
    """

    signals: dict[str, Changes]
    """The first cycle of each value, cycles increasing, within the run."""
    end_cycle: int
    """The first cycle with ``done``, or the end of the file."""


def read_run(vcd: Path, names: list[str], *, run_idx: int = 0) -> RunWave:
    """The signals ``names`` in one run of a waveform that ``run_images`` wrote.

    Raises
    ------
    CosimError
        A signal is not in the file, or it holds fewer runs.
    """
    signals, end_ns = _read_vcd(vcd, ["rst", "done", *names])
    releases = [time for time, value in signals["rst"] if value == 0]
    if run_idx >= len(releases):
        raise CosimError(f"{vcd} has {len(releases)} runs and no run {run_idx}")
    begin_ns = releases[run_idx]
    end_ns = min((t for t, v in signals["done"] if v == 1 and t > begin_ns), default=end_ns)

    def cycle(time_ns: int) -> int:
        # Reset falls half a cycle before the clock rises and everything else changes.
        return (time_ns - begin_ns + CLOCK_PERIOD_NS // 2) // CLOCK_PERIOD_NS

    end_cycle = cycle(end_ns)
    within: dict[str, dict[int, int]] = {name: {} for name in names}
    for name in names:
        for time_ns, value in signals[name]:
            if cycle(time_ns) >= end_cycle:
                break
            # The last value in a cycle is the one that its edge sees.
            within[name][max(cycle(time_ns), 0)] = value
    return RunWave(
        signals={name: list(changes.items()) for name, changes in within.items()},
        end_cycle=end_cycle,
    )


def _read_vcd(vcd: Path, names: list[str]) -> tuple[dict[str, Changes], int]:
    """The changes of each signal, in nanoseconds, and the time of the last change in the file."""
    handler = signal.getsignal(signal.SIGPIPE)
    from vcdvcd import VCDVCD

    # Importing it makes a broken pipe deadly for the whole process, the simulator's socket too.
    if signal.getsignal(signal.SIGPIPE) is not handler:
        signal.signal(signal.SIGPIPE, handler)

    header: Any = VCDVCD(str(vcd), only_sigs=True)
    found: dict[str, str] = {
        reference.split(".")[-1].split("[")[0]: reference for reference in header.signals
    }
    missing = [name for name in names if name not in found]
    if missing:
        raise CosimError(f"{vcd} is no waveform of this machine: it has no {missing[0]}")
    dump: Any = VCDVCD(str(vcd), signals=[found[name] for name in names])
    unit_ns = dump.timescale["timescale"] * 10**9
    changes = {
        name: [
            (int(time * unit_ns), int(value, 2) if set(value) <= {"0", "1"} else 0)
            for time, value in dump[found[name]].tv
        ]
        for name in names
    }
    return changes, int(dump.endtime * unit_ns)
