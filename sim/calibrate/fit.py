"""From measurements to costs: one non-negative least-squares fit for each count of each kernel."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear
from tightrope.hw.regs import HartCounter
from tightrope.sim.experiment.case import Measurement
from tightrope.sim.image.layout import Balance
from tightrope.sim.mapping.plan import LOOSE_BODIES
from tightrope.sim.model.calibration import COUNTS, Calibration
from tightrope.sim.model.cost import burst_queue, bus_queue
from tightrope.sim.model.features import chunk_works, family_of, first_uses
from tightrope.sim.model.traffic import joinable_ratio
from tightrope.sim.model.work import FETCH_CYCLES, FILL_CYCLES, LINE_BYTES, total

__all__ = ["WrongOutputError", "fit_calibration"]


class WrongOutputError(RuntimeError):
    """The RTL computed something wrong, so its cycles mean nothing."""


_CODE = {"layer", "other_hart", "visit", "hart", "chunk", "panel", "group", "fill", "group_block",
         "queue_unaligned", "mvm_of_many", "byte_output", "row", "channel_block", "part",
         "post_patches", "strip", "window_row"}  # fmt: skip
"""Loops whose rounds may find code driven out of the instruction cache."""
LOOPS_OF = {
    "icache_fills": _CODE,
    "uncached": {
        "layer", "visit", "hart", "chunk", "group", "tile", "constants", "band", "job", "store",
    },
}
"""Counts that can depend on few loops only; the others depend on all."""
_SMALL_DATA = ("layer", "hart", "chunk", "group", "pixel", "gather_pixel", "mvm", "strip",
               "window_row", "row", "quad", "post_group", "post_patches", "post_runs", "post_even",
               "band")  # fmt: skip
"""Loops that read descriptors and the stack, which other data may have driven out."""
LINE_FILLS_MAX = 2.0
"""Events for a line of the data cache that is wanted: more are not the line's. Where a feature is
all but 0 in the microbenchmarks, any cost would fit, and be far off for a layer of a real CNN."""
CYCLES = {
    "gather_16": (11.0, 22.0),
    "gather_word": (5.0, 12.0),
    "gather_four": (11.0, 20.0),
    "gather_byte": (5.0, 12.0),
}
"""The least and the most that a round of a loop can take, by the instructions in it: of loops that
too few layers tell from what surrounds them."""
SHYNESS = 3e-4
"""Of costs, to be large: the square of a cost that makes up all of a sample counts this much of the
square of that sample's error."""
LEAST_COST = 1e-6
"""The solver's 0."""
RARE = 0.02
"""A sample weighs 1 / (its value + RARE * its cycles): small counts need not be exact."""


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """Features and counts of one hart (STATIC) or of all together (STEAL)."""

    loops: Mapping[str, float]
    lines: Mapping[str, float]
    code: Mapping[str, float]
    counters: np.ndarray
    """(HartCounter,)."""
    cycles: float
    bursts: float
    others: int
    """Other harts that worked at the same time."""
    bus_busy: float
    """Share of cycles in which they occupied the shared bus."""
    beats_of_others: float
    machine: object

    def count(self, name: str) -> float:
        """One of COUNTS."""
        value = {event.name.lower(): self.counters[event] for event in HartCounter}
        waits = sum(
            value[f"{bus}_wait_cycles"] for bus in ("dbus", "ibus", "cfu")
        )
        if name == "compute":
            waits += FILL_CYCLES * value["dcache_fills"] + FETCH_CYCLES * value["icache_fills"]
            return max(0.0, self.cycles - value["sleep_cycles"] - waits)
        if name == "joined_stores":
            return self._joined_stores()
        return float(value[name])

    def size(self, name: str) -> float:
        """What an error of a count is judged against; stores are joined to save beats."""
        if name == "joined_stores":
            return float(self.counters[HartCounter.MEMORY_BEATS])
        return self.count(name)

    def _joined_stores(self) -> float:
        """What there would be if beats were endless; 0 where they hold a word, and tell nothing."""
        width, value = self.machine.memory.bytes_per_cycle, self.counters
        scratch_fills = value[HartCounter.SCRATCHPAD_ACCESSES] * 4 / LINE_BYTES
        lines = value[HartCounter.ICACHE_FILLS] + value[HartCounter.DCACHE_FILLS] - scratch_fills
        beats = value[HartCounter.MEMORY_BEATS] - lines * LINE_BYTES / width
        joinable = joinable_ratio(width)
        return max(0.0, float(value[HartCounter.STORES] - beats)) / joinable if joinable else 0.0


def _samples(measurement: Measurement) -> list[_Sample]:
    case, plan = measurement.case, measurement.plan
    works = chunk_works(case.layer, plan, case.machine)
    harts = case.machine.harts
    counters = measurement.hart_counters
    beats = counters[:, HartCounter.MEMORY_BEATS].astype(float)
    shared = counters[:, HartCounter.SHARED_ACCESSES].astype(float)

    def sample(members, rows) -> _Sample:
        base = {
            "layer": float(len(rows)),
            "other_hart": float(len(rows) - (0 in rows)),
            "hart": float(min(len(rows), len(members))),
        }
        if plan.balance is Balance.STEAL and plan.body not in LOOSE_BODIES:
            base["visit"] = float(harts * len(rows))
        first = {name: base["hart"] for name in first_uses(members)}
        mean = counters[rows].astype(float)
        return _Sample(
            loops=total([base, *(work.loops for work in members)]),
            lines=total([work.lines for work in members]),
            code=total([first, *(work.code for work in members)]),
            counters=mean.sum(axis=0),
            cycles=float(mean[:, HartCounter.CYCLES].sum()),
            bursts=sum(work.bursts for work in members),
            others=harts - 1,
            bus_busy=float(shared.sum() - shared[rows].mean()) / float(measurement.rtl_cycles),
            beats_of_others=float(beats.sum() - beats[rows].mean()),
            machine=case.machine,
        )

    if plan.balance is Balance.STEAL:
        return [sample(works, list(range(harts)))]
    first = plan.hart_first
    return [sample(works[first[h] : first[h + 1]], [h]) for h in range(harts)]


def _solve(
    rows: Sequence[Mapping[str, float]],
    values,
    weights,
    capped: Collection[str] = (),
    known: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, float]:
    """Costs by name; those of ``capped`` are at most LINE_FILLS_MAX, others as ``known``."""
    names = sorted({name for row in rows for name, value in row.items() if value})
    if not names:
        return {}
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    weights = np.asarray(weights)
    scaled = matrix * weights[:, None]
    target = np.asarray(values) * weights
    # Columns of like size: the solver compares them with one tolerance.
    size = np.linalg.norm(scaled, axis=0)
    size[size == 0] = 1.0
    limits = {name: (0.0, LINE_FILLS_MAX) for name in capped} | dict(known or {})
    least, most = np.array([limits.get(name, (0.0, np.inf)) for name in names]).T * size
    # Where loops always run together, the costs are shared among them.
    shy = np.vstack([scaled / size, math.sqrt(SHYNESS) * np.eye(len(names))])
    costs = lsq_linear(shy, np.append(target, np.zeros(len(names))), bounds=(least, most)).x / size
    found = zip(names, costs, strict=True)
    return {name: float(f"{cost:.6g}") for name, cost in found if cost > LEAST_COST}


def _usable(measurement: Measurement) -> bool:
    """Harts that wait for each other's tiles count the waiting as instructions: left out."""
    if measurement.case.body not in LOOSE_BODIES or measurement.case.machine.harts == 1:
        return True
    plan, harts = measurement.plan, measurement.case.machine.harts
    if plan.balance is Balance.STEAL:
        return False
    users: dict[int, set[int]] = {}
    for h in range(harts):
        for chunk in plan.chunks[plan.hart_first[h] : plan.hart_first[h + 1]]:
            for group in plan.groups[chunk.begin : chunk.end]:
                for block in group.blocks:
                    users.setdefault(block.tile, set()).add(h)
    return all(len(harts_of_tile) == 1 for harts_of_tile in users.values())


def _fit_memory(samples: Sequence[_Sample]) -> dict[str, float]:
    rows, values, weights = [], [], []
    for sample in samples:
        latency = sample.machine.memory.latency_cycles
        busy = sample.beats_of_others / max(sample.cycles, 1.0)
        if sample.others and sample.loops["layer"] > 1:
            # All harts in one sample: cycles are hart-cycles.
            busy *= sample.loops["layer"]
        busy = bus_queue(busy) * LINE_BYTES / sample.machine.memory.bytes_per_cycle
        scratch_fills = sample.counters[HartCounter.SCRATCHPAD_ACCESSES] * 4.0 / LINE_BYTES
        fills = float(sample.counters[HartCounter.DCACHE_FILLS]) - scratch_fills
        stores = float(sample.counters[HartCounter.STORES])
        shared = float(sample.counters[HartCounter.SHARED_ACCESSES])
        apart = shared - sample.bursts
        fetches = float(sample.counters[HartCounter.ICACHE_FILLS])
        data_wait = float(sample.counters[HartCounter.DBUS_WAIT_CYCLES])
        fetch_wait = float(sample.counters[HartCounter.IBUS_WAIT_CYCLES])
        rows.append(
            {
                "fill": fills, "fill_busy": fills * busy, "store_busy": stores * busy,
                "shared": shared, "shared_busy": apart * bus_queue(sample.bus_busy),
                "scratch_fill": scratch_fills, "layer": sample.loops["layer"],
                "burst": sample.bursts * burst_queue(sample.others + 1),
            }
        )
        rows.append({"fetch": fetches, "fill_busy": fetches * busy})
        values += [data_wait - fills * latency, fetch_wait - fetches * latency]
        weights += [
            1.0 / (sample.cycles * RARE + data_wait), 1.0 / (sample.cycles * RARE + fetch_wait),
        ]  # fmt: skip
    return _solve(rows, values, weights)


def fit_calibration(measurements: Sequence[Measurement]) -> Calibration:
    """Fit every kernel that was measured, and the waits that all share.

    Raises WrongOutputError, with the case and its first wrong output.
    """
    wrong = [m for m in measurements if m.mismatches]
    if wrong:
        raise WrongOutputError(f"{wrong[0].case.name}: {wrong[0].problem}")
    by_family: dict[str, list[_Sample]] = {}
    for measurement in filter(_usable, measurements):
        family = family_of(measurement.case.layer, measurement.case.body)
        by_family.setdefault(family, []).extend(_samples(measurement))
    kernels = {
        family: _fit_kernel(samples)
        for family, samples in by_family.items()
        if family != "conv_loose"
    }
    if "conv_loose" in by_family:
        # The same code does this for both couplings; few loose cases tell it from other costs.
        known = {
            count: {name: kernels["conv_tight"][count].get(name, 0.0) for name in names}
            for count, names in SAME_FOR_BOTH_COUPLINGS.items()
        }
        kernels["conv_loose"] = _fit_kernel(by_family["conv_loose"], known)
    kernels = dict(sorted(kernels.items()))
    everything = [sample for samples in by_family.values() for sample in samples]
    return Calibration(
        kernels=kernels,
        memory=_fit_memory(everything),
        tile={"tight_offset": 2.0, "loose_offset": 2.0},
        machine_hashes=tuple(sorted({m.case.machine.hash for m in measurements})),
    )


SAME_FOR_BOTH_COUPLINGS = {
    "compute": ("program_row", "partial"),
    # No loose case that could be used has more than one chunk that requantises for a hart.
    "icache_fills": ("chunk", "code_post_even", "code_post_runs", "code_post_patches"),
}


def _priced(costs: Mapping[str, float], rounds: Mapping[str, float]) -> float:
    return sum(cost * rounds.get(name, 0.0) for name, cost in costs.items())


def _fit_kernel(
    samples: Sequence[_Sample], known: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, dict[str, float]]:
    """Costs of one kernel; ``known`` are those that are not to be fitted, by count."""
    names = {name for sample in samples for name, rounds in sample.loops.items() if rounds}
    costs = {"seen": dict.fromkeys(sorted(names), 1.0)}
    wanted = {name for sample in samples for name in sample.lines}
    for count in COUNTS:
        fixed = (known or {}).get(count, {})
        values = [
            sample.count(count) - _priced(fixed, sample.loops | sample.code) for sample in samples
        ]
        allowed = LOOPS_OF.get(count)
        rows = []
        for sample in samples:
            row = {
                name: value
                for name, value in sample.loops.items()
                if (allowed is None or name in allowed) and name not in fixed
            }
            if count == "icache_fills":
                row |= {name: n for name, n in sample.code.items() if name not in fixed}
            if count == "dcache_fills":
                row = {name: sample.loops.get(name, 0.0) for name in _SMALL_DATA}
                row |= sample.lines
            rows.append(row)
        weights = [1.0 / (sample.size(count) + RARE * sample.cycles) for sample in samples]
        known_cycles = CYCLES if count == "compute" else None
        costs[count] = _solve(rows, values, weights, wanted, known_cycles) | dict(fixed)
    return costs
