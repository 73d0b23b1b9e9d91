"""A network as the user named it, quantised, and inputs to run."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tightrope.sim.quantise import QuantNetwork, load_samples, quantise
from tightrope.sim.workload.onnx_import import load_model

__all__ = ["load_inputs"]


def load_inputs(
    workload: str,
    count: int,
    *,
    samples: Path | None = None,
    shape: Mapping[str, tuple[int, ...]] | None = None,
    seed: int = 0,
) -> tuple[QuantNetwork, tuple[np.ndarray, ...]]:
    """The int8 network, and ``count`` inputs (h, w, c) int8.

    Inputs are the first of ``samples``, again from the beginning if there are fewer, or seeded
    random ones; the network is quantised with the same file. Raises WorkloadError.
    """
    model = load_model(workload, shape=dict(shape or {}))
    given = load_samples(samples, model) if samples else None
    qnet = quantise(model, samples=given, seed=seed)
    rng = np.random.default_rng([seed, 2])
    real = [
        given[number % len(given)]
        if given is not None
        else rng.standard_normal(qnet.input_shape[1:])
        for number in range(count)
    ]
    return qnet, tuple(qnet.encode(x) for x in real)
