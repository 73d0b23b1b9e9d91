"""Lines of a direct-mapped cache that a walk over an image wants, and wants again."""

import numpy as np
from tightrope.sim.workload.layers import Layer

from .work import CACHE_BYTES, LINE_BYTES, SETS, Features

__all__ = ["aligned_ratio", "direct_mapped_misses", "input_lines", "miss_mask", "repeat_ratio"]


def aligned_ratio(pitch: int) -> float:
    """Share of pixels that begin at a word, for pixels ``pitch`` bytes apart."""
    return 1.0 if pitch % 4 == 0 else 0.5 if pitch % 2 == 0 else 0.25


def repeat_ratio(working_set_bytes: float) -> float:
    """Share of lines that a second pass over a working set finds gone, direct mapped."""
    if working_set_bytes <= CACHE_BYTES:
        return 0.0
    return min(1.0, 2.0 * (working_set_bytes - CACHE_BYTES) / working_set_bytes)


def input_lines(layer: Layer, pixels: float, beside_bytes: float) -> Features:
    """Lines of the input that one pass over some pixels reads, patch by patch.

    ``in_fresh``: each once. ``in_again``: those of rows that an earlier row of outputs has read,
    if the rows in between and ``beside_bytes`` of other data have driven them out; ``in_mix``: the
    same if lines met at random.
    """
    kernel_h, kernel_w = layer.kernel
    stride_h, stride_w = layer.stride
    channels = layer.in_shape[2]
    columns = pixels * min(kernel_w, stride_w) * channels
    shared = columns * max(0, kernel_h - stride_h)
    working_set = kernel_h * layer.in_shape[1] * channels + beside_bytes
    return {
        "in_fresh": columns * min(kernel_h, stride_h) / LINE_BYTES,
        "in_again": shared * repeat_ratio(working_set) / LINE_BYTES,
        "in_mix": shared * min(1.0, working_set / CACHE_BYTES) / LINE_BYTES,
    }


def _by_sets(lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads in the order of their sets, and of all but the first whether it misses."""
    # Sets fit a byte, which is sorted several times as fast.
    order = (lines.astype(np.uint8) % SETS).argsort(kind="stable")
    found = lines[order]
    # The one before in the same set is another line.
    return order, found[1:] != found[:-1]


def miss_mask(lines: np.ndarray) -> np.ndarray:
    """Which reads of a direct-mapped cache that is empty at first miss, (reads,) bool."""
    order, misses = _by_sets(lines)
    mask = np.ones(len(lines), bool)
    mask[order[1:]] = misses
    return mask


def direct_mapped_misses(lines: np.ndarray, warm: int) -> int:
    """Misses of a direct-mapped cache, but for the first ``warm`` reads."""
    order, misses = _by_sets(lines)
    if not warm:
        return 1 + int(np.count_nonzero(misses))
    return int(order[0] >= warm) + int(np.count_nonzero(misses & (order[1:] >= warm)))
