"""An imported model: the network's layers, and for each what to compute and on which data."""

import dataclasses
from collections.abc import Mapping

from tightrope.sim.workload.builder import Draft
from tightrope.sim.workload.constants import Constants
from tightrope.sim.workload.layers import Network
from tightrope.sim.workload.values import Value

__all__ = ["Model"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """What is left of an ONNX file after one walk through its graph."""

    network: Network
    """Shapes only."""
    label: str
    """The file, for messages."""
    drafts: tuple[Draft, ...]
    """One per layer of ``network``, in the same order."""
    input_name: str
    input: Value
    input_type: int
    """The input's element type in the file, as ONNX numbers them."""
    outputs: Mapping[str, Value]
    """By name."""
    constants: Constants
