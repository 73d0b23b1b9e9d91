"""Output pixels by what of the kernel lies inside the image: pixels of a class cost the same."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from tightrope.sim.workload.layers import Layer

__all__ = ["WALKED_PIXELS", "PixelClass", "classes_in", "classes_of", "pixel_classes"]

WALKED_PIXELS = 400
"""Of a layer, up to which chunks are told apart by where their pixels lie in the cache; of a larger
one all are taken to be like the mean."""


class PixelClass(NamedTuple):
    """Where the kernel lies, over an output pixel."""

    ky: tuple[int, int]
    """First row of the kernel inside the image, and the one past the last."""
    kx: tuple[int, int]
    """The same of columns."""
    phase: int
    """Address of its first row's first input, inside the image or not, modulo 4, if the image
    begins at a word; 0 if all pixels have words of channels."""
    row_step: int
    """How much more that is for the next row of the kernel."""

    @property
    def rows(self) -> int:
        """Rows inside."""
        return self.ky[1] - self.ky[0]

    @property
    def cols(self) -> int:
        """Columns inside."""
        return self.kx[1] - self.kx[0]

    @property
    def taps(self) -> int:
        """Inputs inside, of one channel."""
        return self.rows * self.cols


_WHOLE = PixelClass((0, 1), (0, 1), 0, 0)
"""Of a kernel of one input that never leaves the image."""


Counted = tuple[tuple[PixelClass, int], ...]
"""Classes, and how many pixels there are of each."""


def classes_of(layer: Layer, pixel_begin: int, pixel_end: int) -> Counted:
    """The classes of some output pixels."""
    return classes_in(layer)(pixel_begin, pixel_end)


def classes_in(layer: Layer) -> Callable[[int, int], Counted]:
    """:func:`classes_of` of one layer, for who asks often."""
    if layer.kernel == (1, 1) and not any(layer.pads[:2]) and layer.in_shape[2] % 4 == 0:
        return _whole
    return functools.partial(
        _counted, layer.in_shape, layer.out_shape[:2], layer.kernel, layer.stride, layer.pads[:2]
    )


def _whole(begin: int, end: int) -> Counted:
    return ((_WHOLE, end - begin),)


@functools.lru_cache(maxsize=65536)
def _counted(in_shape, out_size, kernel, stride, pad, begin: int, end: int) -> Counted:
    classes, places = pixel_classes(in_shape, out_size, kernel, stride, pad)
    if len(classes) == 1:
        return ((classes[0], end - begin),)
    counts = np.bincount(places[begin:end], minlength=len(classes)).tolist()
    return tuple([pair for pair in zip(classes, counts, strict=True) if pair[1]])


@functools.lru_cache(maxsize=1024)
def pixel_classes(in_shape, out_size, kernel, stride, pad) -> tuple[list[PixelClass], np.ndarray]:
    """All classes of an image, and the class of each pixel."""
    in_w, channels = in_shape[1:]
    span = max(*kernel, 3) + 1
    rows, tops = _inside(in_shape[0], out_size[0], kernel[0], stride[0], pad[0], span)
    cols, lefts = _inside(in_w, out_size[1], kernel[1], stride[1], pad[1], span)
    step = in_w * channels % 4
    code = (rows[:, None] * span * span + cols) * span
    if channels % 4:
        code += (tops[:, None] * step + lefts * (channels % 4)) % 4
    # Not numpy.unique, which sorts all pixels.
    used = np.bincount(code.ravel()) > 0
    found = np.flatnonzero(used)
    classes = []
    for value in found.tolist():
        parts = []
        for _ in range(5):
            value, part = divmod(value, span)
            parts.append(part)
        phase, x_end, x_begin, y_end, y_begin = parts
        classes.append(PixelClass((y_begin, y_end), (x_begin, x_end), phase, step))
    return classes, (np.cumsum(used) - 1)[code.ravel()]


def _inside(inputs: int, outputs: int, kernel: int, stride: int, pad: int, span: int):
    """Of each output's row or column: the first of the kernel's inside the image times ``span``,
    plus the one past the last; and where its first one lies."""
    begins = np.arange(outputs) * stride - pad
    first = np.minimum(np.maximum(-begins, 0), kernel)
    last = np.minimum(np.maximum(inputs - begins, 0), kernel)
    return first * span + last, begins
