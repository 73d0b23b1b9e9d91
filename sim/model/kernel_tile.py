"""Loops and cache lines of sw/kernels/conv_tile.c and tile_io.inc, for both couplings."""

from tightrope.sim.mapping.plan import Block, Group
from tightrope.sim.workload.layers import Layer

from .cache_lines import aligned_ratio, input_lines, inside_ratio, repeat_ratio
from .work import CACHE_BYTES, LINE_BYTES, Features, Work

__all__ = ["NO_QUEUE", "queue_loops", "tile_work"]

NO_QUEUE: Features = {
    "run": 0.0, "queue32": 0.0, "queue8": 0.0, "queue_tail": 0.0, "queue_unaligned": 0.0,
    "tail_byte": 0.0, "queue_fill": 0.0,
}  # fmt: skip
"""Loops of queue, none of them run."""


def queue_loops(layer: Layer, pixels: float, block: Block) -> Features:
    """Loops of queue, for one block of some pixels."""
    loops = dict(NO_QUEUE)
    runs = _runs(block.k_begin, block.row_count, layer.kernel[1] * layer.in_shape[2])
    inside = inside_ratio(layer)
    loops["run"] += pixels * len(runs)
    loops["queue_fill"] += pixels * block.row_count * (1 - inside) / 8
    share = aligned_ratio(layer.in_shape[2])
    if layer.in_shape[:2] == (1, 1):
        share = 1.0 if block.k_begin % 4 == 0 else 0.0
    for length in (round(length * inside) for length in runs):
        loops["queue32"] += pixels * share * (length // 32)
        loops["queue8"] += pixels * share * (length % 32 // 8)
        loops["queue_tail"] += pixels * share * (1.0 if length % 8 else 0.0)
        loops["queue_unaligned"] += pixels * (1 - share) * (length // 8)
        loops["tail_byte"] += pixels * (1 - share) * (length % 8)
    return loops


def tile_work(
    layer: Layer, pixels: int, groups: tuple[Group, ...], element_bytes: int
) -> Work:
    loops: Features = NO_QUEUE | {
        "chunk": 1.0, "group": 0.0, "pixel": 0.0, "mvm": 0.0, "mvm_of_many": 0.0, "finish": 0.0,
        "accumulate": 0.0, "dequeue": 0.0, "byte_output": 0.0, "program": 0.0, "program_row": 0.0,
        "partial": 0.0,
    }  # fmt: skip
    lines: Features = {
        "in_fresh": 0.0, "in_again": 0.0, "in_mix": 0.0, "scales": 0.0, "scales_mix": 0.0,
        "program_lines": 0.0,
    }  # fmt: skip
    mvms = 0.0
    for group in groups:
        cols = sum(block.col_count for block in group.blocks[-1:])
        blocks = len(group.blocks)
        loops["group"] += 1
        loops["pixel"] += pixels
        loops["mvm"] += pixels * blocks
        loops["mvm_of_many"] += pixels * blocks if blocks > 1 and not group.reprogram else 0
        mvms += pixels * blocks
        # Words are stored where a pixel's outputs happen to be aligned.
        share = 1.0 if layer.pixels == 1 else aligned_ratio(layer.out_shape[2])
        full = group.channel_count // 4 * 4 * share
        loops["finish"] += pixels * full / 4
        loops["byte_output"] += pixels * (group.channel_count - full)
        loops["accumulate"] += pixels * (blocks - 1) * cols / 4
        loops["dequeue"] += pixels * blocks * cols / 4 * element_bytes
        for block in group.blocks:
            for name, count in queue_loops(layer, pixels, block).items():
                loops[name] += count
            if group.reprogram:
                loops["program"] += block.row_count * block.col_count / 4
                loops["program_row"] += block.row_count
                lines["program_lines"] += block.row_count * block.col_count / LINE_BYTES
        if group.reprogram:
            loops["partial"] += pixels * (blocks - 1) * cols / 4
            lines["program_lines"] += pixels * max(0, blocks - 1) * cols * 4 / LINE_BYTES
        scale_bytes = 8 * group.channel_count + 4 * (cols if blocks > 1 else 0)
        beside = scale_bytes + min(layer.patch, CACHE_BYTES)
        scale_lines = scale_bytes / LINE_BYTES
        lines["scales"] += scale_lines * (1 + max(0, pixels - 1) * repeat_ratio(beside))
        lines["scales_mix"] += scale_lines * pixels * min(1.0, beside / CACHE_BYTES)
        for name, count in input_lines(layer, pixels, scale_bytes).items():
            lines[name] += count
    return Work(loops=loops, lines=lines, pixel_mvms=mvms)


def _runs(begin: int, count: int, row_bytes: int) -> list[int]:
    """Lengths of the pieces of a slice of the patch that lie in one row each."""
    runs = []
    offset = begin % row_bytes
    while count:
        length = min(row_bytes - offset, count)
        runs.append(length)
        count -= length
        offset = 0
    return runs
