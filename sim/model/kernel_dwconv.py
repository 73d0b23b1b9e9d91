"""Loops and cache lines of sw/kernels/dwconv.c and dwconv_row.c."""

import functools
from collections import Counter

from tightrope.sim.mapping.plan import Chunk
from tightrope.sim.mapping.split import round_up
from tightrope.sim.workload.layers import Layer

from .dwconv_walk import BLOCK, SCALES_WORDS, single_misses, strip_misses
from .places import Places
from .work import CACHE_BYTES, LINE_BYTES, Features, Work

__all__ = ["dwconv_work"]

WINDOW_BYTES = CACHE_BYTES // 2


def dwconv_work(layer: Layer, chunk: Chunk, places: Places) -> Work:
    """Counts of one chunk."""
    pixel_begin, pixel_end = chunk.pixel_begin, chunk.pixel_end
    channels = chunk.end - chunk.begin
    by_words = layer.out_shape[2] % 4 == 0
    quads = channels // 4 if by_words else 0
    lines_of_channels = -(-4 * quads // LINE_BYTES)
    singles = (pixel_end - pixel_begin) * (channels - 4 * quads)
    taps = layer.kernel[0] * layer.kernel[1]
    walk = _walk(
        layer.in_shape, layer.out_shape[1], layer.kernel, layer.stride, layer.pads[:2],
        pixel_begin, pixel_end,
    )  # fmt: skip
    loops: Features = {
        "chunk": 1.0,
        "channel_block": float(lines_of_channels),
        "pack": float((taps + SCALES_WORDS) * quads),
        "single": singles,
        "single_tap": singles * taps,
    }
    for name in ("strip", "window_row", "copy_pixel", "fill_pixel", "row"):
        loops[name] = float(walk[name] * lines_of_channels)
    loops["copy_word"] = float(walk["copy_pixel"] * quads)
    for name in ("quad", "block", "part", *_BLOCKS.values(), *_ROWS.values(), "tap"):
        loops[name] = float(walk[name] * quads)
    # Fewer than a line's channels are copied otherwise.
    part = 4 * quads % LINE_BYTES
    loops["part_pixel"] = float(walk["copy_pixel"] * (part > 0))
    loops["part_word"] = float(walk["copy_pixel"] * (part % 16 // 4))
    kind = "any" if walk["tap"] else "5" if layer.kernel[1] == 5 else "3"
    code = {f"code_{kind}": loops["row"], "code_part": loops["part"]}
    return Work(loops=loops, lines=_lines(layer, chunk, places, 4 * quads), code=code)


BLOCKS_WALKED = 2
"""Lines of channels, of a chunk, that are walked: they differ in where they begin."""
STRIPS_WALKED = 2


def _lines(layer: Layer, chunk: Chunk, places: Places, by_words: int) -> Features:
    """Cache lines; the first ``by_words`` channels go by words."""
    out_w = layer.out_shape[1]
    pixels = (chunk.pixel_begin, chunk.pixel_end)
    rows = (pixels[0] // out_w, -(-pixels[1] // out_w))
    width = _strip_width(out_w, layer.kernel, layer.stride[1])
    strips = range(0, out_w, width)
    blocks = range(chunk.begin, chunk.begin + by_words, LINE_BYTES)
    found = [
        strip_misses(
            layer, places, rows, (x, min(x + width, out_w)), width,
            (begin, min(begin + LINE_BYTES, chunk.begin + by_words)),
            (begin, x) == (chunk.begin, 0),
        )
        for begin in _some(blocks, BLOCKS_WALKED)
        for x in _some(strips, STRIPS_WALKED)
    ]  # fmt: skip
    others = len(blocks) * len(strips) - 1
    lines: Features = {
        "walked": sum(found[:1]) + others * sum(found[1:]) / max(1, len(found) - 1),
        # Constants, where they lie and where they are packed.
        "weights": len(blocks) * (layer.patch + SCALES_WORDS) * 1.0,
        "single_lines": 0.0,
    }
    if chunk.begin + by_words < chunk.end:
        lines["single_lines"] = single_misses(
            layer, places, pixels, (chunk.begin + by_words, chunk.end)
        )
    return lines


def _some(items: range, most: int) -> list[int]:
    """Some of the items, from all over them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


_BLOCKS = {(3, 3, 1): "block_3x3_by_1", (3, 3, 2): "block_3x3_by_2"}
"""Blocks with code of their own, by height, width and stride."""
_ROWS = {(5, 1): "row_5_by_1", (5, 2): "row_5_by_2"}
"""What a block does for each row of the kernel, by width and stride; else tap by tap."""


def _strip_width(out_w: int, kernel: tuple[int, int], stride_w: int) -> int:
    columns = WINDOW_BYTES // LINE_BYTES // kernel[0]
    pixels = BLOCK
    while (pixels + BLOCK - 1) * stride_w + kernel[1] <= columns:
        pixels += BLOCK
    return round_up(-(-out_w // -(-out_w // pixels)), BLOCK)


@functools.lru_cache(maxsize=8192)
def _walk(
    in_shape: tuple[int, int, int], out_w: int, kernel: tuple[int, int], stride: tuple[int, int],
    pad: tuple[int, int], pixel_begin: int, pixel_end: int,
) -> Counter:  # fmt: skip
    """Rounds of one line of channels, those of its quads for one quad."""
    counts: Counter = Counter()
    width = _strip_width(out_w, kernel, stride[1])
    rows = range(pixel_begin // out_w, -(-pixel_end // out_w))
    inputs = _input_rows(rows, kernel[0], stride[0], pad[0])
    inside = sum(0 <= row < in_shape[0] for row in inputs)
    counts["window_bytes"] = kernel[0] * ((width - 1) * stride[1] + kernel[1]) * LINE_BYTES
    for begin in range(0, out_w, width):
        end = min(begin + width, out_w)
        columns = (end - begin - 1) * stride[1] + kernel[1]
        left = begin * stride[1] - pad[1]
        copied = inside * max(0, min(left + columns, in_shape[1]) - max(left, 0))
        counts["strip"] += 1
        counts["window_row"] += len(inputs)
        counts["copy_pixel"] += copied
        counts["fill_pixel"] += len(inputs) * columns - copied
        for y in rows:
            pixels = min(y * out_w + end, pixel_end) - max(y * out_w + begin, pixel_begin)
            if pixels > 0:
                _count_row(counts, kernel, stride[1], pixels)
    return counts


def _input_rows(rows: range, kernel_h: int, stride_h: int, pad_top: int) -> list[int]:
    """Rows of the input, or of padding, under the kernel, each once."""
    tops = [y * stride_h - pad_top for y in rows]
    return sorted({top + ky for top in tops for ky in range(kernel_h)})


def _count_row(counts: Counter, kernel: tuple[int, int], stride_w: int, pixels: int) -> None:
    """A row of a strip."""
    blocks = -(-pixels // BLOCK)
    counts["row"] += 1
    counts["quad"] += 1
    counts["block"] += blocks
    counts["part"] += pixels < BLOCK
    if (*kernel, stride_w) in _BLOCKS:
        counts[_BLOCKS[*kernel, stride_w]] += blocks
    elif (kernel[1], stride_w) in _ROWS:
        counts[_ROWS[kernel[1], stride_w]] += blocks * kernel[0]
    else:
        counts["tap"] += blocks * kernel[0] * kernel[1]
