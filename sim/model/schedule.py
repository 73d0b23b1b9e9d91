"""Who does what when: harts take chunks, and chunks of loose tiles wait for their tiles."""

import heapq
from collections.abc import Sequence

__all__ = ["Hold", "Times", "run_locked", "run_shares", "run_stealing"]

Hold = tuple[tuple[int, ...], float]
"""Tiles that are held together, and for how many cycles."""


Times = Sequence[Sequence[float]]
"""Cycles of each chunk by hart: times[hart][chunk]."""


def run_shares(times: Times, first: Sequence[int]) -> list[float]:
    """STATIC: cycles at which each hart ends its chunks first[h] .. first[h + 1] - 1."""
    return [sum(own[first[hart] : first[hart + 1]]) for hart, own in enumerate(times)]


def run_stealing(times: Times) -> tuple[list[float], list[int]]:
    """STEAL: cycles at which each hart ends, and the hart of each chunk; next chunk to the first
    hart that is free."""
    free = [(0.0, hart) for hart in range(len(times))]
    owners = []
    for chunk in range(len(times[0])):
        now, hart = free[0]
        owners.append(hart)
        heapq.heapreplace(free, (now + times[hart][chunk], hart))
    ends = [0.0] * len(times)
    for now, hart in free:
        ends[hart] = now
    return ends, owners


def run_locked(
    chunks: Sequence[Sequence[Hold]], first: Sequence[int] | None, harts: int
) -> tuple[list[float], list[float], list[int]]:
    """Chunks made of holds, each of which needs its tiles for itself.

    ``first`` as in :func:`run_shares`, or None to steal. A hart that finds a tile taken waits until
    all tiles of its hold are free; the one that asked first goes first. Returns cycles at which
    each hart ends, cycles each waited for tiles, and the hart of each chunk.
    """
    queues = None if first is None else [list(range(first[h], first[h + 1])) for h in range(harts)]
    tile_free: dict[int, float] = {}
    waited = [0.0] * harts
    ends = [0.0] * harts
    owners = [-1] * len(chunks)
    shared = iter(range(len(chunks)))
    todo: list[list[Hold]] = [[] for _ in range(harts)]
    ready = [(0.0, hart) for hart in range(harts)]
    while ready:
        now, hart = heapq.heappop(ready)
        while not todo[hart]:
            chunk = (
                next(shared, None) if queues is None else queues[hart].pop(0) if queues[hart]
                else None
            )  # fmt: skip
            if chunk is None:
                break
            owners[chunk] = hart
            todo[hart] = list(chunks[chunk])
        if not todo[hart]:
            ends[hart] = now
            continue
        tiles, time = todo[hart].pop(0)
        start = max([now, *(tile_free.get(tile, 0.0) for tile in tiles)])
        waited[hart] += start - now
        for tile in tiles:
            tile_free[tile] = start + time
        heapq.heappush(ready, (start + time, hart))
    return ends, waited, owners
