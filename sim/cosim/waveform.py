"""What a waveform says that happened in a run, counted independently of the machine's counters."""

from dataclasses import dataclass
from pathlib import Path

from tightrope.hw.config import ClusterConfig
from tightrope.hw.probes import probes

from .trace import HART_STATES
from .vcd import Changes, RunWave, read_run

__all__ = ["WaveCounts", "count_events", "read_events", "transfer_cycles"]

_ASLEEP = next(value for value, name in HART_STATES.items() if name == "asleep")
_HART_STATE_BITS = 3


@dataclass(frozen=True, kw_only=True)
class WaveCounts:
    """Events in the first cycles of a run."""

    mvms: tuple[int, ...]
    """MVMS of each tile: the tight ones hart by hart, then the loose ones."""
    busy_cycles: tuple[int, ...]
    """BUSY_CYCLES of each tile."""
    sleep_cycles: tuple[int, ...]
    """SLEEP_CYCLES of each hart."""
    hart_memory_beats: tuple[int, ...]
    """MEMORY_BEATS of each hart."""
    memory_beats: int
    """MEMORY_BEATS of the host's mailbox, those of a DMA engine too."""
    shared_transfers: int
    """SHARED_TRANSFERS."""


def read_events(vcd: Path, config: ClusterConfig, *, run_idx: int = 0) -> RunWave:
    """What :func:`count_events` needs of a waveform that ``run_images`` wrote.

    Raises
    ------
    CosimError
        The file is no waveform of this machine, or it holds fewer runs.
    """
    return read_run(vcd, [*_hart_states(config), *probes(config)], run_idx=run_idx)


def count_events(
    run: RunWave, config: ClusterConfig, *, end_cycle: int | None = None
) -> WaveCounts:
    """Events of cycles 0 to ``end_cycle`` - 1, to the end of the run by default.

    A counter that is read in cycle k counts the cycles before it: it equals what this gives for
    ``end_cycle=k``. Firmware learns k from HartCounter.CYCLES, which reads as k in cycle k; for a
    register on the shared bus the waveform has it too, see :func:`transfer_cycles`.
    """
    end = run.end_cycle if end_cycle is None else end_cycle
    paths = probes(config)
    tiles = range(len(paths["mvm_start"]))

    def cycles(name: str, mask: int, value: int | None = None) -> int:
        """Those in which the masked bits are ``value``, or any of them is set."""
        stretches = _stretches(run.signals[name], end)
        return sum(
            last - first
            for word, first, last in stretches
            if (word & mask != 0 if value is None else word & mask == value)
        )

    state = (1 << _HART_STATE_BITS) - 1
    every_port = (1 << len(paths["memory_beat"])) - 1
    return WaveCounts(
        mvms=tuple(cycles("mvm_start", 1 << tile) for tile in tiles),
        busy_cycles=tuple(cycles("mvm_busy", 1 << tile) for tile in tiles),
        # The state is asleep before it is anything else: see Hart.
        sleep_cycles=tuple(cycles(name, state, _ASLEEP) for name in _hart_states(config)),
        hart_memory_beats=tuple(cycles("memory_beat", 3 << 2 * h) for h in range(config.harts)),
        memory_beats=cycles("memory_beat", every_port),
        shared_transfers=cycles("shared_transfer", 1),
    )


def transfer_cycles(run: RunWave, begin_cycle: int, end_cycle: int) -> list[int]:
    """The cycles of a range in which there is a transfer on the shared bus."""
    return [
        cycle
        for word, first, last in _stretches(run.signals["shared_transfer"], end_cycle)
        if word
        for cycle in range(max(first, begin_cycle), last)
    ]


def _hart_states(config: ClusterConfig) -> list[str]:
    return [f"hart_state_{hart}" for hart in range(config.harts)]


def _stretches(changes: Changes, end_cycle: int) -> list[tuple[int, int, int]]:
    """(value, first, last) of each stretch before ``end_cycle``, ``last`` excluded."""
    ends = [first for first, _ in changes[1:]] + [end_cycle]
    return [
        (value, first, min(last, end_cycle))
        for (first, value), last in zip(changes, ends, strict=True)
        if first < end_cycle
    ]
