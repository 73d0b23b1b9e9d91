"""How often each loop of each kernel runs: exact counts from a layer's shape and a chunk's size.

The loops are those that the kernels' files in ``sw/kernels`` describe at their top. A count is
multiplied by a calibrated cost, see :mod:`tightrope.sim.model.terms`.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import Chunk, Group, LayerPlan
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = ["CACHE_BYTES", "FILL_CYCLES", "LINE_BYTES", "Work", "chunk_work", "family_of"]

CACHE_BYTES = 4096
LINE_BYTES = 32
SETS = CACHE_BYTES // LINE_BYTES
FILL_CYCLES = 11.0
"""Of a data cache miss, beyond the cycles that count as waiting: eight words arrive one per cycle,
and the load starts again."""
PANEL_BYTES = CACHE_BYTES // 2
PANEL_PIXELS_MAX = 32
SCRATCH_MIN_BYTES = 2048

Features = dict[str, float]


@dataclass(frozen=True)
class Work:
    """One chunk in numbers."""

    loops: Features
    """Loop counts: instructions are linear in them."""
    lines: Features
    """Cache lines wanted, by array: misses are linear in them."""
    pixel_mvms: float = 0.0
    """Pixels times row blocks: the waits for an MVM are counted by it."""


def family_of(layer: Layer, body: Body) -> str:
    """The kernel that computes a layer; costs are calibrated for each."""
    if layer.op in (LayerOp.CONV, LayerOp.DENSE):
        return f"conv_{body.name.lower()}"
    return layer.op.value


def chunk_work(layer: Layer, plan: LayerPlan, chunk: Chunk, element_bytes: int) -> Work:
    """Counts of one chunk. ``element_bytes`` is the width of a tile's output element."""
    pixels = chunk.pixel_end - chunk.pixel_begin
    if layer.op in (LayerOp.CONV, LayerOp.DENSE):
        if plan.body in (Body.TIGHT, Body.LOOSE):
            groups = plan.groups[chunk.begin : chunk.end]
            return _tile_work(layer, pixels, groups, element_bytes)
        return _dot4_work(layer, pixels, chunk.end - chunk.begin)
    channels = chunk.end - chunk.begin
    if layer.op is LayerOp.DWCONV:
        return _dwconv_work(layer, pixels, channels)
    if layer.op in (LayerOp.MAXPOOL, LayerOp.AVGPOOL, LayerOp.GLOBAL_AVGPOOL):
        return _pool_work(layer, pixels, channels)
    return _elementwise_work(layer, pixels, channels)


def _is_pointwise(layer: Layer) -> bool:
    return layer.kernel == (1, 1) and layer.pads == (0, 0, 0, 0)


def _pitch_is_aligned(layer: Layer) -> bool:
    return layer.in_shape[2] % 4 == 0


def _aligned_ratio(pitch: int) -> float:
    """Share of pixels that begin at a word, for pixels ``pitch`` bytes apart."""
    return 1.0 if pitch % 4 == 0 else 0.5 if pitch % 2 == 0 else 0.25


@functools.lru_cache(maxsize=4096)
def _inside_ratio(layer: Layer) -> float:
    """Share of a kernel's taps that lie inside the image, over the whole layer."""
    ratio = 1.0
    for size, out, kernel, stride, pad in zip(
        layer.in_shape, layer.out_shape, layer.kernel, layer.stride, layer.pads, strict=False
    ):
        begins = [place * stride - pad for place in range(out)]
        inside = sum(max(0, min(begin + kernel, size) - max(begin, 0)) for begin in begins)
        ratio *= inside / (out * kernel)
    return ratio


def _repeat_ratio(working_set_bytes: float) -> float:
    """Share of lines that a second pass over a working set finds gone, direct mapped."""
    if working_set_bytes <= CACHE_BYTES:
        return 0.0
    return min(1.0, 2.0 * (working_set_bytes - CACHE_BYTES) / working_set_bytes)


def _input_lines(layer: Layer, pixels: float, beside_bytes: float) -> Features:
    """Lines of the input that one pass over some pixels reads, patch by patch.

    ``in_fresh``: each once. ``in_again``: those of rows that an earlier row of outputs has read,
    if the rows in between and ``beside_bytes`` of other data have driven them out; ``in_mix``: the
    same if lines met at random.
    """
    kernel_h, kernel_w = layer.kernel
    stride_h, stride_w = layer.stride
    channels = layer.in_shape[2]
    columns = pixels * min(kernel_w, stride_w) * channels
    shared = columns * max(0, kernel_h - stride_h)
    working_set = kernel_h * layer.in_shape[1] * channels + beside_bytes
    return {
        "in_fresh": columns * min(kernel_h, stride_h) / LINE_BYTES,
        "in_again": shared * _repeat_ratio(working_set) / LINE_BYTES,
        "in_mix": shared * min(1.0, working_set / CACHE_BYTES) / LINE_BYTES,
    }


def _panel_input_lines(layer: Layer, panels: int, pixels: float, channels: int) -> float:
    """Lines of the input that gathering reads: cold in every panel, once within it."""
    out_w = layer.out_shape[1]
    rows = (max(1.0, pixels / out_w) - 1) * layer.stride[0] + layer.kernel[0]
    cols = (min(pixels, out_w) - 1) * layer.stride[1] + layer.kernel[1]
    rows, cols = min(rows, layer.in_shape[0]), min(cols, layer.in_shape[1])
    return panels * rows * cols * channels / LINE_BYTES


def _dot4_work(layer: Layer, pixels: int, channels: int) -> Work:
    group_in_c = layer.in_shape[2] // layer.groups
    pitch = -(-layer.patch // 4) * 4
    words = pitch // 4
    direct = (
        _is_pointwise(layer)
        and _pitch_is_aligned(layer)
        and group_in_c % 4 == 0
    )
    size = min(PANEL_BYTES // pitch, PANEL_PIXELS_MAX)
    size = max(4, size // 4 * 4)
    if not direct:
        size = min(size, max(4 * pitch, SCRATCH_MIN_BYTES) // pitch // 4 * 4)
    panels = -(-pixels // size)
    fours = pixels // size * (size // 4) + pixels % size // 4
    ones = pixels % 4
    blocks = -(-channels // 4)
    loops = {
        "chunk": 1.0,
        "panel": panels,
        "pixel": pixels,
        "block": panels * blocks,
        "four": fours * blocks,
        "four_unrolled": fours * blocks * (words // 4),
        "four_word": fours * blocks * (words % 4),
        "one": ones * blocks,
        "one_unrolled": ones * blocks * (words // 4),
        "one_word": ones * blocks * (words % 4),
        "byte_store": pixels * channels if layer.out_shape[2] % 4 else 0.0,
    }
    lines = _dot4_lines(pitch, panels, min(pixels, size), blocks)
    if direct:
        lines["panel_lines"] = pixels * max(1.0, group_in_c / LINE_BYTES)
    else:
        lines["panel_input"] = _panel_input_lines(layer, panels, min(pixels, size), group_in_c)
    if not direct:
        loops |= _gather_loops(layer, pixels, group_in_c)
    return Work(loops=loops, lines=lines)


def _dot4_lines(pitch: int, panels: int, pixels: int, blocks: int) -> Features:
    """Lines of patches and weights, from the chance that one drives out the other.

    A block of channels passes all of a panel's blocks of 4 pixels. Between two passes a line of the
    panel meets the weights of the block before (but for those of its own turn) and after; a line of
    the weights meets the patches of the next 4 pixels. Rows that are no multiple of two lines apart
    may also fall on each other word by word: each of the 16 pairs with a chance of 2 in 128.
    """
    rows = 4 * pitch / LINE_BYTES
    fours = max(1.0, pixels / 4)
    panel = pixels * pitch / LINE_BYTES
    met = min(1.0, ((2 * fours - 1) / fours * rows + 11) / SETS)
    met_weights = min(1.0, (rows + 8) / SETS)
    passes = panels * blocks
    aligned = pitch % (2 * LINE_BYTES) == 0
    return {
        "panel_lines": panels * panel,
        "panel_again": passes * panel * met,
        "weights": passes * rows,
        "weights_again": passes * rows * (fours - 1) * met_weights,
        "scales": passes * 1.5,
        "thrash": 0.0 if aligned else passes * fours * pitch / LINE_BYTES,
    }


def _gather_loops(layer: Layer, pixels: int, channels: int) -> Features:
    kernel_h, kernel_w = layer.kernel
    inside = _inside_ratio(layer)
    total = pixels * layer.patch
    adjacent = layer.in_shape[2] == channels
    runs = pixels * kernel_h * (1 if adjacent else kernel_w) * inside
    # Source and destination of a run are aligned alike, or not.
    by_words = (channels % 4 == 0 and _pitch_is_aligned(layer)) or layer.in_shape[:2] == (1, 1)
    return {
        "gather_row": pixels * kernel_h,
        "gather_run": runs,
        "gather_word": total * inside / 4 if by_words else 0.0,
        "gather_byte": 0.0 if by_words else total * inside,
        "gather_fill": total * (1 - inside) / 4,
    }


def _tile_work(
    layer: Layer, pixels: int, groups: tuple[Group, ...], element_bytes: int
) -> Work:
    loops: Features = {
        "chunk": 1.0, "group": 0.0, "group_channel": 0.0, "pixel": 0.0, "mvm": 0.0,
        "mvm_of_many": 0.0, "run": 0.0, "queue32": 0.0, "queue8": 0.0, "queue_tail": 0.0,
        "queue_unaligned": 0.0, "tail_byte": 0.0, "queue_fill": 0.0, "finish": 0.0,
        "accumulate": 0.0, "dequeue": 0.0, "byte_output": 0.0, "program": 0.0, "program_row": 0.0,
        "partial": 0.0,
    }  # fmt: skip
    lines: Features = {
        "in_fresh": 0.0, "in_again": 0.0, "in_mix": 0.0, "scales": 0.0, "scales_mix": 0.0,
        "program_lines": 0.0,
    }  # fmt: skip
    mvms = 0.0
    row_bytes = layer.kernel[1] * layer.in_shape[2]
    inside = _inside_ratio(layer)
    for group in groups:
        cols = sum(block.col_count for block in group.blocks[-1:])
        blocks = len(group.blocks)
        loops["group"] += 1
        loops["group_channel"] += group.channel_count
        loops["pixel"] += pixels
        loops["mvm"] += pixels * blocks
        loops["mvm_of_many"] += pixels * blocks if blocks > 1 and not group.reprogram else 0
        mvms += pixels * blocks
        # Words are stored where a pixel's outputs happen to be aligned.
        share = 1.0 if layer.pixels == 1 else _aligned_ratio(layer.out_shape[2])
        full = group.channel_count // 4 * 4 * share
        loops["finish"] += pixels * full / 4
        loops["byte_output"] += pixels * (group.channel_count - full)
        loops["accumulate"] += pixels * (blocks - 1) * cols / 4
        loops["dequeue"] += pixels * blocks * cols / 4 * element_bytes
        for block in group.blocks:
            runs = _runs(block.k_begin, block.row_count, row_bytes)
            inner = [round(length * inside) for length in runs]
            loops["run"] += pixels * len(runs)
            loops["queue_fill"] += pixels * block.row_count * (1 - inside) / 8
            share = _aligned_ratio(layer.in_shape[2])
            if layer.in_shape[:2] == (1, 1):
                share = 1.0 if block.k_begin % 4 == 0 else 0.0
            for length in inner:
                loops["queue32"] += pixels * share * (length // 32)
                loops["queue8"] += pixels * share * (length % 32 // 8)
                loops["queue_tail"] += pixels * share * (1.0 if length % 8 else 0.0)
                loops["queue_unaligned"] += pixels * (1 - share) * (length // 8)
                loops["tail_byte"] += pixels * (1 - share) * (length % 8)
            if group.reprogram:
                loops["program"] += block.row_count * block.col_count / 4
                loops["program_row"] += block.row_count
                lines["program_lines"] += block.row_count * block.col_count / LINE_BYTES
        if group.reprogram:
            loops["partial"] += pixels * (blocks - 1) * cols / 4
            lines["program_lines"] += pixels * max(0, blocks - 1) * cols * 4 / LINE_BYTES
        scale_bytes = 12 * group.channel_count + 4 * (cols if blocks > 1 else 0)
        beside = scale_bytes + min(layer.patch, CACHE_BYTES)
        scale_lines = scale_bytes / LINE_BYTES
        lines["scales"] += scale_lines * (1 + max(0, pixels - 1) * _repeat_ratio(beside))
        lines["scales_mix"] += scale_lines * pixels * min(1.0, beside / CACHE_BYTES)
        for name, count in _input_lines(layer, pixels, scale_bytes).items():
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


def _dwconv_work(layer: Layer, pixels: int, channels: int) -> Work:
    taps = layer.kernel[0] * layer.kernel[1]
    by_words = layer.out_shape[2] % 4 == 0
    fours = channels // 4 if by_words else 0
    singles = channels - 4 * fours
    inside = _inside_ratio(layer)
    loops = {
        "chunk": 1.0,
        "pixel": pixels * -(-channels // 32),
        "four": pixels * fours,
        "four_row": pixels * fours * layer.kernel[0],
        "four_tap": pixels * fours * taps * inside,
        "four_padding": pixels * fours * taps * (1 - inside),
        "single": pixels * singles,
        "single_tap": pixels * singles * taps,
    }
    lines = {"window": pixels * channels / LINE_BYTES * _dwconv_misses(layer)}
    lines["weights"] = channels * (taps + 12) / LINE_BYTES
    lines["mix"] = _mix(pixels * fours, 2 * taps + 3)
    return Work(loops=loops, lines=lines)


def _mix(passes: float, line_count: float) -> float:
    """Lines lost in passes over some lines that lie anywhere: each may meet each other."""
    return passes * line_count * min(1.0, line_count / SETS)


@functools.lru_cache(maxsize=4096)
def _misses_of(
    in_h: int, in_w: int, pitch: int, out_w: int, kernel: tuple[int, int],
    stride: tuple[int, int], pad: tuple[int, int], beside: tuple[int, ...], passes: int,
) -> float:
    """Cache misses per output pixel of one line of channels, by walking a few rows of outputs.

    ``beside``: other lines that every pixel reads; ``passes``: how often each pixel walks its taps.
    """
    tags: dict[int, int] = {}
    rows = min(6, max(1, (in_h + 2 * pad[0] - kernel[0]) // stride[0] + 1))
    misses, counted = 0, 0
    for y in range(rows):
        for x in range(out_w):
            before = misses
            lines = [
                ((y * stride[0] - pad[0] + ky) * in_w + x * stride[1] - pad[1] + kx) * pitch
                // LINE_BYTES
                for ky in range(kernel[0])
                for kx in range(kernel[1])
                if 0 <= y * stride[0] - pad[0] + ky < in_h
                and 0 <= x * stride[1] - pad[1] + kx < in_w
            ]
            for line in (*lines * passes, *beside):
                if tags.get(line % SETS) != line:
                    tags[line % SETS] = line
                    misses += 1
            # The first row is colder than the rest: it counts only if there is no other.
            if y > 0 or rows == 1:
                counted += misses - before
    return counted / (out_w * max(1, rows - 1))


def _dwconv_misses(layer: Layer) -> float:
    """Per pixel and line of channels. Weights and scales lie at some other place in the cache."""
    taps, pitch = layer.kernel[0] * layer.kernel[1], layer.in_shape[2]
    far = 1 << 20
    beside = [far + tap * pitch // LINE_BYTES for tap in range(taps)]
    beside += [far + 64 + step for step in range(12)]
    return _misses_of(
        layer.in_shape[0], layer.in_shape[1], pitch, layer.out_shape[1], layer.kernel,
        layer.stride, layer.pads[:2], tuple(beside), 1,
    )  # fmt: skip


def _pool_work(layer: Layer, pixels: int, channels: int) -> Work:
    taps = math.prod(
        layer.in_shape[:2] if layer.op is LayerOp.GLOBAL_AVGPOOL else layer.kernel
    )
    by_words = layer.in_shape[2] % 4 == 0
    fours = channels // 4 if by_words else 0
    singles = channels - 4 * fours
    inside = 1.0 if layer.op is LayerOp.GLOBAL_AVGPOOL else _inside_ratio(layer)
    rows = layer.in_shape[0] if layer.op is LayerOp.GLOBAL_AVGPOOL else layer.kernel[0]
    loops = {
        "chunk": 1.0,
        "pixel": pixels,
        "four": pixels * fours,
        "four_row": pixels * fours * rows,
        "four_tap": pixels * fours * taps * inside,
        "single": pixels * singles,
        "single_tap": pixels * singles * taps * inside,
    }
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        # Channels are the outer loop: each line is wanted once for every four channels in it.
        # Lines of pixels that lie a power of two apart share few places in the cache.
        pitch = layer.in_shape[2]
        places = SETS // max(1, (pitch & -pitch) // LINE_BYTES)
        again = 1.0 if taps > places else 0.0
        pitch_lines = taps * max(1.0, channels / LINE_BYTES) * (1 + 7 * again)
        return Work(loops=loops, lines={"in_fresh": pitch_lines})
    window = layer.kernel[0] * layer.in_shape[1] * layer.in_shape[2]
    fresh = pixels * min(layer.kernel[1], layer.stride[1]) * channels / LINE_BYTES
    lines = {
        "in_fresh": fresh * min(layer.kernel[0], layer.stride[0]),
        "in_again": fresh * max(0, layer.kernel[0] - layer.stride[0]) * _repeat_ratio(window),
        "mix": _mix(pixels * fours, taps * inside),
    }
    if layer.in_shape[2] < 2 * LINE_BYTES:
        # All channels of a window pass before the next pixel: here they lie in one line.
        misses = _misses_of(
            layer.in_shape[0], layer.in_shape[1], layer.in_shape[2], layer.out_shape[1],
            layer.kernel, layer.stride, layer.pads[:2], (), 2,
        )  # fmt: skip
        lines["window"] = pixels * channels / LINE_BYTES * misses
    return Work(loops=loops, lines=lines)


def _elementwise_work(layer: Layer, pixels: int, channels: int) -> Work:
    by_words = layer.in_shape[2] % 4 == 0
    fours = channels // 4 if by_words else 0
    singles = channels - 4 * fours
    loops = {
        "chunk": 1.0, "pixel": pixels, "four": pixels * fours, "single": pixels * singles,
    }  # fmt: skip
    return Work(
        loops=loops, lines={"in_fresh": layer.inputs * pixels * channels / LINE_BYTES}
    )


def total(features: list[Mapping[str, float]]) -> Features:
    """The sum, name by name."""
    result: Features = {}
    for item in features:
        for name, value in item.items():
            result[name] = result.get(name, 0.0) + value
    return result
