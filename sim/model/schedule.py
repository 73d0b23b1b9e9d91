"""Who does what when: harts take chunks, and chunks of loose tiles wait for their tiles."""

import heapq
import itertools
from collections import deque
from collections.abc import Sequence

__all__ = ["Hold", "Times", "run_locked", "run_shares", "run_stealing"]

Hold = tuple[tuple[int, ...], float]
"""Tiles that are held together, and for how many cycles."""


Times = Sequence[Sequence[float]]
"""Cycles of each chunk by hart: times[hart][chunk]."""


def run_shares(times: Times, first: Sequence[int]) -> list[float]:
    """STATIC: cycles at which each hart ends its chunks first[h] .. first[h + 1] - 1."""
    return [sum(own[first[hart] : first[hart + 1]]) for hart, own in enumerate(times)]


class _Queues:
    """What each hart has to do, and whom it may help."""

    def __init__(self, first: Sequence[int], steal: bool) -> None:
        self.queues = [
            deque(range(begin, end)) for begin, end in zip(first, first[1:], strict=False)
        ]
        self.steal = steal

    def next(self, hart: int) -> int | None:
        """The next chunk of ``hart``; if it has none and steals, of the next one that has some."""
        if self.queues[hart]:
            return self.queues[hart].popleft()
        if self.steal:
            for queue in (*self.queues[hart + 1 :], *self.queues[:hart]):
                if queue:
                    return queue.popleft()
        return None


def run_stealing(times: Times, first: Sequence[int]) -> tuple[list[float], list[int]]:
    """STEAL: cycles at which each hart ends, and the hart of each chunk.

    A hart that has done chunks first[h] .. first[h + 1] - 1 takes the next one of the next hart
    that has one left.
    """
    edges = list(itertools.pairwise(first))
    # When each hart is done with its chunks one after the other if nobody steals.
    done = [
        list(itertools.accumulate(own[slice(*ends)], initial=0.0))
        for own, ends in zip(times, edges, strict=True)
    ]
    if max([own[-2:][0] for own in done]) < min([own[-1] for own in done]):
        # By then all have begun their last one.
        owners = [hart for hart, ends in enumerate(edges) for _ in range(*ends)]
        return [own[-1] for own in done], owners
    queues = _Queues(first, steal=True)
    free = [(0.0, hart) for hart in range(len(times))]
    owners = [-1] * len(times[0])
    ends = [0.0] * len(times)
    while free:
        now, hart = free[0]
        chunk = queues.next(hart)
        if chunk is None:
            ends[hart] = now
            heapq.heappop(free)
            continue
        owners[chunk] = hart
        heapq.heapreplace(free, (now + times[hart][chunk], hart))
    return ends, owners


def run_locked(
    chunks: Sequence[Sequence[Hold]], first: Sequence[int], harts: int, *, steal: bool = False,
    cold: float = 0.0,
) -> tuple[list[float], list[float], list[int]]:  # fmt: skip
    """Chunks made of holds, each of which needs its tiles for itself.

    ``first`` and ``steal`` as in :func:`run_shares` and :func:`run_stealing`. A hart that finds a
    tile taken waits until all tiles of its hold are free; the one that asked first goes first.
    A hart's first hold takes ``cold`` cycles more: with the tiles in hand it finds that its caches
    hold nothing of the kernel. Returns cycles at which each hart ends, cycles each waited for
    tiles, and the hart of each chunk.
    """
    queues = _Queues(first, steal)
    tile_free: dict[int, float] = {}
    waited = [0.0] * harts
    ends = [0.0] * harts
    owners = [-1] * len(chunks)
    begun = [False] * harts
    todo: list[deque[Hold]] = [deque() for _ in range(harts)]
    # Of harts that are ready at once hart 0 asks last: it has prepared what all will count.
    ready = [(0.0, rank) for rank in range(1, harts + 1)]
    while ready:
        now, rank = ready[0]
        hart = rank % harts
        while not todo[hart]:
            chunk = queues.next(hart)
            if chunk is None:
                break
            owners[chunk] = hart
            todo[hart].extend(chunks[chunk])
        if not todo[hart]:
            ends[hart] = now
            heapq.heappop(ready)
            continue
        tiles, time = todo[hart].popleft()
        if not begun[hart] and (tiles or not todo[hart]):
            time += cold
            begun[hart] = True
        start = max([now, *[tile_free.get(tile, 0.0) for tile in tiles]])
        waited[hart] += start - now
        for tile in tiles:
            tile_free[tile] = start + time
        heapq.heapreplace(ready, (start + time, rank))
    return ends, waited, owners
