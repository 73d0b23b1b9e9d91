"""Loops of gather in sw/kernels/conv_dot4.c: patches that are not in the input side by side."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from tightrope.sim.image.tables import pitch_of_patch
from tightrope.sim.workload.layers import Layer

from .pixels import PixelClass, classes_of

__all__ = ["gather_loops"]

_LOOPS = ("gather_pixel", "gather_row", "gather_run", "gather_16", "gather_word", "gather_four",
          "gather_tail", "gather_byte", "gather_fill", "gather_fill_word",
          "gather_fill_byte")  # fmt: skip


def gather_loops(layer: Layer, begin: int, end: int) -> Mapping[str, float]:
    """Of the pixels ``begin`` .. ``end`` - 1."""
    channels = layer.in_shape[2] // layer.groups
    return _of_classes(
        classes_of(layer, begin, end),
        layer.kernel, channels, layer.in_shape[2], pitch_of_patch(layer.patch),
    )  # fmt: skip


@functools.lru_cache(maxsize=16384)
def _of_classes(counted: Sequence[tuple[PixelClass, int]], *shape) -> Mapping[str, float]:
    """Of so many pixels of each class."""
    classes, counts = zip(*counted, strict=True)
    return dict(zip(_LOOPS, (counts @ _table(classes, *shape)).tolist(), strict=True))


@functools.lru_cache(maxsize=4096)
def _table(classes: tuple[PixelClass, ...], *shape) -> np.ndarray:
    """(classes, loops) of one pixel of each class."""
    return np.array([_of_pixel(where, *shape) for where in classes])


@functools.lru_cache(maxsize=16384)
def _of_pixel(
    where: PixelClass, kernel: tuple[int, int], channels: int, in_pitch: int, pitch: int
) -> tuple[int, ...]:
    """Rounds of each of the loops."""
    kernel_h, kernel_w = kernel
    row_bytes = kernel_w * channels
    patch = kernel_h * row_bytes
    loops = dict.fromkeys(_LOOPS, 0) | {"gather_pixel": 1, "gather_row": kernel_h}
    _add_fill(loops, patch, pitch - patch)
    for ky in (*range(where.ky[0]), *range(where.ky[1], kernel_h)):
        _add_fill(loops, ky * row_bytes, row_bytes)
    for ky in range(*where.ky):
        begin, end = (ky * row_bytes + x * channels for x in where.kx)
        _add_fill(loops, ky * row_bytes, begin - ky * row_bytes)
        _add_fill(loops, end, (ky + 1) * row_bytes - end)
        # Channels of other groups lie between those of a pixel and of the next.
        runs = 1 if in_pitch == channels else where.cols
        size = (end - begin) // max(1, runs)
        source = where.phase + ky * where.row_step + where.kx[0] * channels
        _add_runs(loops, runs, source % 4 == 0 and begin % 4 == 0, size)
    return tuple(loops.values())


def _add_fill(loops: dict[str, int], begin: int, size: int) -> None:
    """``size`` bytes of zeros from a panel's byte ``begin`` on."""
    head = min(size, -begin % 4)
    loops["gather_fill"] += size > 0
    loops["gather_fill_word"] += (size - head) // 4
    loops["gather_fill_byte"] += head + (size - head) % 4


def _add_runs(loops: dict[str, int], runs: int, aligned: bool, size: int) -> None:
    """``runs`` of ``size`` bytes; ``aligned``: both source and destination are."""
    loops["gather_run"] += runs
    if aligned:
        loops["gather_16"] += runs * (size // 16)
        loops["gather_word"] += runs * (size % 16 // 4)
    else:
        loops["gather_four"] += runs * (size // 4)
    loops["gather_tail"] += runs * (size % 4 > 0)
    loops["gather_byte"] += runs * (size % 4)
