"""Loops and cache lines of sw/kernels/pool.c and elementwise.c."""

import math

from tightrope.sim.mapping.plan import Chunk
from tightrope.sim.workload.layers import Layer, LayerOp

from .cache_lines import misses_of, mix, repeat_ratio
from .pixels import classes_of
from .work import LINE_BYTES, SETS, Work

__all__ = ["elementwise_work", "pool_work"]


def pool_work(layer: Layer, chunk: Chunk) -> Work:
    """Of one chunk."""
    pixels, channels = chunk.pixel_end - chunk.pixel_begin, chunk.end - chunk.begin
    by_words = layer.in_shape[2] % 4 == 0
    fours = channels // 4 if by_words else 0
    singles = channels - 4 * fours
    taps, rows = _inside(layer, chunk)
    sixteens = 0 if layer.op is LayerOp.MAXPOOL else fours // 4
    rest = fours - 4 * sixteens
    loops = {
        "chunk": 1.0,
        "pixel": pixels,
        "sixteen": pixels * sixteens,
        "sixteen_row": rows * sixteens,
        "sixteen_tap": taps * sixteens,
        "four": pixels * rest,
        "four_row": rows * rest,
        "four_tap": taps * rest,
        "single": pixels * singles,
        "single_row": rows * singles,
        "single_tap": taps * singles,
    }
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        # Channels are the outer loop: each line is wanted once for every sixteen channels in it.
        # Lines of pixels that lie a power of two apart share few places in the cache.
        pitch = layer.in_shape[2]
        places = SETS // max(1, (pitch & -pitch) // LINE_BYTES)
        lines = taps * max(1.0, channels / LINE_BYTES)
        again = taps * (sixteens + rest - max(1.0, channels / LINE_BYTES))
        stays = taps <= places
        return Work(
            loops=loops, lines={"in_fresh": lines, "in_again": 0.0 if stays else max(0.0, again)}
        )
    window = layer.kernel[0] * layer.in_shape[1] * layer.in_shape[2]
    fresh = pixels * min(layer.kernel[1], layer.stride[1]) * channels / LINE_BYTES
    lines = {
        "in_fresh": fresh * min(layer.kernel[0], layer.stride[0]),
        "in_again": fresh * max(0, layer.kernel[0] - layer.stride[0]) * repeat_ratio(window),
        "mix": mix(pixels * (sixteens + rest), taps / pixels),
    }
    if layer.in_shape[2] < 2 * LINE_BYTES:
        # All channels of a window pass before the next pixel: here they lie in one line.
        misses = misses_of(
            layer.in_shape[0], layer.in_shape[1], layer.in_shape[2], layer.out_shape[1],
            layer.kernel, layer.stride, layer.pads[:2],
        )  # fmt: skip
        lines["window"] = pixels * channels / LINE_BYTES * misses
    return Work(loops=loops, lines=lines)


def _inside(layer: Layer, chunk: Chunk) -> tuple[float, float]:
    """Inputs under the windows of a chunk's pixels, of one channel, and rows of them."""
    if layer.op is LayerOp.GLOBAL_AVGPOOL:
        return float(math.prod(layer.in_shape[:2])), float(layer.in_shape[0])
    found = classes_of(layer, chunk.pixel_begin, chunk.pixel_end)
    return (
        float(sum(count * where.taps for where, count in found)),
        float(sum(count * where.rows for where, count in found)),
    )


def elementwise_work(layer: Layer, pixels: int, channels: int) -> Work:
    by_words = layer.in_shape[2] % 4 == 0
    fours = channels // 4 if by_words else 0
    singles = channels - 4 * fours
    unrolled = fours // 4 if layer.op is LayerOp.CLIP else 0
    loops = {
        "chunk": 1.0,
        "pixel": pixels,
        "sixteen": pixels * unrolled,
        "four": pixels * (fours - 4 * unrolled),
        "single": pixels * singles,
    }
    return Work(
        loops=loops, lines={"in_fresh": layer.inputs * pixels * channels / LINE_BYTES}
    )
