"""From an imported model to int8: as its file says, or calibrated where that says nothing."""

import os
import zipfile
from pathlib import Path

import numpy as np
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.model import Model

from .build import build_network
from .calibrate import tensor_quants
from .network import QuantNetwork
from .reader import read_graph

__all__ = ["load_samples", "quantise"]

SEEDED_SAMPLES = 2
"""Random inputs that a network is calibrated on if none are given."""


def quantise(
    model: Model,
    *,
    samples: np.ndarray | None = None,
    seed: int = 0,
    percentile: float = 100.0,
) -> QuantNetwork:
    """The network of ``model`` in int8.

    What the file quantises (QDQ, QLinear operators) runs as it says. The rest is quantised here:
    weights symmetric per output channel, activations with one scale and zero point each.

    Parameters
    ----------
    model: of :func:`~tightrope.sim.workload.onnx_import.load_model`.
    samples: inputs to calibrate on, (count, ...) as ONNX has one image, real numbers; normally
        distributed ones if None.
    seed: of those, and of the weights of files that hold none.
    percentile: 50 to 100; less leaves outliers of activations to be clipped.

    Raises
    ------
    WorkloadError: names the node, layer or option at fault.
    """
    if not 50.0 <= percentile <= 100.0:
        raise WorkloadError(f"the percentile must be 50 to 100, not {percentile!r}")
    images = _images(model, samples, np.random.default_rng([seed, 1]))
    graph = read_graph(model, np.random.default_rng([seed, 0]))
    return build_network(graph, tensor_quants(graph, images, percentile))


def load_samples(path: str | os.PathLike[str], model: Model) -> np.ndarray:
    """Inputs from an .npy file, or from an .npz file that holds one array or one of the input's
    name, for :func:`quantise`. Raises WorkloadError if there are none.
    """
    path = Path(path)
    try:
        held = np.load(path, allow_pickle=False)
        if not isinstance(held, np.ndarray):
            names = held.files
            name = model.input_name if model.input_name in names else names[0]
            if name != model.input_name and len(names) > 1:
                raise WorkloadError(
                    f"{path} holds {', '.join(names)}; name one of them {model.input_name!r}"
                )
            held = held[name]
    except (OSError, ValueError, EOFError, IndexError, zipfile.BadZipFile) as error:
        if isinstance(error, WorkloadError):
            raise
        raise WorkloadError(f"{path} is not a file of inputs (.npy or .npz)") from error
    _images(model, held, np.random.default_rng(0), str(path))
    return held


def _images(
    model: Model, samples: np.ndarray | None, rng: np.random.Generator, label: str = "samples"
) -> list[np.ndarray]:
    """Inputs as (h, w, c) float32."""
    shape = model.input.shape
    if samples is None:
        samples = rng.standard_normal((SEEDED_SAMPLES, *shape[1:]), np.float32)
    if samples.ndim != len(shape) or samples.shape[1:] != shape[1:] or not len(samples):
        raise WorkloadError(
            f"{label}: inputs must have the shape {['n', *shape[1:]]}, not {list(samples.shape)}"
        )
    if samples.dtype.kind not in "fiu":
        raise WorkloadError(f"{label}: inputs must be numbers, not {samples.dtype}")
    real = samples.astype(np.float32)
    if not np.isfinite(real).all():
        raise WorkloadError(f"{label}: inputs must be finite")
    moved = np.moveaxis(real, min(model.input.axis, real.ndim - 1), -1)
    return [np.ascontiguousarray(image).reshape(model.input.hwc) for image in moved]
