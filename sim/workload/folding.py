"""Constants: initializers, and the shape arithmetic that exporters leave in a graph."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tightrope.sim.workload.builder import Builder
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.model_file import first_line
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import Value

__all__ = ["MAX_FOLD_ELEMENTS", "constant_value", "fold_constant", "tensor_data"]

MAX_FOLD_ELEMENTS = 1024
"""Larger constants keep their shape only: nothing that shapes depend on is larger."""

_ARITHMETIC_OPS = """
    Abs Add And Cast Ceil Concat ConstantOfShape Div Equal Expand Flatten Floor Gather Greater
    Identity Less Max Min Mod Mul Neg Not Or Range ReduceMax ReduceMin ReduceProd ReduceSum
    Reshape Round ScatterND Sign Slice Split Sqrt Squeeze Sub Tile Transpose Unsqueeze Where
"""
_ARITHMETIC = frozenset(_ARITHMETIC_OPS.split())
"""Deterministic, and no larger than their inputs and output."""


def constant_value(label: str, tensor: TensorProto, folder: Path) -> Value:
    """An initializer; its data is read if it is small."""
    shape = tuple(tensor.dims)
    value = Value(shape=shape, elem_type=tensor.data_type, constant=True)
    if any(size < 0 for size in shape):
        raise WorkloadError(f"{label}: tensor {tensor.name!r} has the shape {list(shape)}")
    if value.size > MAX_FOLD_ELEMENTS:
        return value
    return dataclasses.replace(value, data=tensor_data(label, tensor, folder))


def tensor_data(label: str, tensor: TensorProto, folder: Path) -> np.ndarray:
    """What a tensor holds, external data included. Raises WorkloadError if it is damaged."""
    try:
        if external_data_helper.uses_external_data(tensor):
            tensor = TensorProto.FromString(tensor.SerializeToString())
            external_data_helper.load_external_data_for_tensor(tensor, os.fspath(folder))
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError, OSError, onnx.checker.ValidationError) as error:
        raise WorkloadError(
            f"{label}: tensor {tensor.name!r} is damaged: {first_line(error)}"
        ) from error


def fold_constant(builder: Builder, node: Node, folder: Path) -> bool:
    """Set the outputs of a node that doesn't depend on the network's input; False if it does."""
    if node.op == "Constant":
        _put_constant(builder, node, folder)
        return True
    if node.op in ("Shape", "Size"):
        _put_shape(builder, node)
        return True
    inputs = [builder.values[name] for name in node.inputs if name]
    if not all(value.constant for value in inputs):
        return False
    if node.op in ("QuantizeLinear", "DequantizeLinear") or node.is_twin:
        for position in range(len(node.outputs)):
            builder.put(node, Value(shape=inputs[0].shape, constant=True), position)
        return True
    outputs = builder.infer_values(node)
    small = all(value.size <= MAX_FOLD_ELEMENTS for value in outputs)
    known = all(value.data is not None for value in inputs)
    data = _evaluate(builder, node) if node.op in _ARITHMETIC and small and known else None
    for position, value in enumerate(outputs):
        builder.put(
            node,
            Value(
                shape=value.shape,
                elem_type=value.elem_type,
                constant=True,
                data=data[position] if data else None,
            ),
            position,
        )
    return True


def _put_constant(builder: Builder, node: Node, folder: Path) -> None:
    for name, value in node.attributes.items():
        if name == "value":
            builder.put(node, constant_value(builder.label, value, folder))
        elif name == "sparse_value":
            builder.put(node, Value(shape=tuple(value.dims), constant=True))
        elif name.startswith("value_"):
            kind = np.float32 if "float" in name else np.int64 if "int" in name else np.str_
            array = np.asarray(value, dtype=kind)
            elem_type = (
                TensorProto.STRING if kind is np.str_ else numpy_helper.from_array(array).data_type
            )
            builder.put(
                node,
                Value(
                    shape=array.shape,
                    elem_type=elem_type,
                    constant=True,
                    data=None if kind is np.str_ else array,
                ),
            )
    if node.outputs[0] not in builder.values:
        builder.fail(node, "holds no value")


def _put_shape(builder: Builder, node: Node) -> None:
    shape = np.array(builder.input(node, 0).shape, dtype=np.int64)
    if node.op == "Size":
        data = np.array(int(np.prod(shape)), dtype=np.int64)
    else:
        data = shape[node.attribute("start", 0) : node.attribute("end")]
    builder.put(
        node, Value(shape=data.shape, elem_type=TensorProto.INT64, constant=True, data=data)
    )


def _evaluate(builder: Builder, node: Node) -> list[np.ndarray] | None:
    """Outputs by ONNX's reference evaluator; None if it can't compute them."""
    feeds = {name: builder.values[name].data for name in node.inputs if name}
    types = [
        onnx.helper.make_tensor_value_info(name, builder.values[name].elem_type, None)
        for name in feeds
    ]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    graph = onnx.helper.make_graph([node.proto], "fold", types, outputs)
    opset = onnx.helper.make_opsetid("", builder.opsets.get("") or onnx.defs.onnx_opset_version())
    model = onnx.helper.make_model(graph, opset_imports=[opset])
    try:
        results = ReferenceEvaluator(model).run(None, feeds)
    except Exception as error:  # arithmetic on what a file holds may fail in any way
        builder.fail(node, f"can't be computed: {first_line(error)}")
    return [np.asarray(result) for result in results]
