"""Loops and cache lines of sw/kernels/tile_post.inc, for both couplings."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import Chunk, Group, LayerPlan, TightSplit
from tightrope.sim.workload.layers import Layer

from .cache_lines import aligned_ratio, input_lines
from .kernel_tile import NO_QUEUE, queue_loops
from .work import LINE_BYTES, Features, Work

__all__ = ["post_work"]

EVEN_BYTES = 64
"""Of inputs and of outputs, a multiple of which has a loop of its own."""

BURST_ACCESSES = 2
"""For the constants of a channel."""


def post_work(layer: Layer, plan: LayerPlan, chunk: Chunk, machine: ClusterConfig) -> Work:
    """One chunk of a layer whose tiles requantise."""
    pixels = chunk.pixel_end - chunk.pixel_begin
    loops: Features = NO_QUEUE | {
        "chunk": 1.0, "post_group": 0.0, "constants": 0.0, "post_runs": 0.0, "post_even": 0.0,
        "post_patches": 0.0, "queue64": 0.0, "store64": 0.0, "store4": 0.0, "byte_word": 0.0,
        "post_byte": 0.0,
    }  # fmt: skip
    lines: Features = {"in_fresh": 0.0, "in_again": 0.0, "in_mix": 0.0, "constant_lines": 0.0}
    for group in plan.groups[chunk.begin : chunk.end]:
        loads = _loads(plan, group, machine)
        loops["post_group"] += 1
        loops["constants"] += loads * group.channel_count
        lines["constant_lines"] += loads * 8 * group.channel_count / LINE_BYTES
        for name, count in _group_loops(layer, chunk, group).items():
            loops[name] += count
        for name, count in input_lines(layer, pixels, 0).items():
            lines[name] += count
    groups = chunk.end - chunk.begin
    bursts = BURST_ACCESSES * loops["constants"] if plan.body is Body.LOOSE else 0.0
    code = {f"code_{path}": loops["post_group"] for path in _PATHS if loops[path]}
    return Work(
        loops=loops, lines=lines, code=code, bursts=bursts, pixel_mvms=float(pixels * groups)
    )


_PATHS = ("post_even", "post_runs", "post_patches")
"""How pixels are queued. What of a group's code the next one has to fetch again depends on it."""


def _group_loops(layer: Layer, chunk: Chunk, group: Group) -> Features:
    (block,) = group.blocks
    pixels = chunk.pixel_end - chunk.pixel_begin
    queued = queue_loops(layer, chunk.pixel_begin, chunk.pixel_end, block)
    # Firmware stores words only if all pixels begin at one.
    share = 1.0 if layer.pixels == 1 or aligned_ratio(layer.out_shape[2]) == 1.0 else 0.0
    words = group.channel_count // 4 * share
    bytes_left = group.channel_count - 4 * words
    stores = {
        "store64": pixels * (words // 16),
        "store4": pixels * (words % 16),
        "byte_word": pixels * (block.col_count / 4 - words),
        "post_byte": pixels * bytes_left,
    }
    if not _is_run(layer):
        return queued | stores | {"post_patches": pixels}
    if block.row_count % EVEN_BYTES == 0 and block.col_count % EVEN_BYTES == 0 and not bytes_left:
        return stores | {"post_even": pixels, "queue64": pixels * block.row_count / EVEN_BYTES}
    return queued | stores | {"queue_row": 0.0, "run": 0.0, "post_runs": pixels}


def _is_run(layer: Layer) -> bool:
    """Whether every patch is an aligned run of bytes inside the image."""
    reach = [
        (out - 1) * stride + kernel
        for out, stride, kernel in zip(
            layer.out_shape, layer.stride, layer.kernel, strict=False
        )
    ]
    inside = all(end <= size for end, size in zip(reach, layer.in_shape, strict=False))
    _, in_w, pitch = layer.in_shape
    aligned = layer.stride[1] * pitch % 4 == 0 and layer.stride[0] * in_w * pitch % 4 == 0
    return layer.kernel[0] == 1 and not any(layer.pads[:2]) and inside and aligned


def _loads(plan: LayerPlan, group: Group, machine: ClusterConfig) -> float:
    """How often a chunk loads the group's constants, on average.

    Always if other groups of the layer use the tile in between; else once for each tile.
    """
    own = plan.body is Body.TIGHT and plan.split is TightSplit.CHANNELS
    place = (group.blocks[0].tile, group.hart if own else 0)
    same = [(one.blocks[0].tile, one.hart if own else 0) == place for one in plan.groups]
    if sum(same) > 1:
        return 1.0
    index = plan.groups.index(group)
    chunks = sum(chunk.begin <= index < chunk.end for chunk in plan.chunks)
    holders = machine.tiled_harts if plan.body is Body.TIGHT and not own else 1
    return min(1.0, holders / chunks)
