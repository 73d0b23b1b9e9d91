"""The digits' CNN in numpy, forward and backward: two convolutions, a max pool, a dense layer."""

import numpy as np

__all__ = ["Cnn"]

CHANNELS = (1, 8, 16)
CLASSES = 10
SIZE = 8
KERNEL = 3

Cache = list[np.ndarray]


class Cnn:
    """Parameters and their gradients; images are (count, 8, 8, 1) float32, channels last.

    ``conv1`` and ``conv2`` are 3 x 3 with padding and a rectifier, then 2 x 2 max pool, then dense.
    """

    def __init__(self, rng: np.random.Generator):
        self.params: dict[str, np.ndarray] = {}
        patches = (KERNEL**2 * CHANNELS[0], KERNEL**2 * CHANNELS[1])
        features = (SIZE // 2) ** 2 * CHANNELS[2]
        shapes = ((patches[0], CHANNELS[1]), (patches[1], CHANNELS[2]), (features, CLASSES))
        for name, shape in zip(("conv1", "conv2", "dense"), shapes, strict=True):
            sigma = np.sqrt(2.0 / shape[0])
            self.params[f"{name}.weight"] = rng.normal(0.0, sigma, shape).astype(np.float32)
            self.params[f"{name}.bias"] = np.zeros(shape[1], np.float32)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Cache]:
        """Logits (count, 10), and what ``backward`` needs."""
        rows1 = _patches(x)
        y1 = np.maximum(self._linear("conv1", rows1), 0.0)
        rows2 = _patches(y1)
        y2 = np.maximum(self._linear("conv2", rows2), 0.0)
        quads = _quads(y2)
        pooled = quads.max(axis=3)
        features = pooled.reshape(len(x), -1)
        return self._linear("dense", features), [rows1, y1, rows2, y2, quads, pooled, features]

    def backward(self, error: np.ndarray, cache: Cache) -> dict[str, np.ndarray]:
        """Gradients by name of a loss whose gradient by the logits is ``error`` (count, 10)."""
        rows1, y1, rows2, y2, quads, pooled, features = cache
        gradients: dict[str, np.ndarray] = {}
        back = self._back("dense", features, error, gradients).reshape(pooled.shape)
        winners = quads == pooled[:, :, :, None]
        share = winners / winners.sum(axis=3, keepdims=True)
        back = _from_quads(share * back[:, :, :, None], y2.shape) * (y2 > 0)
        back = _from_patches(self._back("conv2", rows2, back, gradients), y1.shape) * (y1 > 0)
        self._back("conv1", rows1, back, gradients)
        return gradients

    def _linear(self, name: str, rows: np.ndarray) -> np.ndarray:
        return rows @ self.params[f"{name}.weight"] + self.params[f"{name}.bias"]

    def _back(
        self, name: str, rows: np.ndarray, error: np.ndarray, gradients: dict[str, np.ndarray]
    ) -> np.ndarray:
        """Set the gradients of one linear layer; that by its input."""
        flat_rows, flat_error = (a.reshape(-1, a.shape[-1]) for a in (rows, error))
        gradients[f"{name}.weight"] = flat_rows.T @ flat_error
        gradients[f"{name}.bias"] = flat_error.sum(axis=0)
        return error @ self.params[f"{name}.weight"].T


def _patches(x: np.ndarray) -> np.ndarray:
    """(count, 8, 8, c) as (count, 8, 8, 9 * c): the window of each pixel, zeros outside."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
    return view.transpose(0, 1, 2, 4, 5, 3).reshape(*x.shape[:3], -1)


def _from_patches(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The adjoint of :func:`_patches`."""
    count, height, width, channels = shape
    windows = rows.reshape(count, height, width, KERNEL, KERNEL, channels)
    padded = np.zeros((count, height + 2, width + 2, channels), np.float32)
    for row, column in np.ndindex(KERNEL, KERNEL):
        padded[:, row : row + height, column : column + width] += windows[:, :, :, row, column]
    return padded[:, 1:-1, 1:-1]


def _quads(x: np.ndarray) -> np.ndarray:
    """(count, 8, 8, c) as (count, 4, 4, 4, c): the pixels of each 2 x 2 window."""
    count, height, width, channels = x.shape
    split = x.reshape(count, height // 2, 2, width // 2, 2, channels)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(count, height // 2, width // 2, 4, channels)


def _from_quads(quads: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse of :func:`_quads`."""
    count, height, width, channels = shape
    split = quads.reshape(count, height // 2, width // 2, 2, 2, channels)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(shape)
