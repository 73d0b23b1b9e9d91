"""What a layer asks of the parts that all harts share: main memory, scratchpad, DMA engine."""

import dataclasses
from collections.abc import Mapping, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.mapping.stream import bands_of, loaded_bytes, stream_geometry
from tightrope.sim.workload.layers import Layer

from .cost import Cost
from .work import LINE_BYTES

__all__ = ["TRAFFIC", "SharedTraffic", "hart_beats", "joinable_ratio", "shared_traffic"]

WORD_BYTES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedTraffic:
    """Sums over all that use a part."""

    memory_beats: float
    scratchpad_bytes: float = 0.0
    dma_load_bytes: float = 0.0
    dma_store_bytes: float = 0.0

    @property
    def dma_bytes(self) -> float:
        """Both ways."""
        return self.dma_load_bytes + self.dma_store_bytes


TRAFFIC = tuple(field.name for field in dataclasses.fields(SharedTraffic))
"""The names of its numbers."""


def joinable_ratio(bytes_per_cycle: int) -> float:
    """The part of stores to neighbouring words that go to the beat of the one before."""
    return 1 - WORD_BYTES / bytes_per_cycle


def hart_beats(cost: Cost, bytes_per_cycle: int) -> float:
    """Cycles for which a hart's lines and stores occupy main memory."""
    lines = cost.icache_fills + cost.dcache_fills - cost.scratch_fills
    joined = min(cost.stores, cost.joined_stores * joinable_ratio(bytes_per_cycle))
    return max(0.0, lines) * LINE_BYTES / bytes_per_cycle + cost.stores - joined


def shared_traffic(
    layer: Layer,
    plan: LayerPlan,
    machine: ClusterConfig,
    tiles: Sequence[Mapping[TileStatusReg, float]],
    beats: float,
) -> SharedTraffic:
    """Of a descriptor whose ``tiles`` count this, and whose harts have so many ``beats`` of main
    memory in all (:func:`hart_beats`).

    What the DMA engine moves follows from the plan, exactly, for an input that begins at a word.
    """
    width = machine.memory.bytes_per_cycle
    if plan.body is not Body.STREAM:
        return SharedTraffic(memory_beats=beats)
    loads, stores = _dma_bytes(layer, plan, machine)
    read = sum(tile[TileStatusReg.STREAM_BYTES_IN] for tile in tiles)
    written = sum(tile[TileStatusReg.STREAM_BYTES_OUT] for tile in tiles)
    # Results that tiles have not requantised come to the harts as lines of the scratchpad.
    fetched = 0.0 if stores else written
    return SharedTraffic(
        memory_beats=beats + (loads + stores) / width,
        scratchpad_bytes=read + written + fetched + loads + stores,
        dma_load_bytes=loads,
        dma_store_bytes=stores,
    )


def _dma_bytes(layer: Layer, plan: LayerPlan, machine: ClusterConfig) -> tuple[float, float]:
    """(loaded, stored) bytes: each group of a chunk loads the bands for itself."""
    geometry = stream_geometry(layer, machine, plan)
    loads = stores = 0.0
    for chunk in plan.chunks:
        if plan.body_of(chunk) is not plan.body:
            continue
        groups = plan.groups[chunk.begin : chunk.end]
        pixels = (chunk.pixel_begin, chunk.pixel_end)
        bands = bands_of([pixels], geometry.band_pixels)
        loads += len(groups) * sum(loaded_bytes(layer, band) for band in bands)
        if geometry.post:
            stores += (pixels[1] - pixels[0]) * sum(group.channel_count for group in groups)
    return loads, stores
