"""ONNX models as int8 networks with real data, and their bit-exact reference."""

from .network import QuantNetwork, QuantOutput, QuantStep, QuantTensor, TensorQuant
from .quantise import load_samples, quantise
from .run import run_network

__all__ = [
    "QuantNetwork",
    "QuantOutput",
    "QuantStep",
    "QuantTensor",
    "TensorQuant",
    "load_samples",
    "quantise",
    "run_network",
]
