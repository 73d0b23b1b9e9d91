"""A small CNN that reads handwritten digits, and the images that it is tested on.

The images are the 1797 of 8 x 8 pixels that scikit-learn has: the test part of "Optical Recognition
of Handwritten Digits", E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository,
doi 10.24432/C50P49 (CC BY 4.0). ``tightrope.sim.digits.train`` made the files in ``data``;
``python -m tightrope.sim.digits.accuracy`` says how well the network does.
"""

import dataclasses
from pathlib import Path

import numpy as np

__all__ = ["DATA_FOLDER", "MODEL_FILE", "Digits", "load_digits"]

DATA_FOLDER = Path(__file__).parent / "data"
MODEL_FILE = DATA_FOLDER / "digits.onnx"
IMAGES_FILE = DATA_FOLDER / "digits.npz"
BRIGHTEST = 16
"""Pixels are 0 .. 16; the network takes them as 0 .. 1."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Digits:
    """Images (count, 1, 8, 8) float32 as the network takes them, and what they show."""

    images: np.ndarray
    labels: np.ndarray
    """(count,) 0 .. 9."""
    calibration: np.ndarray
    """Other images, of the training set."""


def load_digits() -> Digits:
    """The stored images, none of which (calibration aside) the network was trained on."""
    with np.load(IMAGES_FILE, allow_pickle=False) as held:
        return Digits(
            images=as_input(held["images"]),
            labels=held["labels"].astype(np.int64),
            calibration=as_input(held["calibration"]),
        )


def as_input(pixels: np.ndarray) -> np.ndarray:
    """(count, 1, 8, 8) float32 of (count, 8, 8) pixels."""
    return (pixels[:, None] / BRIGHTEST).astype(np.float32)
