"""The model's counters against the hardware's: what energy and contention are made of."""

import dataclasses
from collections.abc import Callable, Sequence

from tightrope.hw.isa import TileStatusReg
from tightrope.hw.regs import HartCounter, MachineCounter
from tightrope.sim.experiment.case import Measurement
from tightrope.sim.model.prediction import ModelCounters

__all__ = ["COUNTER_BAR", "CounterErrors", "judge_counters"]

COUNTER_BAR = 0.05
"""How far off a counter may be, as a fraction."""
LEAST_OF_TIME = 0.05
"""Cycles that are a smaller part of the harts' time are judged as if they were as many as that: a
hart that sleeps for 20 cycles of 10 000, and not 40, is no error of 100 %."""
EXACT = 1e-9
WORD_BYTES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class CounterErrors:
    """How far off the model is in one counter, over the cases in which there is any of it."""

    name: str
    cases: int
    exact: int
    """Cases in which it is what the hardware counted."""
    within_bar: int
    """Cases in which it is off by COUNTER_BAR at the most."""
    mean_abs_error: float
    """A fraction of what the hardware counted; of cycles LEAST_OF_TIME of the harts' time, if that
    is more."""
    worst_abs_error: float
    worst_case: str
    total_error: float
    """Of all cases together: positive if the model counts too much."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Counter:
    model: Callable[[ModelCounters, Measurement], float]
    rtl: Callable[[Measurement], float]
    is_time: bool = False
    """Cycles of harts."""


def _of_harts(*counters: HartCounter, is_time: bool = False) -> _Counter:
    return _Counter(
        model=lambda found, _: sum(
            hart.get(name, 0.0) for hart in found.harts for name in counters
        ),
        rtl=lambda measured: sum(int(measured.hart(name).sum()) for name in counters),
        is_time=is_time,
    )


def _of_tiles(counter: TileStatusReg) -> _Counter:
    return _Counter(
        model=lambda found, _: sum(tile.get(counter, 0.0) for tile in found.tiles),
        rtl=lambda measured: int(measured.tile(counter).sum()),
    )


def _dma_bytes(measured: Measurement) -> int:
    loads, stores = MachineCounter.DMA_LOAD_BYTES, MachineCounter.DMA_STORE_BYTES
    return measured.machine(loads) + measured.machine(stores)


def _memory_bytes(measured: Measurement) -> int:
    """In whole beats. The machine's own counter has those before and after the layer too."""
    beats = int(measured.hart(HartCounter.MEMORY_BEATS).sum())
    return beats * measured.case.machine.memory.bytes_per_cycle + _dma_bytes(measured)


COUNTERS = {
    "MVMs": _of_tiles(TileStatusReg.MVMS),
    "tile bytes in": _of_tiles(TileStatusReg.BYTES_IN),
    "tile bytes out": _of_tiles(TileStatusReg.BYTES_OUT),
    "tile programming writes": _of_tiles(TileStatusReg.PROGRAM_WRITES),
    "main memory bytes": _Counter(
        model=lambda found, measured: (
            found.memory_beats * measured.case.machine.memory.bytes_per_cycle
        ),
        rtl=_memory_bytes,
    ),
    "scratchpad bytes": _Counter(
        model=lambda found, _: found.scratchpad_bytes,
        rtl=lambda measured: WORD_BYTES * measured.machine(MachineCounter.SCRATCHPAD_BEATS),
    ),
    "DMA bytes": _Counter(model=lambda found, _: found.dma_bytes, rtl=_dma_bytes),
    "shared bus accesses": _of_harts(HartCounter.SHARED_ACCESSES),
    "instruction lines": _of_harts(HartCounter.ICACHE_FILLS),
    "data lines": _of_harts(HartCounter.DCACHE_FILLS),
    "stores": _of_harts(HartCounter.STORES),
    "CFU commands": _of_harts(HartCounter.CFU_COMMANDS),
    "cycles asleep": _of_harts(HartCounter.SLEEP_CYCLES, is_time=True),
    "cycles waiting": _of_harts(
        HartCounter.DBUS_WAIT_CYCLES,
        HartCounter.IBUS_WAIT_CYCLES,
        HartCounter.CFU_WAIT_CYCLES,
        is_time=True,
    ),
}
"""By name, in the order in which they are shown."""


def judge_counters(
    measurements: Sequence[Measurement], predicted: Sequence[ModelCounters]
) -> tuple[CounterErrors, ...]:
    """One for each of COUNTERS that there is any of; ``predicted``: what the model says of each
    measurement."""
    found = (
        _judged(name, counter, list(zip(measurements, predicted, strict=True)))
        for name, counter in COUNTERS.items()
    )
    return tuple(errors for errors in found if errors is not None)


def _judged(
    name: str, counter: _Counter, pairs: Sequence[tuple[Measurement, ModelCounters]]
) -> CounterErrors | None:
    truths, models, errors, cases = [], [], [], []
    for measured, predicted in pairs:
        truth, model = counter.rtl(measured), counter.model(predicted, measured)
        if not truth and model < 0.5:
            continue
        time = measured.rtl_cycles * measured.case.machine.harts if counter.is_time else 0
        truths.append(truth)
        models.append(model)
        errors.append(abs(model - truth) / max(truth, LEAST_OF_TIME * time, 1.0))
        cases.append(measured.case.name)
    if not cases:
        return None
    worst = max(errors)
    return CounterErrors(
        name=name,
        cases=len(cases),
        exact=sum(error <= EXACT for error in errors),
        within_bar=sum(error <= COUNTER_BAR for error in errors),
        mean_abs_error=sum(errors) / len(errors),
        worst_abs_error=worst,
        worst_case=cases[errors.index(worst)],
        total_error=sum(models) / sum(truths) - 1 if sum(truths) else 0.0,
    )
