"""Runs a quantised network in the reference, step by step."""

import numpy as np
from tightrope.sim.golden.run import run_layer
from tightrope.sim.workload.errors import WorkloadError

from .network import QuantNetwork, QuantTensor

__all__ = ["run_network"]


def run_network(qnet: QuantNetwork, x: np.ndarray) -> list[np.ndarray]:
    """Every tensor of the network, (h, w, c) int8 each, for the input ``x`` (h, w, c) int8.

    Tensors that share a buffer are views of one array. Raises WorkloadError for another input.
    """
    if x.dtype != np.int8 or x.shape != qnet.input.shape:
        raise WorkloadError(f"the input must be int8 {qnet.input.shape}, not {x.dtype} {x.shape}")
    buffers = [np.zeros(shape, np.int8) for shape in qnet.buffers]
    arrays = [_view(buffers[tensor.buffer], tensor) for tensor in qnet.tensors]
    arrays[0][:] = x
    for step in qnet.steps:
        arrays[step.output][:] = run_layer(step.qlayer, [arrays[index] for index in step.inputs])
    return arrays


def _view(buffer: np.ndarray, tensor: QuantTensor) -> np.ndarray:
    return buffer[:, :, tensor.channel_begin : tensor.channel_begin + tensor.shape[2]]
