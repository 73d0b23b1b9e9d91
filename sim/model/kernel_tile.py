"""Loops and cache lines of sw/kernels/conv_tile.c and tile_io.inc, for both couplings."""

import functools

from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import Block, Chunk, Group, LayerPlan
from tightrope.sim.workload.layers import Layer

from .pixels import WALKED_PIXELS, PixelClass, classes_of
from .places import Places
from .tile_cache import TileTables, misses_per_pixel, table_lines
from .tile_runs import READ, runs_of
from .work import LINE_BYTES, Features, Work

__all__ = ["GROUPS_WALKED", "NO_QUEUE", "aligned_pixels", "group_work", "queue_loops", "tile_work"]

NO_QUEUE: Features = {
    "queue_row": 0.0, "run": 0.0, "queue32": 0.0, "queue8": 0.0, "queue_tail": 0.0,
    "unaligned_run": 0.0, "queue_unaligned": 0.0, "tail_byte": 0.0, "fill": 0.0, "queue_fill": 0.0,
    "tail_write": 0.0,
}  # fmt: skip
"""Loops of queue, none of them run."""
_TILE: Features = NO_QUEUE | {
    "group": 0.0, "group_block": 0.0, "pixel": 0.0, "mvm": 0.0,
    "mvm_of_many": 0.0, "finish": 0.0, "accumulate": 0.0, "dequeue": 0.0, "unpack1": 0.0,
    "unpack2": 0.0, "byte_quad": 0.0, "byte_output": 0.0, "program": 0.0, "program_row": 0.0,
    "partial": 0.0,
}  # fmt: skip


def queue_loops(layer: Layer, begin: int, end: int, block: Block) -> Features:
    """Loops of queue, for one block of the pixels ``begin`` .. ``end`` - 1."""
    loops = dict(NO_QUEUE)
    width = (layer.kernel[1], layer.in_shape[2])
    for where, count in classes_of(layer, begin, end):
        for name, rounds in _queue_of(where, *width, block.k_begin, block.row_count):
            loops[name] += count * rounds
    return loops


@functools.lru_cache(maxsize=65536)
def _queue_of(
    where: PixelClass, kernel_w: int, channels: int, k_begin: int, count: int
) -> tuple[tuple[str, float], ...]:
    """Loops of queue for a slice of one patch, those that run."""
    loops = dict(NO_QUEUE)
    row_bytes = kernel_w * channels
    loops["queue_row"] = -(-(k_begin + count) // row_bytes) - k_begin // row_bytes
    for kind, size in runs_of(where, kernel_w, channels, k_begin, count):
        if kind in READ:
            _run(loops, kind == "unaligned", size)
        else:
            _fill(loops, size)
    return tuple((name, rounds) for name, rounds in loops.items() if rounds)


def _fill(loops: Features, size: int) -> None:
    loops["fill"] += 1
    loops["queue_fill"] += size // 8
    _tail(loops, size)


def _run(loops: Features, unaligned: bool, size: int) -> None:
    loops["run"] += 1
    if unaligned:
        loops["unaligned_run"] += 1
        loops["queue_unaligned"] += size // 8
        loops["tail_byte"] += size % 8
        _tail(loops, size)
    else:
        loops["queue32"] += size // 32
        loops["queue8"] += size % 32 // 8
        _tail(loops, size)


def _tail(loops: Features, size: int) -> None:
    """The last 1 .. 7 bytes: a loose tile takes them as a word, a half and a byte."""
    loops["queue_tail"] += size % 8 > 0
    loops["tail_write"] += (size % 8).bit_count()


def aligned_pixels(layer: Layer, begin: int, end: int, channel: int) -> int:
    """Pixels whose output ``channel`` lies at a word."""
    pitch = layer.out_shape[2]
    if pitch % 4 == 0:
        return end - begin if channel % 4 == 0 else 0
    rounds, rest = divmod(end - begin, 4)
    found = [(pixel * pitch + channel) % 4 == 0 for pixel in range(begin, begin + 4)]
    return rounds * sum(found) + sum(found[:rest])


def tile_work(
    layer: Layer, plan: LayerPlan, chunk: Chunk, element_bytes: int, places: Places
) -> Work:
    """One chunk whose harts requantise."""
    loops: Features = {"chunk": 1.0}
    lines: Features = {"walk": 0.0, "tables": 0.0, "program_lines": 0.0}
    code: Features = {}
    pixels, mvms = chunk.pixel_end - chunk.pixel_begin, 0.0
    for index in range(chunk.begin, chunk.end):
        group = plan.groups[index]
        found = group_work(layer, chunk.pixel_begin, chunk.pixel_end, group, element_bytes)
        for name, count in found.loops.items():
            loops[name] = loops.get(name, 0.0) + count
        for name, count in found.code.items():
            code[name] = code.get(name, 0.0) + count
        if plan.body is not Body.TIGHT:
            for name, count in _hold_loops(group).items():
                loops[name] = loops.get(name, 0.0) + count
        lines["program_lines"] += found.lines["program_lines"]
        mvms += pixels * len(group.blocks)
        _add_lines(lines, layer, plan, chunk, index, places)
    return Work(loops=loops, lines=lines, code=code, pixel_mvms=mvms)


def _hold_loops(group: Group) -> Features:
    """Loose tiles are taken, and given back, in the order of their numbers: all blocks are looked
    at for each, and once more to find that there is none."""
    tiles = len({block.tile for block in group.blocks})
    return {"tile": float(tiles), "tile_search": 2.0 * (tiles + 1) * len(group.blocks)}


@functools.lru_cache(maxsize=32768)
def group_work(layer: Layer, begin: int, end: int, group: Group, element_bytes: int) -> Work:
    """Loops of one group's pixels ``begin`` .. ``end`` - 1."""
    loops = dict(_TILE)
    lines: Features = {"program_lines": 0.0}
    _add_outputs(loops, layer, begin, end, group, element_bytes)
    for block in group.blocks:
        for name, count in queue_loops(layer, begin, end, block).items():
            loops[name] += count
    if group.reprogram:
        _add_programs(loops, lines, end - begin, group)
    used = {name: count for name, count in loops.items() if count}
    return Work(used, lines, code_paths(layer, begin, end, group, element_bytes))


def code_paths(
    layer: Layer, begin: int, end: int, group: Group, element_bytes: int
) -> Features:
    """MVMs by the functions that they need between them, in the order unaligned, fill, bytes, many,
    and by the width of results: some of these lie on the same lines of the instruction cache."""
    width = (layer.kernel[1], layer.in_shape[2])
    by_bytes = _by_bytes(layer, group)
    many = "m" if len(group.blocks) > 1 else ""
    paths: Features = {}
    for where, count in classes_of(layer, begin, end):
        for block in group.blocks:
            loops = dict(_queue_of(where, *width, block.k_begin, block.row_count))
            head = ("u" if "unaligned_run" in loops else "") + ("f" if "fill" in loops else "")
            # The last block's results are those that are stored.
            last = by_bytes and block is group.blocks[-1]
            path = head + ("b" if last else "") + many
            if path:
                name = f"code_{path}{element_bytes}"
                paths[name] = paths.get(name, 0.0) + count
    return paths


def _by_bytes(layer: Layer, group: Group) -> bool:
    """Whether some of a group's outputs are no whole words."""
    return layer.out_shape[2] % 4 != 0 and layer.pixels > 1 or group.channel_count % 4 != 0


def _add_outputs(
    loops: Features, layer: Layer, begin: int, end: int, group: Group, element_bytes: int
) -> None:
    pixels, blocks = end - begin, len(group.blocks)
    quads = group.blocks[-1].col_count // 4
    # Words are stored where a pixel's outputs happen to be aligned.
    aligned = aligned_pixels(layer, begin, end, group.channel_begin)
    finished = aligned * (group.channel_count // 4)
    loops["group"] += 1
    if blocks > 1:
        loops["group_block"] += blocks
    loops["pixel"] += pixels
    loops["mvm"] += pixels * blocks
    loops["mvm_of_many"] += pixels * blocks if blocks > 1 and not group.reprogram else 0
    loops["finish"] += finished
    loops["byte_quad"] += pixels * quads - finished
    loops["byte_output"] += pixels * group.channel_count - 4 * finished
    loops["accumulate"] += pixels * (blocks - 1) * quads
    loops["dequeue"] += pixels * blocks * quads * element_bytes
    if element_bytes < 4:
        loops[f"unpack{element_bytes}"] += pixels * blocks * quads


def _add_programs(loops: Features, lines: Features, pixels: int, group: Group) -> None:
    cols = group.blocks[-1].col_count
    for block in group.blocks:
        loops["program"] += block.row_count * block.col_count / 4
        loops["program_row"] += block.row_count
        lines["program_lines"] += block.row_count * block.col_count / LINE_BYTES
    loops["partial"] += pixels * (len(group.blocks) - 1) * cols / 4
    lines["program_lines"] += pixels * max(0, len(group.blocks) - 1) * cols * 4 / LINE_BYTES


GROUPS_WALKED = 2
"""Of a large layer's groups, whose constants lie at different places: others are like these."""


def _add_lines(
    lines: Features, layer: Layer, plan: LayerPlan, chunk: Chunk, index: int, places: Places
) -> None:
    """Of the chunk's pixels, for the group of that index."""
    groups = plan.groups
    pixels = (chunk.pixel_begin, chunk.pixel_end)
    walked = index
    if layer.pixels > WALKED_PIXELS:
        pixels = (0, layer.pixels)
        step = -(-len(groups) // GROUPS_WALKED)
        walked = index // step * step
    group = groups[walked]
    is_loose = plan.body is not Body.TIGHT
    tables = TileTables.of(places, groups, walked, is_loose, _by_bytes(layer, group))
    missed = misses_per_pixel(layer, group, tables, *pixels)
    lines["walk"] += (chunk.pixel_end - chunk.pixel_begin) * missed
    # Who takes a second chunk of a group finds its constants there.
    chunks = sum(other.begin <= index < other.end for other in plan.chunks)
    share = min(1.0, (len(plan.hart_first) - 1) / chunks)
    lines["tables"] += table_lines(groups[index]) * share
