"""Cuts a layer down to a size that the RTL simulator runs in seconds."""

import dataclasses

from tightrope.sim.workload.layers import Layer

__all__ = ["crop_channels", "crop_to_work", "crop_window", "work"]


def work(layer: Layer) -> int:
    """Multiply-accumulates, or elements read where there are none."""
    return layer.macs or layer.pixels * layer.out_shape[2] * layer.kernel[0] * layer.kernel[1]


def crop_window(layer: Layer, rows: int, cols: int | None = None) -> Layer:
    """The layer with its first ``rows`` output rows and ``cols`` output columns.

    It reads only the part of the input that they need; padding past a cut goes away.
    """
    top, left, bottom, right = layer.pads
    out_h, out_w, out_c = layer.out_shape
    rows = max(1, min(rows, out_h))
    cols = out_w if cols is None else max(1, min(cols, out_w))
    in_h, in_w, in_c = layer.in_shape
    if rows < out_h:
        in_h, bottom = _needed(rows, layer.kernel[0], layer.stride[0], top, in_h)
    if cols < out_w:
        in_w, right = _needed(cols, layer.kernel[1], layer.stride[1], left, in_w)
    return dataclasses.replace(
        layer,
        in_shape=(in_h, in_w, in_c),
        out_shape=(rows, cols, out_c),
        pads=(top, left, bottom, right),
    )


def crop_channels(layer: Layer, channels: int) -> Layer:
    """The layer with its first output channels; one of several groups is left as it is."""
    if not layer.fits_tiles or layer.groups != 1 or channels >= layer.out_shape[2]:
        return layer
    return dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], channels))


def crop_to_work(layer: Layer, limit: int) -> Layer:
    """The layer with fewer rows, then columns, then channels, near ``limit`` of work."""
    rows = limit * layer.out_shape[0] // max(1, work(layer))
    layer = crop_window(layer, rows)
    if work(layer) > limit:
        layer = crop_window(layer, 1, limit * layer.out_shape[1] // work(layer))
    if work(layer) > limit:
        layer = crop_channels(layer, max(4, limit * layer.out_shape[2] // work(layer) // 4 * 4))
    return layer


def _needed(outputs: int, kernel: int, stride: int, before: int, size: int) -> tuple[int, int]:
    """Input pixels that the first ``outputs`` read, and padding after them."""
    reach = (outputs - 1) * stride + kernel - before
    return max(1, min(size, reach)), max(0, reach - size)
