"""A layer's chunks at work: who takes which, and how long all wait for each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import LOOSE_BODIES, LayerPlan

from .cost import Clock, Cost, bus_queue
from .kernel_stream import PUSH_CYCLES
from .schedule import Hold, run_locked, run_shares, run_stealing
from .stream_timeline import first_wait

__all__ = ["Outcome", "agreed_outcome"]

COLD_HELD_RATIO = 0.45
"""Of what a hart's first chunk costs more than others: while it holds loose tiles."""
COLD_HELD_SUMS_RATIO = 0.2
"""The same of a hart that streams and adds up results when it has given the tiles back."""
HELD_BAND_CYCLES = 600.0
"""For which a hart that streams holds tiles for each band, beside pushing jobs and waiting for the
last one,"""
SEARCH_CYCLES = 12.0
"""and for each block that it looks at to find the next tile to take or to give back."""


_Parts = list[tuple[tuple[int, ...], int, int]]
"""The groups of a chunk: tiles, columns, blocks."""


@dataclass(frozen=True)
class Outcome:
    """How a layer went."""

    cycles: float
    ends: list[float]
    """When each hart had done its last chunk."""
    waited: list[float]
    """Cycles each hart waited for tiles that others held."""
    owners: list[int]
    """The hart of each chunk."""


class _Chunks(NamedTuple):
    """What a layer's chunks cost. Most are alike and share one cost, and most harts one list."""

    costs: Sequence[Sequence[Cost]]
    """Of each chunk by hart."""
    different: Sequence[Cost]
    lists: Sequence[Sequence[int]]
    """Each list that differs, as places in ``different``."""
    of_harts: Sequence[int]
    """Which of them is each hart's."""

    @classmethod
    def of(cls, costs: Sequence[Sequence[Cost]]) -> Self:
        lists = {id(own): own for own in costs}
        known = {id(cost): cost for own in lists.values() for cost in own}
        place = {key: index for index, key in enumerate(known)}
        number = {key: index for index, key in enumerate(lists)}
        return cls(
            costs,
            list(known.values()),
            [[place[id(cost)] for cost in own] for own in lists.values()],
            [number[id(own)] for own in costs],
        )

    def times(self, clock: Clock) -> list[list[float]]:
        """Cycles of each chunk by hart."""
        prices = [clock.time(cost) for cost in self.different]
        found = [[prices[place] for place in own] for own in self.lists]
        return [found[number] for number in self.of_harts]


@dataclass(frozen=True)
class _Demand:
    """What other harts ask for while one works."""

    beats: float
    """Of main memory."""
    accesses: float
    """To the shared bus."""

    def apply(self, clock: Clock, cycles: float) -> None:
        """To a layer of this length."""
        clock.occupy(self.beats / cycles, self.accesses / cycles)

    def agreed_cycles(self, alone: float, found: float) -> float:
        """The length that makes itself: ``alone`` if nobody waited, ``found`` if all waited as they
        would in a layer of that length. Waits grow as the queue does that is longer."""
        asked = max(self.accesses, self.beats)

        def queue(cycles: float) -> float:
            return bus_queue(asked / cycles)

        if found <= alone or not asked:
            return alone
        low, high, slope = alone, found, (found - alone) / queue(alone)
        for _ in range(12):
            middle = (low + high) / 2
            if alone + slope * queue(middle) > middle:
                low = middle
            else:
                high = middle
        return (low + high) / 2


def agreed_outcome(
    plan: LayerPlan, clock: Clock, costs: Sequence[Sequence[Cost]], once: Cost, first: Cost
) -> Outcome:
    """``costs`` of each chunk by hart; ``once`` is paid by every hart, ``first`` with its first
    chunk. Leaves the clock as busy as the layer makes it.

    Contention depends on the length of the layer, and the other way round: two lengths tell where
    they agree.
    """
    held = _held_parts(plan) if plan.body in LOOSE_BODIES else []
    chunks = _Chunks.of(costs)
    alone = _outcome(plan, clock, chunks, once, first, held)
    active = sum(1 for end in alone.ends if end > 0)
    if active < 2:
        return alone
    # Harts that wait for each other's tiles ask for nothing.
    worked = sum(end - wait for end, wait in zip(alone.ends, alone.waited, strict=True))
    abreast = max(1.0, worked / alone.cycles)
    share = (abreast - 1) / abreast
    workers = len(set(alone.owners))
    paid = [once] * len(costs) + [first] * workers
    paid += [costs[owner][chunk] for chunk, owner in enumerate(alone.owners)]
    beats = {id(cost): clock.beats(cost) for cost in (once, first, *chunks.different)}
    demand = _Demand(
        share * sum([beats[id(cost)] for cost in paid]),
        share * sum([cost.shared_accesses for cost in paid]),
    )
    clock.loading = active
    clock.first_loads = _first_loads(plan, costs)
    demand.apply(clock, alone.cycles)
    found = _outcome(plan, clock, chunks, once, first, held)
    demand.apply(clock, demand.agreed_cycles(alone.cycles, found.cycles))
    return _outcome(plan, clock, chunks, once, first, held)


def _outcome(
    plan: LayerPlan, clock: Clock, chunks: _Chunks, once: Cost, first: Cost,
    held: Sequence[_Parts],
) -> Outcome:  # fmt: skip
    """With all as busy as the clock says; ``held`` are the plan's :func:`_held_parts`."""
    cold, costs = clock.time(first), chunks.costs
    with_tiles = _held_cold(plan, costs, cold)
    ends, waited, owners = _schedule(plan, clock, chunks, with_tiles, held)
    engine = 0.0
    if plan.body is Body.STREAM:
        engine = sum(costs[owner][chunk].pipeline.engine for chunk, owner in enumerate(owners))
    cycles = max(max(ends), engine) + clock.time(once) + cold - with_tiles
    return Outcome(cycles=cycles, ends=ends, waited=waited, owners=owners)


def _first_loads(plan: LayerPlan, costs: Sequence[Sequence[Cost]]) -> tuple[float, ...]:
    """Cycles of the DMA engine for the first band of each hart's first chunk, if it streams one."""
    shares = zip(costs, plan.hart_first, plan.hart_first[1:], strict=False)
    begun = [own[begin].pipeline.groups for own, begin, end in shares if begin < end]
    return tuple(groups[0][0].load for groups in begun if groups and groups[0])


def _held_cold(plan: LayerPlan, costs: Sequence[Sequence[Cost]], cold: float) -> float:
    """The part of ``cold``, what a hart's first chunk costs more than others, for which it holds
    tiles longer."""
    if plan.body not in LOOSE_BODIES:
        return 0.0
    return cold * (COLD_HELD_SUMS_RATIO if costs[0][0].pipeline.sums else COLD_HELD_RATIO)


def _schedule(
    plan: LayerPlan, clock: Clock, chunks: _Chunks, cold: float, held: Sequence[_Parts],
) -> tuple[list[float], list[float], list[int]]:  # fmt: skip
    times = chunks.times(clock)
    first, steal = plan.hart_first, plan.balance is Balance.STEAL
    harts = len(times)
    if plan.body in LOOSE_BODIES:
        each = zip(held, times[0], chunks.costs[0], strict=True)
        holds = [_holds(parts, time, cost, clock.first_loads) for parts, time, cost in each]
        return run_locked(holds, first, harts, steal=steal, cold=cold)
    if steal:
        ends, owners = run_stealing(times, first)
        return ends, [0.0] * harts, owners
    owners = [h for h in range(harts) for _ in range(first[h], first[h + 1])]
    return run_shares(times, first), [0.0] * harts, owners


def _held_parts(plan: LayerPlan) -> list[_Parts]:
    """Of each chunk; a digital one has none."""
    columns = [group.channel_count * len(group.blocks) for group in plan.groups]
    tiles = [tuple({block.tile for block in group.blocks}) for group in plan.groups]
    known: dict[tuple[int, int], _Parts] = {}
    found = []
    for chunk in plan.chunks:
        if plan.body_of(chunk) is not plan.body:
            found.append([])
            continue
        ends = (chunk.begin, chunk.end)
        if ends not in known:
            known[ends] = [
                (tiles[index], columns[index], len(plan.groups[index].blocks))
                for index in range(*ends)
            ]
        found.append(known[ends])
    return found


def _holds(
    parts: _Parts, time: float, cost: Cost, first_loads: Sequence[float]
) -> list[Hold]:
    """A chunk's groups, each with its tiles, sharing the chunk's time by their channels.

    A hart that streams gives the tiles back before it adds up what they computed. It takes them
    when its first input is there: of harts that begin together those first that load least.
    """
    if not parts:
        return [((), time)]
    total = sum([columns for _, columns, _ in parts])
    holds: list[Hold] = []
    for index, (tiles, columns, blocks) in enumerate(parts):
        share = time * columns / total
        if not cost.pipeline.sums:
            holds.append((tiles, share))
            continue
        bands = cost.pipeline.groups[index]
        search = (len(tiles) + 1) * blocks
        pushed = HELD_BAND_CYCLES + PUSH_CYCLES * blocks + SEARCH_CYCLES * search
        held = [band.after + pushed for band in bands]
        wait = first_wait(bands, first_loads)
        rest = max(0.0, share - wait - sum(held)) / len(bands)
        holds.append(((), wait))
        for one in held:
            holds += [(tiles, one), ((), rest)]
    return holds
