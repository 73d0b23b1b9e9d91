"""Loops of conv_stream.c and stream_sums.c in sw/kernels, and what tiles and DMA do meanwhile."""

import bisect
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import BLOCK, CHUNK, GROUP, size_bytes
from tightrope.sim.mapping.plan import Chunk, Group, LayerPlan
from tightrope.sim.mapping.stream import (
    StreamGeometry,
    bands_of,
    load_bytes,
    pixels_of_groups,
)
from tightrope.sim.workload.layers import Layer

from .kernel_tile import aligned_pixels
from .places import Places
from .stream_walk import bands_misses
from .sums_walk import area_bytes, sums_misses
from .work import CACHE_BYTES, LINE_BYTES, Band, Features, Pipeline, Work

__all__ = ["PUSH_CYCLES", "stream_work"]

JOB_CYCLES = 20
"""Of a tile, from one job to the next that waits."""
BLOCK_CYCLES = 20
"""Of the DMA engine, beyond the bytes of a block."""
PUSH_CYCLES = 250.0
"""Of a hart, from one job that it pushes to the next."""
REQUEST_CYCLES = 3
"""Of an MVM, beyond the words that move."""


def stream_work(
    layer: Layer,
    plan: LayerPlan,
    chunk: Chunk,
    machine: ClusterConfig,
    geometry: StreamGeometry,
    places: Places,
) -> Work:
    """One chunk: what the hart does, and beside it the tiles and its DMA channel."""
    loops: Features = {
        "group": 0.0, "tile": 0.0, "constants": 0.0, "band": 0.0, "job": 0.0, "store": 0.0,
        "sum_pixel": 0.0, "sum": 0.0, "sum_loop": 0.0, "sum_block": 0.0, "sum_unpack1": 0.0,
        "sum_unpack2": 0.0, "byte_quad": 0.0, "byte_output": 0.0,
    }  # fmt: skip
    loops["chunk"] = 1.0
    lines: Features = {"results": 0.0, "scales": 0.0, "walked": 0.0, "bands": 0.0}
    bands = list(bands_of([(chunk.pixel_begin, chunk.pixel_end)], geometry.band_pixels))
    firsts = [begin for begin, _ in pixels_of_groups(layer.pixels, plan.groups)]
    parts = []
    for index in range(chunk.begin, chunk.end):
        group = plan.groups[index]
        loops["group"] += 1
        loops["tile"] += len({block.tile for block in group.blocks})
        loops["band"] += len(bands)
        loops["job"] += len(bands) * len(group.blocks)
        lines["bands"] += _band_lines(plan, chunk, index, geometry, places, len(bands))
        if geometry.post:
            loops["store"] += len(bands)
            # A tile of one group has them from when it was programmed.
            users = sum(group.blocks[0].tile == other.blocks[0].tile for other in plan.groups)
            if users > 1 and chunk.pixel_begin == firsts[index]:
                loops["constants"] += group.channel_count / 4
                lines["scales"] += 8 * group.channel_count / LINE_BYTES
        else:
            _add_sums(loops, layer, group, machine.tile.output_bytes, bands)
            _add_sum_lines(lines, layer, plan, chunk, group, machine, geometry, places, bands)
        parts.append(_pipeline(layer, group, machine, geometry, bands))
    code = _band_code(loops["band"], None if geometry.post else machine.tile.output_bytes)
    return Work(loops=loops, lines=lines, code=code, pipeline=sum(parts, Pipeline()))


def _band_code(bands: float, summed_bytes: int | None) -> Features:
    """A band's code drives some of itself out, as the next band finds; more so if the hart adds up
    results, of ``summed_bytes`` each."""
    if summed_bytes is None:
        return {"code_band_posted": float(bands > 1)}
    return {f"code_band_raw{summed_bytes}": bands - 1}


def _band_lines(
    plan: LayerPlan, chunk: Chunk, index: int, geometry: StreamGeometry, places: Places, bands: int
) -> float:
    """Lines that the bands of the group of that index miss, beside those of sums."""
    before = sum(len(group.blocks) for group in plan.groups[:index])
    return bands_misses(
        (places.chunks + size_bytes(CHUNK) * plan.chunks.index(chunk)) % CACHE_BYTES,
        (places.groups + size_bytes(GROUP) * index) % CACHE_BYTES,
        (places.blocks + size_bytes(BLOCK) * before) % CACHE_BYTES,
        len(plan.groups[index].blocks), bands, posted=geometry.post,
        is_first=index == chunk.begin,
    )  # fmt: skip


def _add_sums(
    loops: Features,
    layer: Layer,
    group: Group,
    element_bytes: int,
    bands: Sequence[tuple[int, int]],
) -> None:
    pixels = sum(end - begin for begin, end in bands)
    quads = -(-group.channel_count // 4)
    aligned = sum(aligned_pixels(layer, *band, group.channel_begin) for band in bands)
    whole = aligned * (group.channel_count // 4)
    loops["sum_pixel"] += pixels
    loops["sum"] += whole
    # The first block's results are loaded before the loop over the others, if there are any.
    loops["sum_loop"] += pixels * quads * (len(group.blocks) > 1)
    loops["sum_block"] += pixels * quads * (len(group.blocks) - 1)
    if element_bytes < 4:
        loops[f"sum_unpack{element_bytes}"] += pixels * quads * len(group.blocks)
    loops["byte_quad"] += pixels * quads - whole
    loops["byte_output"] += pixels * group.channel_count - 4 * whole


def _add_sum_lines(
    lines: Features, layer: Layer, plan: LayerPlan, chunk: Chunk, group: Group,
    machine: ClusterConfig, geometry: StreamGeometry, places: Places,
    bands: Sequence[tuple[int, int]],
) -> None:  # fmt: skip
    """The data cache is flushed before each band."""
    pixel_bytes = group.blocks[0].col_count * machine.tile.output_bytes
    area = area_bytes(geometry.band_pixels, pixel_bytes)
    # Whoever steals a chunk uses its own part of the scratchpad: taken for that of its owner.
    owner = bisect.bisect_right(plan.hart_first, plan.chunks.index(chunk)) - 1
    for index, (begin, end) in enumerate(bands):
        half_end = (2 * owner + index % 2 + 1) * geometry.stream_bytes // 2
        memory, scratch = sums_misses(
            (places.bias + 4 * group.channel_begin) % CACHE_BYTES,
            (places.scales + 4 * group.channel_begin) % CACHE_BYTES,
            (half_end - len(group.blocks) * area) % CACHE_BYTES,
            blocks=len(group.blocks), area_bytes=area, pixel_bytes=pixel_bytes,
            element_bytes=machine.tile.output_bytes, channels=group.channel_count,
            aligned=_aligned(layer, begin, group.channel_begin), pixels=end - begin,
        )  # fmt: skip
        lines["walked"] += memory
        lines["results"] += scratch


def _after_push(jobs: Sequence[tuple[int, float]]) -> float:
    """Cycles from when the last of some jobs, each of a tile, was pushed until all have ended."""
    free: dict[int, float] = {}
    for place, (index, cycles) in enumerate(jobs):
        free[index] = max(free.get(index, 0.0), place * PUSH_CYCLES) + cycles
    return max(free.values()) - (len(jobs) - 1) * PUSH_CYCLES


def _aligned(layer: Layer, pixel: int, channel: int) -> tuple[bool, ...]:
    """Whether the outputs of four pixels begin at a word; those of the next are like them."""
    pitch = layer.out_shape[2]
    return tuple(((pixel + i) * pitch + channel) % 4 == 0 for i in range(4))


def _pipeline(
    layer: Layer,
    group: Group,
    machine: ClusterConfig,
    geometry: StreamGeometry,
    bands: Sequence[tuple[int, int]],
) -> Pipeline:
    """Cycles of the slowest tile and of the DMA channel for the bands of one group."""
    tile = machine.tile
    dma_rate = min(machine.dma_bytes_per_cycle, machine.memory.bytes_per_cycle)
    element_bytes = 1 if geometry.post else tile.output_bytes
    periods: list[tuple[int, float]] = []
    for block in group.blocks:
        moved = block.row_count + block.col_count * element_bytes
        requests = moved / machine.stream_bytes_per_cycle + REQUEST_CYCLES
        positions = -(-block.row_count // layer.in_shape[2])
        periods.append((block.tile, max(tile.mvm_latency_cycles, requests, positions)))
    found = []
    for begin, end in bands:
        load = load_bytes(layer, (begin, end), layer.in_shape[2]) / dma_rate
        store = (end - begin) * group.channel_count / dma_rate
        jobs = [(index, (end - begin) * period + JOB_CYCLES) for index, period in periods]
        busy: dict[int, float] = {}
        for index, cycles in jobs:
            busy[index] = busy.get(index, 0.0) + cycles
        found.append(
            Band(
                load=load + BLOCK_CYCLES,
                tile=max(busy.values()),
                store=store + BLOCK_CYCLES if geometry.post else 0.0,
                after=_after_push(jobs),
            )
        )
    return Pipeline(groups=(tuple(found),), sums=not geometry.post)
