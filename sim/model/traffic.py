"""What a layer asks of the parts that all harts share: main memory, scratchpad, DMA engine."""

import dataclasses
from collections.abc import Mapping, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.mapping.stream import bands_of, loaded_bytes, stream_geometry
from tightrope.sim.workload.layers import Layer

__all__ = ["TRAFFIC", "SharedTraffic", "shared_traffic"]


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


def shared_traffic(
    layer: Layer,
    plan: LayerPlan,
    machine: ClusterConfig,
    tiles: Sequence[Mapping[TileStatusReg, float]],
    hart_beats: float,
) -> SharedTraffic:
    """Of a descriptor whose ``tiles`` count this, and whose harts' lines and stores take
    ``hart_beats`` of main memory if all of them are there.

    What the DMA engine moves follows from the plan, exactly, for an input that begins at a word.
    """
    if plan.body is not Body.STREAM:
        return SharedTraffic(memory_beats=hart_beats)
    loads, stores = _dma_bytes(layer, plan, machine)
    read = sum(tile[TileStatusReg.STREAM_BYTES_IN] for tile in tiles)
    written = sum(tile[TileStatusReg.STREAM_BYTES_OUT] for tile in tiles)
    # Results that tiles have not requantised come to the harts as lines of the scratchpad.
    fetched = 0.0 if stores else written
    beats = hart_beats + (loads + stores - fetched) / machine.memory.bytes_per_cycle
    return SharedTraffic(
        memory_beats=max(0.0, beats),
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
