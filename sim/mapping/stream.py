"""Layers on loose tiles that stream: bands of pixels, their room in the scratchpad, copies."""

import dataclasses
from collections.abc import Iterator, Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.hw.headers import DCACHE_LINE_BYTES
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import Layer

from .errors import MappingError
from .plan import Group, LayerPlan
from .split import Range, round_up, split_evenly

__all__ = [
    "StreamGeometry",
    "bands_of",
    "keeps_tiles",
    "load_bytes",
    "loaded_bytes",
    "may_post",
    "pixels_of_groups",
    "posts",
    "stream_geometry",
]

BAND_PIXELS_MAX = 256
BAND_CYCLES_USEFUL = 2200
"""Of a tile: less, and a hart is not ready with the next band, for which it needs some 1100 beside
the time of the DMA engine."""
BANDS_PER_CHUNK = 24
"""The first band's input and the last one's results are moved while no tile works."""
BAND_ROWS_USEFUL = 3
"""Of the output, if the kernel has several rows: input rows are loaded again for every band."""
HALF_UNIT_BYTES = 32
"""A hart's part of the scratchpad is two halves, and a multiple of 64."""
_POSITIONS = 1 << 15
"""Positions and loops of a streaming job have 16 bits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamGeometry:
    """How a layer uses the scratchpad; fields of its descriptor."""

    band_pixels: int
    """Output pixels that are computed by one job at the most."""
    stream_bytes: int
    """Of the scratchpad, per hart."""
    post: bool
    """The tiles requantise, and the DMA engine stores their results."""


def stream_geometry(
    layer: Layer,
    machine: ClusterConfig,
    plan: LayerPlan,
    *,
    in_pitch: int | None = None,
    out_pitch: int | None = None,
) -> StreamGeometry:
    """Bands as large as is useful and fits the scratchpad twice per hart.

    Pitches are the bytes from a pixel to the next; the channels if None. Raises MappingError, in a
    sentence, if the machine can't stream the layer.
    """
    _check_machine(layer, machine)
    if any(group.reprogram for group in plan.groups):
        raise MappingError(f"layer {layer.name}: tiles that stream can't be programmed in turn")
    if max(*layer.in_shape, *layer.out_shape) >= _POSITIONS:
        raise MappingError(f"layer {layer.name}: a side of {_POSITIONS} or more can't be streamed")
    in_pitch = layer.in_shape[2] if in_pitch is None else in_pitch
    out_pitch = layer.out_shape[2] if out_pitch is None else out_pitch
    post = _can_post(machine.tile, plan.groups, out_pitch)
    most = machine.scratchpad.size_bytes // machine.harts // 64 * 64
    ranges = sorted(
        {
            (chunk.pixel_begin, chunk.pixel_end)
            for chunk in plan.chunks
            if plan.body_of(chunk) is plan.body
        }
    )
    needed = 0
    useful = -(-BAND_CYCLES_USEFUL // machine.tile.mvm_latency_cycles)
    for pixels in _band_sizes(layer, ranges, useful):
        load = max(load_bytes(layer, band, in_pitch) for band in bands_of(ranges, pixels))
        results = _results_bytes(machine.tile, plan.groups, pixels, post)
        needed = 2 * round_up(load + results, HALF_UNIT_BYTES)
        if needed <= most:
            return StreamGeometry(band_pixels=pixels, stream_bytes=needed, post=post)
    raise MappingError(
        f"layer {layer.name}: one pixel needs {needed} bytes of the scratchpad to be streamed, "
        f"a hart has {most}"
    )


def pixels_of_groups(pixels: int, groups: Sequence[Group]) -> list[Range]:
    """The pixels that each group computes: all, or its share if it has copies."""
    copies: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        copies.setdefault(group.channel_begin, []).append(index)
    shares = {
        index: share
        for members in copies.values()
        for index, share in zip(members, split_evenly(pixels, len(members)), strict=True)
    }
    return [shares[index] for index in range(len(groups))]


def _check_machine(layer: Layer, machine: ClusterConfig) -> None:
    missing = [
        what
        for what, count in (
            ("stream ports", machine.stream_ports),
            ("DMA engine", machine.dma_bytes_per_cycle),
        )
        if not count
    ]
    if missing:
        raise MappingError(
            f"layer {layer.name} can't be streamed: the machine has no {' and no '.join(missing)}"
        )


def may_post(layer: Layer, tile: TileConfig) -> bool:
    """Whether tiles can requantise the layer: each output is a sum of one block."""
    return _can_post(tile, (), layer.out_shape[2]) and layer.patch <= tile.rows


def keeps_tiles(layer: Layer, tile: TileConfig, body: Body) -> bool:
    """Whether a hart has a loose group's tiles to itself until it is done; one that adds up what
    they stream gives them back meanwhile."""
    return body is Body.LOOSE or (body is Body.STREAM and may_post(layer, tile))


def posts(layer: Layer, plan: LayerPlan, tile: TileConfig) -> bool:
    """Whether they do requantise a planned layer whose output pixels follow each other."""
    return _can_post(tile, plan.groups, layer.out_shape[2])


def _can_post(tile: TileConfig, groups: Sequence[Group], out_pitch: int) -> bool:
    """The engine moves words, so the outputs of a group must be whole words of a pixel."""
    whole = all(len(group.blocks) == 1 and group.channel_count % 4 == 0 for group in groups)
    return bool(tile.post_lanes) and whole and out_pitch % 4 == 0


def _band_sizes(layer: Layer, ranges: Sequence[Range], useful: int) -> Iterator[int]:
    """Pixels per band to be tried, from the most useful down to one."""
    longest = max(end - begin for begin, end in ranges)
    pixels = max(useful, -(-longest // BANDS_PER_CHUNK))
    width = layer.out_shape[1]
    if layer.kernel[0] > 1 and width <= BAND_PIXELS_MAX:
        rows = min(max(BAND_ROWS_USEFUL, -(-pixels // width)), BAND_PIXELS_MAX // width)
        for count in range(rows, 0, -1):
            yield min(count * width, longest)
        pixels = width // 2
    pixels = min(pixels, BAND_PIXELS_MAX, longest)
    while pixels:
        yield pixels
        pixels //= 2


def bands_of(ranges: Sequence[Range], pixels: int) -> Iterator[Range]:
    """Ranges of pixels in bands of up to ``pixels``, as the kernel takes them."""
    for begin, end in ranges:
        for first in range(begin, end, pixels):
            yield first, min(first + pixels, end)


def load_bytes(layer: Layer, band: Range, in_pitch: int) -> int:
    """The most that conv_stream.c loads for a band of pixels, wherever the input begins."""
    begin, end = _load_pixels(layer, band)
    return round_up(max(0, end - begin) * in_pitch + 3, 4)


def loaded_bytes(layer: Layer, band: Range) -> int:
    """What it loads if the input begins at a word and its pixels follow each other: whole words."""
    begin, end = _load_pixels(layer, band)
    channels = layer.in_shape[2]
    return round_up(end * channels, 4) - begin * channels // 4 * 4 if end > begin else 4


def _load_pixels(layer: Layer, band: Range) -> Range:
    """The input's pixels, row by row, that a band needs, as ``load`` of conv_stream.c has them."""
    in_h, in_w, _ = layer.in_shape
    width, kernel = layer.out_shape[1], layer.kernel
    first, last = (divmod(pixel, width) for pixel in (band[0], band[1] - 1))
    y_begin = first[0] * layer.stride[0] - layer.pads[0]
    y_end = last[0] * layer.stride[0] - layer.pads[0] + kernel[0]
    begin, end = min(max(y_begin, 0), in_h) * in_w, min(max(y_end, 0), in_h) * in_w
    if kernel[0] == 1 and end > begin:
        x_begin = first[1] * layer.stride[1] - layer.pads[1]
        x_end = last[1] * layer.stride[1] - layer.pads[1] + kernel[1]
        begin += min(max(x_begin, 0), in_w) if y_begin >= 0 else 0
        end -= in_w - min(max(x_end, 0), in_w) if y_end <= in_h else 0
    return begin, end


def _results_bytes(tile: TileConfig, groups: Sequence[Group], pixels: int, post: bool) -> int:
    """Of a band, at the most: for each block what ``results_bytes`` of stream_sums.h says."""
    element_bytes = 1 if post else tile.output_bytes
    return max(
        len(group.blocks)
        * (round_up(pixels * group.blocks[0].col_count * element_bytes, 64) + DCACHE_LINE_BYTES)
        for group in groups
    )
