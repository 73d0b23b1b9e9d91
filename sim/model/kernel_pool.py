"""Loops and cache lines of sw/kernels/pool.c and elementwise.c."""

import math

from tightrope.sim.mapping.plan import Chunk
from tightrope.sim.workload.layers import Layer, LayerOp

from .pixels import WALKED_PIXELS, classes_of
from .places import Places
from .pool_walk import pool_misses
from .work import LINE_BYTES, Work

__all__ = ["elementwise_work", "pool_work"]


def pool_work(layer: Layer, chunk: Chunk, places: Places) -> Work:
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
    channel_range = (chunk.begin, chunk.end)
    if layer.pixels <= WALKED_PIXELS:
        walked = (chunk.pixel_begin, chunk.pixel_end)
        missed = pool_misses(layer, places, walked, channel_range)
    else:
        # As in the mean of the layer.
        missed = pool_misses(layer, places, (0, layer.pixels), channel_range)
        missed *= pixels / layer.pixels
    return Work(loops=loops, lines={"walked": missed})


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
    pitch = layer.in_shape[2]
    each = channels / LINE_BYTES
    if channels < pitch and pitch % LINE_BYTES:
        # Of a few channels of each pixel, lines that other harts want as well.
        each = min(pitch / LINE_BYTES, 1 + each)
    return Work(loops=loops, lines={"in_fresh": layer.inputs * pixels * each})
