"""How long a hart that streams sleeps: hart, DMA channel and tile, band after band."""

from collections.abc import Sequence

from .work import Band, Pipeline

__all__ = ["stream_wait"]

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
    pipeline: Pipeline, hart_cycles: float, once_cycles: float, loading: int
) -> float:
    """Cycles asleep for one chunk, whose bands cost the hart ``hart_cycles`` and the rest
    ``once_cycles``.

    ``loading`` harts share the DMA engine.
    """
    if pipeline.sums:
        call = LOAD_SHARE * hart_cycles / pipeline.bands
        return sum(_raw(bands, call, loading) for bands in pipeline.groups)
    once = once_cycles / len(pipeline.groups)
    band = hart_cycles / pipeline.bands
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


def _raw(bands: Sequence[Band], load_call: float, loading: int) -> float:
    """The hart waits for each band's results, and adds them up while the next is loaded."""
    first = max(0.0, bands[0].load * loading - load_call)
    return first + sum(band.after for band in bands)
