"""Data cache misses of the pools, walked line by line: a small chunk, or windows of a large one."""

import functools

import numpy as np
from tightrope.sim.workload.layers import Layer, LayerOp

from .cache_lines import direct_mapped_misses
from .places import Places
from .work import LINE_BYTES

__all__ = ["pool_misses"]

WALKED_READS = 24_000
"""Of a chunk that is walked from its beginning to its end."""
WINDOW_PIXELS = 8
WARM_PIXELS = 2
WINDOWS = 4
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_INPUT, _TABLES = _FAR, 2 * _FAR
_PIXEL = {
    LayerOp.MAXPOOL: (3480, 3616, 3588, 3632, 3648, 3584, 3628, 3580, 3596, 3624),
    LayerOp.AVGPOOL: (3484, 3616, 3588, 3632, 3648, 3584, 3628, 3740, 3684, 3608, 3624, 3504, 3652),
    LayerOp.GLOBAL_AVGPOOL: (3544, 3580, 3584, 3660, 3684, 3608, 3524, 3652),
}
_GROUP = {
    LayerOp.MAXPOOL: (3580, 3596),
    LayerOp.AVGPOOL: (3580, 3596, 3504),
    LayerOp.GLOBAL_AVGPOOL: (3580, 3596, 3512, 3528),
}
_TAP = {LayerOp.MAXPOOL: (), LayerOp.AVGPOOL: (3500,), LayerOp.GLOBAL_AVGPOOL: (3520,)}
"""Stack that each pixel reads, each group of channels of it, and each input of these: fields of the
descriptor and the frames of the kernels; as the compiler has it, addresses modulo the cache."""


@functools.lru_cache(maxsize=4096)
def pool_misses(
    layer: Layer, places: Places, pixels: tuple[int, int], channels: tuple[int, int]
) -> float:
    """Lines that a chunk on an empty cache misses."""
    taps = layer.kernel[0] * layer.kernel[1]
    step = 4 if layer.op is LayerOp.MAXPOOL else 16
    reads = taps * -(-(channels[1] - channels[0]) // step)
    begin, end = pixels
    if (end - begin) * reads <= WALKED_READS or end - begin <= WINDOWS * WINDOW_PIXELS:
        return _misses(layer, places, begin, end, channels, 0)
    rates = []
    for window in range(WINDOWS):
        first = begin + (end - begin - WINDOW_PIXELS) * window // (WINDOWS - 1)
        warm = min(WARM_PIXELS, first)
        missed = _misses(layer, places, first - warm, first + WINDOW_PIXELS, channels, warm)
        rates.append(missed / WINDOW_PIXELS)
    return (end - begin) * sum(rates) / WINDOWS


@functools.lru_cache(maxsize=8192)
def _misses(
    layer: Layer, places: Places, begin: int, end: int, channels: tuple[int, int], warm: int
) -> int:
    """Of some pixels, of which the first ``warm`` only fill the cache."""
    tops, lefts = _corners(layer, np.arange(begin, end))
    in_h, in_w, pitch = layer.in_shape
    kernel_h, kernel_w = layer.kernel
    rows = (tops[:, None] + np.arange(kernel_h)).repeat(kernel_w, axis=1)
    cols = np.tile(lefts[:, None] + np.arange(kernel_w), (1, kernel_h))
    # Padding is not read: nor is, in its place, what was read just before.
    inside = (rows >= 0) & (rows < in_h) & (cols >= 0) & (cols < in_w)
    taps = (rows * in_w + cols) * pitch
    starts, widths = _groups(layer.op, pitch % 4 == 0, *channels)
    addrs = _INPUT + places.input + taps[:, None, :] + starts[None, :, None]
    last = np.maximum(widths - 4, 0)[None, :, None]
    reads = np.stack([addrs, addrs + last], axis=3)
    reads = np.where(inside[:, None, :, None], reads, _GROUP[layer.op][0])
    reads = _and_then(reads, _TAP[layer.op] if pitch % 4 == 0 else ())
    reads = reads.reshape(*reads.shape[:2], -1)
    reads = _and_then(reads, (*_GROUP[layer.op], _TABLES + places.chunks))
    reads = reads.reshape(end - begin, -1)
    walk = _and_then(reads, (*_PIXEL[layer.op], _TABLES + places.scales)) // LINE_BYTES
    return direct_mapped_misses(walk.ravel(), warm * walk.shape[1])


def _and_then(reads: np.ndarray, addrs: tuple[int, ...]) -> np.ndarray:
    """``reads`` with some more at the end of each row."""
    count = reads.shape[-1]
    found = np.empty((*reads.shape[:-1], count + len(addrs)), np.int64)
    found[..., :count] = reads
    found[..., count:] = addrs
    return found


def _groups(op: LayerOp, by_words: bool, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """First channels and sizes of what passes over a window together: 16, 4, single ones."""
    starts: list[int] = []
    widths: list[int] = []
    for width in (16, 4, 1):
        if width > 1 and not by_words or width == 16 and op is LayerOp.MAXPOOL:
            continue
        count = (end - begin) // width
        starts += range(begin, begin + count * width, width)
        widths += [width] * count
        begin += count * width
    return np.array(starts), np.array(widths)


def _corners(layer: Layer, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row and column under the window of each pixel."""
    out_w = layer.out_shape[1]
    tops = pixels // out_w * layer.stride[0] - layer.pads[0]
    lefts = pixels % out_w * layer.stride[1] - layer.pads[1]
    return tops, lefts
