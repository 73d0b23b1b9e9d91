"""Loops and cache lines of sw/kernels/dwconv.c and dwconv_row.c."""

import functools
from collections import Counter

from tightrope.sim.workload.layers import Layer

from .work import CACHE_BYTES, LINE_BYTES, SETS, Features, Work

__all__ = ["dwconv_work"]

STRIP_PIXELS = 16
BLOCK = 4


def dwconv_work(layer: Layer, pixel_begin: int, pixel_end: int, channels: int) -> Work:
    """Counts of one chunk: these pixels, so many channels."""
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
        "pack": float(taps * quads),
        "row": walk["row"] * lines_of_channels,
        "single": singles,
        "single_tap": singles * taps,
    }
    for name in ("quad", "padding_tap", "block", "part", *_ROWS.values(), "tap", "edge_column"):
        loops[name] = float(walk[name] * quads)
    lines: Features = {
        "in_fresh": walk["fresh"] * lines_of_channels,
        "in_again": walk["again"] * lines_of_channels,
        "in_mix": walk["mix"] * lines_of_channels,
        # As they are in the layer, then packed.
        "weights": lines_of_channels * (taps + 2.0) + taps * quads * 4 / LINE_BYTES,
        "weights_mix": walk["row"] * (taps * quads * 4 / LINE_BYTES + 2 * lines_of_channels) / SETS,
        "single_lines": channels * (taps + 12) / LINE_BYTES if singles else 0.0,
    }
    return Work(loops=loops, lines=lines)


_ROWS = {
    (3, 1): "row_3_by_1", (3, 2): "row_3_by_2", (5, 1): "row_5_by_1", (5, 2): "row_5_by_2",
}  # fmt: skip
"""What a block does for each row of the kernel, by width and stride; else tap by tap."""


def _strips(out_w: int, width: int) -> list[tuple[int, int]]:
    strips, x = [], 0
    while x < out_w:
        end = out_w if out_w - x < width + 4 else x + width
        strips.append((x, end))
        x = end
    return strips


def _strip_width(pitch: int, kernel_h: int, stride_w: int) -> int:
    step = (pitch | CACHE_BYTES) & -(pitch | CACHE_BYTES)
    places = CACHE_BYTES // max(step, LINE_BYTES)
    return min(STRIP_PIXELS, max(4, places // (kernel_h * stride_w) // 4 * 4))


@functools.lru_cache(maxsize=8192)
def _walk(
    in_shape: tuple[int, int, int], out_w: int, kernel: tuple[int, int], stride: tuple[int, int],
    pad: tuple[int, int], pixel_begin: int, pixel_end: int,
) -> Counter:  # fmt: skip
    """Rounds of one line of channels, those of its quads for one quad."""
    counts: Counter = Counter()
    name = _ROWS.get((kernel[1], stride[1]), "tap")
    for begin, end in _strips(out_w, _strip_width(in_shape[2], kernel[0], stride[1])):
        for y in range(pixel_begin // out_w, -(-pixel_end // out_w)):
            first = max(y * out_w + begin, pixel_begin)
            pixels = min(y * out_w + end, pixel_end) - first
            if pixels <= 0:
                continue
            top = y * stride[0] - pad[0]
            rows = max(0, min(top + kernel[0], in_shape[0]) - max(top, 0))
            counts["row"] += 1
            counts["quad"] += 1
            counts["padding_tap"] += (kernel[0] - rows) * kernel[1]
            x = (first - y * out_w) * stride[1] - pad[1]
            _blocks(counts, in_shape[1], kernel[1], stride[1], x, pixels, rows, name)
            columns = (pixels - 1) * stride[1] + kernel[1]
            shared = columns * max(0, kernel[0] - stride[0])
            counts["fresh"] += columns * min(rows, stride[0])
            counts["again"] += shared
            counts["mix"] += shared * min(1.0, columns * kernel[0] / SETS)
    return counts


def _blocks(counts: Counter, in_w, kernel_w, stride_w, x, pixels, rows, name) -> None:
    """Blocks of 4 pixels of one row of a strip; the last one may overlap the one before."""
    per_row = 1 if name != "tap" else kernel_w
    columns = 3 * stride_w + kernel_w
    # Columns outside on one side that have code of their own.
    known = 0 if name == "tap" else kernel_w // 2
    for place in range(0, pixels, BLOCK):
        first = pixels - BLOCK if place + BLOCK > pixels >= BLOCK else place
        left = x + first * stride_w
        before, after = max(0, -left), max(0, left + columns - in_w)
        edge = max(before, after) > known or (before and after)
        counts["block"] += 1
        counts["part"] += pixels < BLOCK
        counts[name] += rows * per_row
        counts["edge_column"] += rows * columns if edge else 0
