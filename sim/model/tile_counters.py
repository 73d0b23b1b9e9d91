"""The tiles' counters without running: they follow from the plan, exactly."""

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.isa import TileStatusReg
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LOOSE_BODIES, Block, LayerPlan, TightSplit
from tightrope.sim.mapping.split import Range
from tightrope.sim.mapping.stream import posts
from tightrope.sim.workload.layers import Layer

__all__ = ["IDLE", "tile_counters"]


IDLE = dict.fromkeys(TileStatusReg, 0.0)
"""Of a tile that does nothing; never changed."""


def tile_counters(layer: Layer, plan: LayerPlan, machine: ClusterConfig, on_tiles: float = 1.0):
    """Exact: which tile does how many MVMs of which window follows from the plan.

    ``on_tiles`` is the share of them that tiles compute, and not harts without one.
    """
    streams = plan.body is Body.STREAM
    post = posts(layer, plan, machine.tile) if streams else plan.post_processes(machine.tile)
    output_bytes = 1 if post else machine.tile.output_bytes
    tight = machine.harts * machine.tight_tiles_per_hart
    tiles = [IDLE] * (tight + machine.loose_tiles)
    replicas = machine.tiled_harts if plan.split is TightSplit.REPLICATE else 1
    for group, pixels in zip(plan.groups, _pixels_of_groups(plan), strict=True):
        # Whoever takes a chunk of a group that is not resident writes all of its weights.
        times = len(pixels) / replicas if group.reprogram else 0.0
        computed = sum(end - begin for begin, end in pixels)
        for block in group.blocks:
            for replica in range(replicas):
                if plan.body in LOOSE_BODIES:
                    index = tight + block.tile
                else:
                    hart = replica if replicas > 1 else group.hart
                    index = hart * machine.tight_tiles_per_hart + block.tile
                mvms = on_tiles * computed / replicas
                if tiles[index] is IDLE:
                    tiles[index] = dict(IDLE)
                tile = tiles[index]
                tile[TileStatusReg.MVMS] += mvms
                tile[TileStatusReg.BUSY_CYCLES] += mvms * machine.tile.mvm_latency_cycles
                tile[TileStatusReg.BYTES_IN] += mvms * block.row_count
                tile[TileStatusReg.BYTES_OUT] += mvms * block.col_count * output_bytes
                tile[TileStatusReg.ROWS_USED] += mvms * block.row_count
                tile[TileStatusReg.COLS_USED] += mvms * block.col_count
                tile[TileStatusReg.CELLS_USED] += mvms * block.row_count * block.col_count / 64
                writes = block.row_count * block.col_count / 4
                tile[TileStatusReg.PROGRAM_WRITES] += times * writes
                if streams:
                    read = sum(_bytes_read(layer, block, *own) for own in pixels)
                    tile[TileStatusReg.STREAM_BYTES_IN] += read
                    tile[TileStatusReg.STREAM_BYTES_OUT] += mvms * block.col_count * output_bytes
    return tuple(tiles)


def _pixels_of_groups(plan: LayerPlan) -> list[list[Range]]:
    """What each group computes on tiles: all pixels, or its share if it has copies, or less where
    harts help."""
    found: list[list[Range]] = [[] for _ in plan.groups]
    for chunk in plan.chunks if plan.groups else ():
        if plan.body_of(chunk) is plan.body:
            for own in found[chunk.begin : chunk.end]:
                own.append((chunk.pixel_begin, chunk.pixel_end))
    return found


def _bytes_read(layer: Layer, block: Block, begin: int, end: int) -> int:
    """What a streamer reads for a block's MVMs of pixels ``begin`` .. ``end`` - 1: no padding."""
    in_h, in_w, channels = layer.in_shape
    kernel_h, kernel_w = layer.kernel
    y, x = np.divmod(np.arange(begin, end), layer.out_shape[1])
    rows = y * layer.stride[0] - layer.pads[0] + np.arange(kernel_h)[:, None]
    columns = x * layer.stride[1] - layer.pads[1] + np.arange(kernel_w)[:, None]
    inside_y = ((rows >= 0) & (rows < in_h)).astype(np.int64)
    inside_x = ((columns >= 0) & (columns < in_w)).astype(np.int64)
    # For each place in the kernel, those that have an input there; and its channels in the block.
    pixels = (inside_y @ inside_x.T).ravel()
    first = channels * np.arange(kernel_h * kernel_w)
    k_end = block.k_begin + block.row_count
    wanted = np.minimum(first + channels, k_end) - np.maximum(first, block.k_begin)
    return int(pixels @ np.maximum(wanted, 0))
