"""How long a hart that streams sleeps: hart, DMA channel and tile, band after band."""

from collections.abc import Sequence

from .work import Band, Pipeline

__all__ = ["first_wait", "stream_wait"]

LOAD_CYCLES = 300.0
"""A hart that adds up results: from one block to load to the next one, or until it waits for it."""
AWAKE_CYCLES = 180.0
"""For which it is awake while its tiles finish: until it sleeps, and to look for what has ended."""
LOAD_SHARE = 0.35
"""Of what a hart does for a band: until the DMA engine has the block to load."""
PUSH_SHARE = 0.25
"""Until the tile has its job."""
AFTER_SHARE = 0.2
"""Until the hart looks for its end."""
STORE_SHARE = 0.2
"""Until the engine has the block to store."""
BEGIN_SHARE = 0.9
"""Of what it does once for a group: after the first blocks to load."""


def stream_wait(
    pipeline: Pipeline,
    hart_cycles: float,
    once_cycles: float,
    loading: int,
    first_loads: Sequence[float] = (),
) -> float:
    """Cycles asleep for one chunk, whose bands cost the hart ``hart_cycles`` and the rest
    ``once_cycles``.

    ``loading`` harts share the DMA engine; ``first_loads`` are what each of them loads first.
    """
    band = hart_cycles / pipeline.bands
    if pipeline.sums:
        return sum(_raw(bands, band, first_loads) for bands in pipeline.groups)
    once = once_cycles / len(pipeline.groups)
    return sum(_posted(bands, band, once, loading) for bands in pipeline.groups)


def _posted(bands: Sequence[Band], hart: float, once: float, loading: int) -> float:
    """Tiles requantise: a band is pushed while the one before is computed."""
    now = asleep = engine = tile = before = 0.0
    loaded = []
    for band in bands[:2]:
        now += hart * LOAD_SHARE
        engine = max(engine, now) + band.load * loading
        loaded.append(engine)
    now += once * BEGIN_SHARE
    for index, band in enumerate(bands):
        asleep += max(0.0, loaded[index] - now)
        now = max(now, loaded[index]) + hart * PUSH_SHARE
        before, tile = tile, max(tile, now) + band.tile
        now += hart * AFTER_SHARE
        if index:
            asleep += max(0.0, before - now)
            now = max(now, before) + hart * STORE_SHARE
            engine = max(engine, now) + bands[index - 1].store * loading
            if index + 1 < len(bands):
                now += hart * LOAD_SHARE
                engine = max(engine, now) + bands[index + 1].load * loading
                loaded.append(engine)
    asleep += max(0.0, tile - now)
    now = max(now, tile) + hart * STORE_SHARE
    engine = max(engine, now) + bands[-1].store * loading
    return asleep + max(0.0, engine - now)


def first_wait(bands: Sequence[Band], first_loads: Sequence[float]) -> float:
    """Cycles for which a hart that adds up results waits for the first of these bands."""
    return max(0.0, _turns(bands[0], first_loads) - LOAD_CYCLES * min(2, len(bands)))


def _turns(band: Band, loads: Sequence[float]) -> float:
    """Cycles of the DMA engine until it has loaded the band, if all harts' loads begin together and
    take turns: who has less is done before."""
    return max(band.load, sum([min(band.load, other) for other in loads]))


def _raw(bands: Sequence[Band], hart: float, first_loads: Sequence[float]) -> float:
    """The hart waits for each band's results, and adds them up while the next is loaded."""
    now = asleep = engine = 0.0
    loaded = []
    for band in bands[:2]:
        engine = max(engine, now) + _turns(band, first_loads)
        loaded.append(engine)
        now += LOAD_CYCLES
    for index, band in enumerate(bands):
        wait = max(0.0, loaded[index] - now) + max(0.0, band.after - AWAKE_CYCLES)
        asleep += wait
        now += wait
        if index + 2 < len(bands):
            engine = max(engine, now) + _turns(bands[index + 2], first_loads)
            loaded.append(engine)
        now += hart
    return asleep
