"""Lines of the input that patches read, where the image of the layer alone puts it."""

import numpy as np
from tightrope.sim.image.image import GUARD_BYTES

from .work import LINE_BYTES

__all__ = ["lines_of_patches"]


def lines_of_patches(
    in_shape: tuple[int, int, int],
    out_w: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    k_begin: int,
    count: int,
    pixels: np.ndarray,
) -> np.ndarray:
    """(pixels, reads) lines that elements ``k_begin`` .. of ``count`` of each patch lie in."""
    in_h, in_w, channels = in_shape
    row_bytes, pitch = kernel[1] * channels, in_w * channels
    rows: list[int] = []
    offsets: list[int] = []
    end = k_begin + count
    for ky in range(k_begin // row_bytes, -(-end // row_bytes)):
        begin = max(k_begin, ky * row_bytes) - ky * row_bytes
        last = min(end, (ky + 1) * row_bytes) - ky * row_bytes - 1
        own = [*range(begin, last, LINE_BYTES), last]
        offsets += own
        rows += [ky] * len(own)
    top = pixels // out_w * stride[0] - pad[0]
    left = (pixels % out_w * stride[1] - pad[1]) * channels
    # Padding is not read: neither left or right of a row nor, as if it were the nearest row, above
    # or below the image.
    y = np.minimum(np.maximum(top[:, None] + rows, 0), in_h - 1)
    x = np.minimum(np.maximum(left[:, None] + offsets, 0), pitch - 1)
    return (y * pitch + x + GUARD_BYTES) // LINE_BYTES
