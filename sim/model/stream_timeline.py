"""How long a hart that streams sleeps: hart, DMA channel and tile, band after band."""

from .work import Pipeline

__all__ = ["stream_wait"]

LOAD_SHARE = 0.25
"""Of what a hart does for a band: until the DMA engine has the block to load."""
PUSH_SHARE = 0.25
"""Until the tile has its job."""
AFTER_SHARE = 0.3
"""Until the hart looks for its end."""
STORE_SHARE = 0.2
"""Until the engine has the block to store."""
OVERLAP_CYCLES = 200.0
"""From a job's beginning until the hart that has nothing else to do sleeps."""
BEGIN_SHARE = 0.8
"""Of what it does once for a group: after the first blocks to load."""


def stream_wait(
    pipeline: Pipeline, hart_cycles: float, once_cycles: float, loading: int
) -> float:
    """Cycles asleep for one chunk, whose bands cost the hart ``hart_cycles`` and the rest
    ``once_cycles``.

    ``loading`` harts share the DMA engine.
    """
    bands = max(1, round(pipeline.bands / pipeline.groups))
    per_band = 1.0 / pipeline.bands
    steps = _Steps(
        hart=hart_cycles * per_band,
        once=once_cycles / pipeline.groups,
        load=pipeline.load * per_band * loading,
        tile=pipeline.tile * per_band,
        store=pipeline.store * per_band * loading,
    )
    wait = _raw(steps, bands) if pipeline.sums else _posted(steps, bands)
    return wait * pipeline.groups


class _Steps:
    """Cycles of each part for one band."""

    def __init__(self, *, hart: float, once: float, load: float, tile: float, store: float) -> None:
        self.load_call = hart * LOAD_SHARE
        self.begin = once * BEGIN_SHARE
        self.push = hart * PUSH_SHARE
        self.after = hart * AFTER_SHARE
        self.store_call = hart * STORE_SHARE
        self.load = load
        self.tile = tile
        self.store = store


def _posted(steps: _Steps, bands: int) -> float:
    """Tiles requantise: a band is pushed while the one before is computed."""
    now = asleep = 0.0
    engine = tile = before = 0.0
    loaded = []
    for _ in range(min(2, bands)):
        now += steps.load_call
        engine = max(engine, now) + steps.load
        loaded.append(engine)
    now += steps.begin
    for band in range(bands):
        asleep += max(0.0, loaded[band] - now)
        now = max(now, loaded[band]) + steps.push
        before, tile = tile, max(tile, now) + steps.tile
        now += steps.after
        if band:
            asleep += max(0.0, before - now)
            now = max(now, before) + steps.store_call
            engine = max(engine, now) + steps.store
            if band + 1 < bands:
                now += steps.load_call
                engine = max(engine, now) + steps.load
                loaded.append(engine)
    asleep += max(0.0, tile - now)
    now = max(now, tile) + steps.store_call
    engine = max(engine, now) + steps.store
    return asleep + max(0.0, engine - now)


def _raw(steps: _Steps, bands: int) -> float:
    """The hart waits for each band's results, and adds them up while the next is loaded."""
    first = max(0.0, steps.load - steps.load_call)
    return first + bands * max(0.0, steps.tile - OVERLAP_CYCLES)
