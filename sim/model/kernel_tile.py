"""Loops and cache lines of sw/kernels/conv_tile.c and tile_io.inc, for both couplings."""

import functools
from collections import Counter
from typing import NamedTuple

from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import Block, Chunk, Group, LayerPlan
from tightrope.sim.workload.layers import Layer

from .pixels import WALKED_PIXELS, PixelClass, classes_of
from .places import Places
from .tile_cache import TileTables, misses_per_pixel, table_lines
from .tile_runs import READ, runs_of
from .work import LINE_BYTES, Features, Work

__all__ = [
    "GROUPS_WALKED",
    "NO_QUEUE",
    "TileGroups",
    "aligned_pixels",
    "group_loops",
    "queue_loops",
    "tile_work",
]

GROUPS_WALKED = 2
"""Of a large layer's groups, whose constants lie at different places: others are like these."""

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


class TileGroups:
    """What is known of a plan's groups, before one looks at each chunk."""

    def __init__(self, layer: Layer, plan: LayerPlan, element_bytes: int, places: Places) -> None:
        self.groups = plan.groups
        self.is_loose = plan.body is not Body.TIGHT
        self.element_bytes = element_bytes
        self._layer, self._plan, self._places = layer, plan, places
        self._missed: dict[tuple[int, tuple[int, int]], float] = {}
        self._tables: dict[int, float] = {}

    def missed(self, index: int, pixels: tuple[int, int]) -> float:
        """Lines that one of some pixels misses of the group of that index, but for constants."""
        if self._layer.pixels > WALKED_PIXELS:
            pixels = (0, self._layer.pixels)
            step = -(-len(self.groups) // GROUPS_WALKED)
            index = index // step * step
        key = (index, pixels)
        if key not in self._missed:
            group = self.groups[index]
            tables = TileTables.of(
                self._places, self.groups, index, self.is_loose, _by_bytes(self._layer, group)
            )
            self._missed[key] = misses_per_pixel(self._layer, group, tables, *pixels)
        return self._missed[key]

    def tables(self, index: int) -> float:
        """Lines that a chunk misses of a group's constants, in the mean."""
        if index not in self._tables:
            # Who takes a second chunk of a group finds its constants there.
            chunks = sum([other.begin <= index < other.end for other in self._plan.chunks])
            share = min(1.0, (len(self._plan.hart_first) - 1) / chunks)
            self._tables[index] = table_lines(self.groups[index]) * share
        return self._tables[index]


def tile_work(layer: Layer, chunk: Chunk, known: TileGroups) -> Work:
    """One chunk whose harts requantise."""
    loops: Features = {"chunk": 1.0}
    code: Features = {}
    pixels = (chunk.pixel_begin, chunk.pixel_end)
    count = chunk.pixel_end - chunk.pixel_begin
    walk = tables = program = mvms = 0.0
    some = known.groups[chunk.begin : chunk.end]
    alike = Counter([_alike(layer, *pixels, group, known.element_bytes) for group in some])
    for one, times in alike.items():
        found = _alike_work(one)
        _add(loops, found.loops, times)
        _add(code, found.code, times)
        program += times * found.lines["program_lines"]
    for index, group in enumerate(some, chunk.begin):
        if known.is_loose:
            _add(loops, _hold_loops(group), 1)
        mvms += count * len(group.blocks)
        walk += count * known.missed(index, pixels)
        tables += known.tables(index)
    lines = {"walk": walk, "tables": tables, "program_lines": program}
    return Work(loops=loops, lines=lines, code=code, pixel_mvms=mvms)


def group_loops(layer: Layer, group: Group, element_bytes: int) -> Features:
    """Loops of all of a layer's pixels."""
    return _alike_work(_alike(layer, 0, layer.pixels, group, element_bytes)).loops


def _add(features: Features, more: Features, times: int) -> None:
    for name, count in more.items():
        features[name] = features.get(name, 0.0) + times * count


def _hold_loops(group: Group) -> Features:
    """Loose tiles are taken, and given back, in the order of their numbers: all blocks are looked
    at for each, and once more to find that there is none."""
    tiles = len({block.tile for block in group.blocks})
    return {"tile": float(tiles), "tile_search": 2.0 * (tiles + 1) * len(group.blocks)}


class _Alike(NamedTuple):
    """What the loops of some pixels of a group depend on."""

    kernel_w: int
    channels_in: int
    pixels: int
    classes: tuple[tuple[PixelClass, int], ...]
    """Of these pixels, and how many there are of each."""
    aligned: int
    """Pixels whose outputs begin at a word."""
    slices: tuple[tuple[int, int], ...]
    """``k_begin`` and ``row_count`` of each block."""
    cols: int
    """Of each block."""
    channels: int
    by_bytes: bool
    reprogram: bool
    element_bytes: int


def _alike(layer: Layer, begin: int, end: int, group: Group, element_bytes: int) -> _Alike:
    return _Alike(
        layer.kernel[1],
        layer.in_shape[2],
        end - begin,
        classes_of(layer, begin, end),
        # Words are stored where a pixel's outputs happen to be aligned.
        aligned_pixels(layer, begin, end, group.channel_begin),
        tuple([(block.k_begin, block.row_count) for block in group.blocks]),
        group.blocks[-1].col_count,
        group.channel_count,
        _by_bytes(layer, group),
        group.reprogram,
        element_bytes,
    )


@functools.lru_cache(maxsize=32768)
def _alike_work(alike: _Alike) -> Work:
    """Loops of some pixels of one group."""
    loops = dict(_TILE)
    lines: Features = {"program_lines": 0.0}
    _add_outputs(loops, alike)
    code: Features = {}
    for index, part in enumerate(alike.slices):
        is_last = index == len(alike.slices) - 1
        for where, count in alike.classes:
            queued = _queue_of(where, alike.kernel_w, alike.channels_in, *part)
            for name, rounds in queued:
                loops[name] += count * rounds
            _add_path(code, alike, dict(queued), count, is_last)
    if alike.reprogram:
        _add_programs(loops, lines, alike)
    used = {name: count for name, count in loops.items() if count}
    return Work(used, lines, code)


def _add_path(
    code: Features, alike: _Alike, queued: Features, count: int, is_last: bool
) -> None:
    """MVMs by the functions that they need between them, in the order unaligned, fill, bytes, many,
    and by the width of results: some of these lie on the same lines of the instruction cache."""
    head = ("u" if "unaligned_run" in queued else "") + ("f" if "fill" in queued else "")
    # The last block's results are those that are stored.
    head += "b" if alike.by_bytes and is_last else ""
    path = head + ("m" if len(alike.slices) > 1 else "")
    if path:
        name = f"code_{path}{alike.element_bytes}"
        code[name] = code.get(name, 0.0) + count


def _by_bytes(layer: Layer, group: Group) -> bool:
    """Whether some of a group's outputs are no whole words."""
    return layer.out_shape[2] % 4 != 0 and layer.pixels > 1 or group.channel_count % 4 != 0


def _add_outputs(loops: Features, alike: _Alike) -> None:
    pixels, blocks, quads = alike.pixels, len(alike.slices), alike.cols // 4
    finished = alike.aligned * (alike.channels // 4)
    loops["group"] += 1
    if blocks > 1:
        loops["group_block"] += blocks
    loops["pixel"] += pixels
    loops["mvm"] += pixels * blocks
    loops["mvm_of_many"] += pixels * blocks if blocks > 1 and not alike.reprogram else 0
    loops["finish"] += finished
    loops["byte_quad"] += pixels * quads - finished
    loops["byte_output"] += pixels * alike.channels - 4 * finished
    loops["accumulate"] += pixels * (blocks - 1) * quads
    loops["dequeue"] += pixels * blocks * quads * alike.element_bytes
    if alike.element_bytes < 4:
        loops[f"unpack{alike.element_bytes}"] += pixels * blocks * quads


def _add_programs(loops: Features, lines: Features, alike: _Alike) -> None:
    cols, added = alike.cols, alike.pixels * (len(alike.slices) - 1)
    for _, row_count in alike.slices:
        loops["program"] += row_count * cols / 4
        loops["program_row"] += row_count
        lines["program_lines"] += row_count * cols / LINE_BYTES
    loops["partial"] += added * cols / 4
    lines["program_lines"] += added * cols * 4 / LINE_BYTES
