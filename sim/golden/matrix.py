"""Matrix products and patches: exact integers, computed by BLAS where that is provably exact."""

import numpy as np

from .errors import GoldenError

__all__ = ["adc", "clip_weights", "exact_matmul", "patches", "tile_mvm", "windows"]

EXACT_ROWS = 1 << 10


def exact_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a @ b`` of int8 matrices (m, k) and (k, n), as (m, n) int64; ``a`` may be (k,).

    BLAS multiplies float32, 2**10 rows of ``b`` at a time. Every partial sum, in whatever order it
    adds, is then an integer of magnitude at most 2**10 * 2**14 = 2**24, which float32 holds.
    """
    if a.dtype != np.int8 or b.dtype != np.int8:
        raise GoldenError(f"matrices must be int8, not {a.dtype} and {b.dtype}")
    total = np.zeros((*a.shape[:-1], b.shape[1]), np.int64)
    for begin in range(0, b.shape[0], EXACT_ROWS):
        part = slice(begin, begin + EXACT_ROWS)
        product = a[..., part].astype(np.float32) @ b[part].astype(np.float32)
        total += product.astype(np.int64)
    return total


def windows(
    x: np.ndarray,
    out_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad_top_left: tuple[int, int],
    fill: float,
) -> np.ndarray:
    """The window of each output pixel: (out_h, out_w, kernel_h, kernel_w, c), dtype of ``x``.

    ``x`` is (h, w, c). Pixels outside it read as ``fill``; how many there are at the bottom and at
    the right follows from ``out_size``.
    """
    widths: list[tuple[int, int]] = []
    for axis in range(2):
        reach = (out_size[axis] - 1) * stride[axis] + kernel[axis] - pad_top_left[axis]
        widths.append((pad_top_left[axis], max(0, reach - x.shape[axis])))
    padded = np.pad(x, (*widths, (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(0, 1))
    view = view[:: stride[0], :: stride[1]][: out_size[0], : out_size[1]]
    return view.transpose(0, 1, 3, 4, 2)


def patches(
    x: np.ndarray,
    out_size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad_top_left: tuple[int, int],
    fill: float,
) -> np.ndarray:
    """:func:`windows` flattened to (out_h * out_w, kernel_h * kernel_w * c), contiguous."""
    view = windows(x, out_size, kernel, stride, pad_top_left, fill)
    return np.ascontiguousarray(view).reshape(out_size[0] * out_size[1], -1)


def clip_weights(weights: np.ndarray, weight_bits: int) -> np.ndarray:
    """What a tile of ``weight_bits`` (4 or 8) holds after ``weights`` int8 are programmed."""
    if weight_bits == 8:
        return weights
    return np.clip(weights, -(1 << weight_bits - 1), (1 << weight_bits - 1) - 1).astype(np.int8)


def adc(total: np.ndarray, adc_bits: int, shift: int) -> np.ndarray:
    """``clip(round_half_away(total / 2**shift))`` to a signed number of ``adc_bits``; int64.

    ``adc_bits=32`` is the ideal converter: it returns ``total`` and ignores ``shift`` (0 .. 31).
    """
    total = np.asarray(total, dtype=np.int64)
    if adc_bits == 32:
        return total
    if not 0 <= shift <= 31:
        raise GoldenError(f"an ADC shift must be 0 to 31, not {shift!r}")
    rounded = np.sign(total) * ((np.abs(total) + (1 << shift >> 1)) >> shift)
    return np.clip(rounded, -(1 << adc_bits - 1), (1 << adc_bits - 1) - 1)


def tile_mvm(weights: np.ndarray, x: np.ndarray, adc_bits: int, shift: int) -> np.ndarray:
    """One MVM, or many: ``adc(x @ weights)`` as int32.

    ``weights`` is (rows, cols) int8 as held by the array, ``x`` (rows,) or (count, rows) int8; the
    result is (cols,) or (count, cols).
    """
    return adc(exact_matmul(x, weights), adc_bits, shift).astype(np.int32)
