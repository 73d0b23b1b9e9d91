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
    row_bytes = kernel[1] * channels
    top = pixels // out_w * stride[0] - pad[0]
    left = pixels % out_w * stride[1] - pad[1]
    reads = []
    end = k_begin + count
    for ky in range(k_begin // row_bytes, -(-end // row_bytes)):
        begin = max(k_begin, ky * row_bytes) - ky * row_bytes
        last = min(end, (ky + 1) * row_bytes) - ky * row_bytes - 1
        offsets = np.array([*range(begin, last, LINE_BYTES), last])
        y = top + ky
        row = y * (in_w * channels)
        addrs = (row + left * channels)[:, None] + offsets
        # Padding is not read: neither left or right of a row nor, as if it were the nearest row,
        # above or below the image.
        np.maximum(addrs, row[:, None], out=addrs)
        np.minimum(addrs, (row + in_w * channels - 1)[:, None], out=addrs)
        shift = (np.minimum(np.maximum(y, 0), in_h - 1) - y) * (in_w * channels)
        reads.append((addrs + (shift + GUARD_BYTES)[:, None]) // LINE_BYTES)
    return np.concatenate(reads, axis=1)
