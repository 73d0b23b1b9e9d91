"""Nodes in one form: quantised and fused operators become the operator whose shapes they have."""

import dataclasses
from typing import Any

import onnx
from onnx import helper

__all__ = ["Node", "normalise"]

_STANDARD_DOMAINS = ("", "ai.onnx")

_OPERANDS: dict[str, tuple[str, tuple[int, ...]]] = {
    "QLinearConv": ("Conv", (0, 3, 8)),
    "ConvInteger": ("Conv", (0, 1)),
    "FusedConv": ("Conv", (0, 1, 2, 3)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "MatMulInteger": ("MatMul", (0, 1)),
    "MatMulIntegerToFloat": ("MatMul", (0, 1)),
    "FusedGemm": ("Gemm", (0, 1, 2)),
    "QGemm": ("Gemm", (0, 3, 6)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearSigmoid": ("Sigmoid", (0,)),
    "QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "QLinearSoftmax": ("Softmax", (0,)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "Gelu": ("Gelu", (0,)),
    "FastGelu": ("Gelu", (0,)),
    "QuickGelu": ("Gelu", (0,)),
}
"""Operator, its standard twin, and which of its inputs are the twin's (not scales, zero points)."""

_MICROSOFT_SAME = ("QuantizeLinear", "DequantizeLinear")
_NOT_STANDARD = (
    "activation",
    "activation_alpha",
    "activation_beta",
    "activation_gamma",
    "activation_params",
    "channels_last",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One node, ready to be looked at."""

    name: str
    op: str
    """A standard operator, or "domain::Operator" if we know none that fits."""
    source_op: str
    """The operator in the file."""
    inputs: tuple[str, ...]
    """Tensor names; "" is an optional input left out."""
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: onnx.NodeProto
    """The node as standard operator, for shape inference."""
    file_inputs: tuple[str, ...]
    """Tensor names as in the file: a quantised operator's scales and zero points too."""

    @property
    def is_twin(self) -> bool:
        """Whether it is a quantised or fused operator, known here by its standard twin."""
        return self.op != self.source_op

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute's value, or the default."""
        return self.attributes.get(name, default)


def normalise(proto: onnx.NodeProto) -> Node:
    """The node in standard form."""
    outputs = tuple(proto.output)
    name = proto.name or next((o for o in outputs if o), proto.op_type)
    attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
    op, inputs = _standard_form(proto)
    standard = onnx.NodeProto()
    standard.CopyFrom(proto)
    if op != proto.op_type:
        standard.op_type, standard.domain = op, ""
        del standard.input[:]
        standard.input.extend(inputs)
        kept = [a for a in proto.attribute if a.name not in _NOT_STANDARD]
        del standard.attribute[:]
        standard.attribute.extend(kept)
    return Node(
        name=name,
        op=op,
        source_op=proto.op_type,
        inputs=tuple(inputs),
        outputs=outputs,
        attributes=attributes,
        proto=standard,
        file_inputs=tuple(proto.input),
    )


def _standard_form(proto: onnx.NodeProto) -> tuple[str, list[str]]:
    inputs = list(proto.input)
    if proto.op_type == "QLinearConcat" and proto.domain == "com.microsoft":
        return "Concat", inputs[2::3]
    if proto.op_type in _OPERANDS:
        op, positions = _OPERANDS[proto.op_type]
        operands = [inputs[p] if p < len(inputs) else "" for p in positions]
        while operands and not operands[-1]:
            operands.pop()
        return op, operands
    if proto.domain in _STANDARD_DOMAINS or (
        proto.domain == "com.microsoft" and proto.op_type in _MICROSOFT_SAME
    ):
        return proto.op_type, inputs
    return f"{proto.domain}::{proto.op_type}", inputs
