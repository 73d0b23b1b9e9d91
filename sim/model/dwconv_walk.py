"""Data cache misses of the depth-wise kernel: rows of a strip, and single outputs, walked."""

import functools

import numpy as np
from tightrope.sim.mapping.split import round_up
from tightrope.sim.workload.layers import Layer

from .cache_lines import direct_mapped_misses
from .places import Places
from .work import CACHE_BYTES, LINE_BYTES

__all__ = ["single_misses", "strip_misses"]

ROWS = 8
"""Of a strip that are walked; what follows is like all but the first."""
SINGLE_PARTS = 5
"""Of a chunk's pixels."""
SINGLE_PIXELS = 4
"""Of a part that are walked."""
SCALES_WORDS = 8
BLOCK = 4
_FAR = 1 << 28
"""Parts of the memory are this far from each other, a multiple of the cache."""
_STACK, _INPUT, _SCRATCH, _TABLES = 0, _FAR, 2 * _FAR, 3 * _FAR
_LAYER = (3568, 3600, 3632, 3664, 3696)
"""Fields of the descriptor in the frame of ``main``: as the compiler has it, addresses modulo the
cache."""
_WINDOW_FRAME = (3392, 3424, 3456, 3488, 3328, 3360)
"""Of dwconv_dot4_s8, and where registers are kept while a row of outputs is computed."""
_QUAD_FRAME = (3296, 3328)
_QUAD_FRAME_5_BY_2 = (3264, 3296, 3328)
"""Of run_3x3_by_1 and the like, before four channels of a row."""
_SINGLE_TAP = (3620, 3652, 3588, 3580)
_SINGLE_OUTPUT = (3684, 3660, 3624, 3608, 3640, 3336)
"""What scalar_channels reads of the descriptor for each tap, and for each output."""


@functools.lru_cache(maxsize=8192)
def strip_misses(
    layer: Layer, places: Places, rows: tuple[int, int], columns: tuple[int, int], width: int,
    channels: tuple[int, int], is_first: bool,
) -> float:  # fmt: skip
    """Of up to 32 channels of some rows and columns of the output; ``width``: of all strips.
    ``is_first``: the cache is empty; else there was a strip before, of which the window is left.
    """
    kernel_h, kernel_w = layer.kernel
    stride_h, stride_w = layer.stride
    quads = -(-(channels[1] - channels[0]) // 4)
    packed_bytes = 4 * (SCALES_WORDS + kernel_h * kernel_w)
    window = _SCRATCH + places.scratch + LINE_BYTES // 4 * packed_bytes
    row_lines = (width - 1) * stride_w + kernel_w
    fixed = np.array([*_LAYER, *_WINDOW_FRAME])
    used = window - places.scratch % LINE_BYTES + LINE_BYTES * np.arange(kernel_h * row_lines)
    constants = _SCRATCH + places.scratch + np.arange(0, quads * packed_bytes, LINE_BYTES)
    parts = [] if is_first else [used, constants, fixed]
    warm = sum(map(len, parts))
    firsts = []
    last_row = min(rows[1], rows[0] + ROWS)
    added = rows[0] * stride_h - layer.pads[0]
    for y in range(rows[0], last_row):
        top = y * stride_h - layer.pads[0]
        parts.append(fixed)
        for row in range(max(added, top), top + kernel_h):
            parts.append(_copied(layer, places, row, columns, channels))
        added = top + kernel_h
        order = (top + np.arange(kernel_h)) % kernel_h
        for quad in range(quads):
            packed = _SCRATCH + places.scratch + quad * packed_bytes
            parts.append(_quad(packed, window, order, row_lines, columns, layer))
        firsts.append(sum(map(len, parts)))
    lines = np.concatenate(parts) // LINE_BYTES
    missed = float(direct_mapped_misses(lines, warm))
    walked = last_row - rows[0]
    if rows[1] > last_row:
        steady = direct_mapped_misses(lines, firsts[0]) / (walked - 1)
        missed += steady * (rows[1] - last_row)
    return missed


def _copied(
    layer: Layer, places: Places, row: int, columns: tuple[int, int], channels: tuple[int, int]
) -> np.ndarray:
    """Addresses of a row of the input that are copied to the window."""
    in_h, in_w, pitch = layer.in_shape
    if not 0 <= row < in_h:
        return np.zeros(0, np.int64)
    left = columns[0] * layer.stride[1] - layer.pads[1]
    right = left + (columns[1] - columns[0] - 1) * layer.stride[1] + layer.kernel[1]
    pixels = np.arange(max(left, 0), min(right, in_w))
    begins = _INPUT + places.input + (row * in_w + pixels) * pitch
    return np.stack([begins + channels[0], begins + channels[1] - 1], axis=1).ravel()


def _quad(
    packed: int, window: int, order: np.ndarray, row_lines: int, columns: tuple[int, int],
    layer: Layer,
) -> np.ndarray:  # fmt: skip
    """Addresses that four channels of a row of outputs read, four pixels at a time: ``packed``
    scales, weights and biases, and rows of the ``window``."""
    kernel_h, kernel_w = layer.kernel
    stride = layer.stride[1]
    pixels = columns[1] - columns[0]
    blocks = np.minimum(np.arange(-(-pixels // BLOCK)) * BLOCK, max(0, pixels - BLOCK))
    reach = np.arange(3 * stride + kernel_w)
    places = blocks[:, None, None] * stride + reach[None, None, :]
    lines = order[None, :, None] * row_lines + np.minimum(places, row_lines - 1)
    read = window + lines * LINE_BYTES
    weights = packed + 4 * SCALES_WORDS + 4 * kernel_w * np.arange(kernel_h)
    ends = weights + 4 * kernel_w - 4
    frame = _QUAD_FRAME_5_BY_2 if (kernel_w, stride) == (5, 2) else _QUAD_FRAME
    if layer.kernel == (3, 3):
        # Weights stay in registers for all blocks.
        return np.concatenate([frame, [packed], weights, ends, read.ravel()]).astype(np.int64)
    own = np.broadcast_to(np.stack([weights, ends], axis=1), (len(blocks), kernel_h, 2))
    rows = np.concatenate([own, read], axis=2).reshape(len(blocks), -1)
    looks = np.full((len(blocks), 1), frame[-1])
    return np.concatenate([[*frame, packed], np.concatenate([looks, rows], axis=1).ravel()])


@functools.lru_cache(maxsize=8192)
def single_misses(
    layer: Layer, places: Places, pixels: tuple[int, int], channels: tuple[int, int]
) -> float:
    """Of outputs that are computed one by one."""
    count = pixels[1] - pixels[0]
    parts = min(SINGLE_PARTS, -(-count // SINGLE_PIXELS))
    firsts = [pixels[0] + round(index * count / parts) for index in range(parts)]
    missed = 0.0
    for first, end in zip(firsts, [*firsts[1:], pixels[1]], strict=True):
        walked = min(SINGLE_PIXELS, end - first)
        warm = int(first > pixels[0])
        reads = _single_reads(layer, places, first - warm, first + walked, channels)
        found = direct_mapped_misses(reads.ravel(), warm * reads.shape[1])
        missed += found * (end - first) / walked
    return missed


def _single_reads(
    layer: Layer, places: Places, begin: int, end: int, channels: tuple[int, int]
) -> np.ndarray:
    """(pixels, reads) lines that some pixels read, channel by channel."""
    in_h, in_w, pitch = layer.in_shape
    kernel_h, kernel_w = layer.kernel
    place = np.arange(begin, end)
    tops = place // layer.out_shape[1] * layer.stride[0] - layer.pads[0]
    lefts = place % layer.out_shape[1] * layer.stride[1] - layer.pads[1]
    taps = np.arange(kernel_h * kernel_w)
    rows, cols = tops[:, None] + taps // kernel_w, lefts[:, None] + taps % kernel_w
    inside = (rows >= 0) & (rows < in_h) & (cols >= 0) & (cols < in_w)
    n = np.arange(*channels)
    shape = (len(place), len(n), len(taps))
    inputs = (_INPUT + places.input + (rows * in_w + cols) * pitch)[:, None, :] + n[None, :, None]
    weights = _TABLES + places.weights + taps[None, None, :] * pitch + n[None, :, None]
    weights = np.broadcast_to(weights, shape)
    inputs = np.where(np.broadcast_to(inside[:, None, :], shape), inputs, weights)
    looks = np.broadcast_to(np.array(_SINGLE_TAP), (*shape, len(_SINGLE_TAP)))
    pairs = np.concatenate([looks, np.stack([inputs, weights], axis=3)], axis=3)
    pairs = pairs.reshape(*shape[:2], -1)
    # In the image biases and scales follow the weights.
    after = round_up(max(0, places.weights + layer.patch * pitch - places.bias), CACHE_BYTES)
    bias = np.broadcast_to((_TABLES + after + places.bias + 4 * n)[None, :, None], (*shape[:2], 1))
    scales = bias + (places.scales - places.bias)
    fixed = np.array(_SINGLE_OUTPUT)
    fixed = np.broadcast_to(fixed, (*shape[:2], len(fixed)))
    walk = np.concatenate([fixed, bias, pairs, scales], axis=2) // LINE_BYTES
    return walk.reshape(len(place), -1)
