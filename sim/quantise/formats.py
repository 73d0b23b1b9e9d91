"""The scales and zero points that a quantised model states for its activations."""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from onnx import TensorProto
from tightrope.sim.workload.constants import Constants
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.model import Model
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import Value

from .network import TensorQuant

__all__ = ["QLINEAR_WEIGHTS", "own_formats", "value_formats"]

_QLINEAR: dict[str, tuple[tuple[int, ...], int]] = {
    "QLinearConv": ((1,), 6),
    "QLinearMatMul": ((1,), 6),
    "QGemm": ((1,), 7),
    "QLinearAdd": ((1, 4), 6),
    "QLinearAveragePool": ((1,), 3),
    "QLinearGlobalAveragePool": ((1,), 3),
}
"""Where the scales of the inputs and of the output are; each zero point is the next operand."""

QLINEAR_WEIGHTS = ("QLinearConv", "QLinearMatMul", "QGemm")
"""Their weights are operand 3, followed by scale and zero point."""


def own_formats(
    constants: Constants, node: Node, count: int
) -> tuple[list[TensorQuant | None], TensorQuant | None]:
    """What an operator itself says of its ``count`` inputs, and of its output."""
    if node.source_op == "QLinearConcat":
        inputs = [_format(constants, node, 3 + 3 * i) for i in range(count)]
        return inputs, _format(constants, node, 0)
    if node.source_op not in _QLINEAR:
        if node.source_op.startswith("QLinear"):
            _fail(constants, node, "has no integer kernel")
        return [None] * count, None
    places, output = _QLINEAR[node.source_op]
    return [_format(constants, node, place) for place in places], _format(constants, node, output)


def value_formats(model: Model, value: Value) -> list[TensorQuant]:
    """What a tensor is quantised to on its way through a QDQ model: usually one, or none.

    Two or more are a change of scale in between.
    """
    chain: list[TensorQuant] = []
    for node in value.formats:
        unsigned = chain[-1].unsigned if chain else model.input_type == TensorProto.UINT8
        if node.op == "QuantizeLinear":
            kind = node.attribute("output_dtype", TensorProto.UINT8) or TensorProto.UINT8
            unsigned = kind == TensorProto.UINT8
        quant = _format(model.constants, node, 1, unsigned=unsigned)
        assert quant is not None
        if chain and node.op == "DequantizeLinear" and quant != chain[-1]:
            _fail(model.constants, node, "has another scale or zero point than its input")
        if not chain or quant != chain[-1]:
            chain.append(quant)
    return chain


def _format(
    constants: Constants, node: Node, place: int, *, unsigned: bool = True
) -> TensorQuant | None:
    """Scale and zero point at operands ``place`` and the next; None if there is no scale."""
    names: Sequence[str] = (*node.file_inputs, "", "")[place : place + 2]
    if place >= len(node.file_inputs) or not names[0]:
        return None
    scale, zero_point = constants.numbers(names[0]), np.zeros(1, np.int8)
    if names[1]:
        zero_point = constants.numbers(names[1])
        unsigned = zero_point.dtype == np.uint8
        if zero_point.dtype not in (np.int8, np.uint8):
            _fail(constants, node, f"has activations of {zero_point.dtype}; int8 or uint8 can run")
    if scale.size != 1 or zero_point.size != 1:
        _fail(constants, node, "has activations with a scale per channel; only one scale can run")
    if not scale.item() > 0:
        _fail(constants, node, f"has the scale {scale.item()}; it must be positive")
    return TensorQuant(
        scale=float(scale.item()),
        zero_point=int(zero_point.item()) - 128 * unsigned,
        unsigned=bool(unsigned),
    )


def _fail(constants: Constants, node: Node, what: str) -> NoReturn:
    raise WorkloadError(f"{constants.label}: node {node.name!r} ({node.source_op}) {what}")
