"""Imports CNNs in ONNX, float or quantised, as layers with shapes.

What costs nothing leaves no layer: changes of view (Reshape, Flatten, Squeeze, Unsqueeze, Identity,
Dropout, Transpose that only moves the channels) and of number format (QuantizeLinear,
DequantizeLinear, Cast). Scales and offsets per channel (BatchNormalization, Mul, Add ... by a
constant) and Relu or Clip join the layer before them if nothing else reads it. Everything else
without weights is one ELEMENTWISE layer per node, the product of two activations included.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnx
from onnx import TensorProto, checker
from tightrope.sim.workload import digital, windows
from tightrope.sim.workload.builder import AS_FLOAT, SUPPORTED, Builder
from tightrope.sim.workload.constants import Constants
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.folding import constant_value, fold_constant
from tightrope.sim.workload.layers import Network
from tightrope.sim.workload.model import Model
from tightrope.sim.workload.model_file import (
    find_network,
    first_line,
    network_name,
    open_model,
)
from tightrope.sim.workload.nodes import Node, normalise
from tightrope.sim.workload.values import Value, default_axis

__all__ = ["find_network", "load_model", "load_network"]

_Handler = Callable[[Builder, Node], None]

_HANDLERS: dict[str, _Handler] = {
    "Conv": windows.conv,
    "Gemm": windows.gemm,
    "MatMul": windows.matmul,
    "MaxPool": windows.max_pool,
    "AveragePool": windows.average_pool,
    "GlobalAveragePool": windows.global_average_pool,
    "GlobalMaxPool": windows.global_max_pool,
    "ReduceMean": windows.reduce_mean,
    "Relu": digital.clip,
    "Clip": digital.clip,
    "BatchNormalization": digital.batch_norm,
    "Add": digital.affine,
    "Sub": digital.affine,
    "Mul": digital.affine,
    "Div": digital.affine,
    "Sum": digital.sum_,
    "Pad": digital.pad,
    "Transpose": digital.transpose,
    "DynamicQuantizeLinear": digital.dynamic_quantize,
}
_GROUPS: tuple[tuple[_Handler, str], ...] = (
    (digital.view, "Identity Dropout Cast QuantizeLinear DequantizeLinear"),
    (digital.reshape, "Reshape Flatten Squeeze Unsqueeze"),
    (
        digital.same_shape,
        """
        Abs Ceil Celu Elu Erf Exp Floor Gelu GroupNormalization HardSigmoid HardSwish
        InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax LpNormalization
        MeanVarianceNormalization Mish Neg Not PRelu Reciprocal Round Selu Sigmoid Sign Softmax
        Softplus Softsign Sqrt Swish Tanh ThresholdedRelu""",
    ),
    (
        digital.broadcast,
        """
        And Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Or Pow Where Xor""",
    ),
    (
        digital.structural,
        """
        ArgMax ArgMin Concat DepthToSpace Expand Gather ReduceL1 ReduceL2 ReduceMax ReduceMin
        ReduceProd ReduceSum ReduceSumSquare Resize Slice SpaceToDepth Split Tile TopK
        Upsample""",
    ),
)
_HANDLERS.update({op: handler for handler, ops in _GROUPS for op in ops.split()})


def load_network(
    path: str | os.PathLike[str], *, shape: Mapping[str, tuple[int, ...]] | None = None
) -> Network:
    """Import a CNN.

    Parameters
    ----------
    path: an ONNX file, or the name of a network that ``find_network`` knows.
    shape: sizes of inputs by name, NCHW, for models that leave them open.

    A batch that is open or greater than 1 becomes 1.

    Raises
    ------
    WorkloadError: one sentence that names the file, the node or the option at fault.
    """
    return load_model(path, shape=shape).network


def load_model(
    path: str | os.PathLike[str], *, shape: Mapping[str, tuple[int, ...]] | None = None
) -> Model:
    """As :func:`load_network`, with all that is needed to compute what the network computes."""
    path = find_network(path)
    proto = open_model(path)
    try:
        nodes = [normalise(node) for node in proto.graph.node]
        live = _live(nodes, [output.name for output in proto.graph.output])
        builder, info = _start(path, proto, live, dict(shape or {}))
        context = _checker_context(proto, builder)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        if isinstance(error, WorkloadError):
            raise
        raise WorkloadError(f"{path} is damaged: {first_line(error)}") from error
    if len(live) < len(nodes):
        builder.notes.append(
            f"{len(nodes) - len(live)} node(s) lead to no output and were left out."
        )
    _walk(builder, live, context, path.parent)
    constants = Constants(
        label=str(path),
        folder=path.parent,
        initializers={tensor.name: tensor for tensor in proto.graph.initializer},
        makers=builder.makers,
        values=builder.values,
    )
    return Model(
        network=Network(
            name=network_name(path), layers=builder.network_layers(), notes=builder.all_notes()
        ),
        label=str(path),
        drafts=tuple(builder.drafts),
        input_name=info.name,
        input=builder.values[info.name],
        input_type=info.type.tensor_type.elem_type,
        outputs={output.name: builder.values[output.name] for output in proto.graph.output},
        constants=constants,
    )


def _walk(
    builder: Builder, nodes: Sequence[Node], context: checker.C.CheckerContext, folder: Path
) -> None:
    """Import the nodes in order, and see that they make something."""
    for node in nodes:
        _import_node(builder, node, context, folder)
    for name in builder.outputs:
        if name not in builder.values:
            raise WorkloadError(f"{builder.label}: nothing makes the output {name!r}")
    if not builder.drafts:
        raise WorkloadError(f"{builder.label} has no layers that compute anything")


def _live(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that the outputs depend on."""
    needed, live = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(filter(None, node.outputs)):
            live.append(node)
            needed.update(node.inputs)
    return live[::-1]


def _start(
    path: Path, model: onnx.ModelProto, nodes: Sequence[Node], shapes: dict[str, tuple[int, ...]]
) -> tuple[Builder, onnx.ValueInfoProto]:
    """A builder that knows the initializers and the input, and the input."""
    consumers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.inputs:
            consumers.setdefault(name, []).append(node)
    graph = model.graph
    opsets = {
        "" if opset.domain == "ai.onnx" else opset.domain: opset.version
        for opset in model.opset_import
    } or {"": 1}
    builder = Builder(
        label=str(path),
        opsets=opsets,
        ir_version=model.ir_version,
        consumers=consumers,
        outputs=[output.name for output in graph.output],
    )
    for tensor in graph.initializer:
        if tensor.name in consumers:
            builder.values[tensor.name] = constant_value(str(path), tensor, path.parent)
    for sparse in graph.sparse_initializer:
        builder.values[sparse.values.name] = Value(shape=tuple(sparse.dims), constant=True)
    constants = {tensor.name for tensor in graph.initializer} | set(builder.values)
    inputs = [info for info in graph.input if info.name not in constants]
    _check_names(path, [info.name for info in inputs], shapes)
    read = [info for info in inputs if info.name in consumers]
    if len(read) != 1:
        names = ", ".join(repr(info.name) for info in read)
        raise WorkloadError(
            f"{path} has {len(read)} inputs ({names}); networks have one"
            if read
            else f"{path} has no input that its outputs depend on"
        )
    _put_input(builder, read[0], shapes.get(read[0].name))
    return builder, read[0]


def _check_names(path: Path, names: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, sizes in shapes.items():
        if name not in names:
            known = ", ".join(names) or "none"
            raise WorkloadError(f"--shape {name}: {path} has no such input; it has: {known}")
        if not sizes or any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in sizes):
            raise WorkloadError(
                f"--shape {name}={','.join(map(str, sizes))}: sizes must be integers from 1"
            )


def _put_input(builder: Builder, info: onnx.ValueInfoProto, given: tuple[int, ...] | None) -> None:
    """Set the network's input: the given sizes or the file's, with a batch of 1."""
    tensor = info.type.tensor_type
    declared = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in tensor.shape.dim]
    has_shape = info.type.HasField("tensor_type") and tensor.HasField("shape")
    if given is not None and has_shape and len(given) != len(declared):
        raise WorkloadError(
            f"--shape {info.name}={','.join(map(str, given))}: {builder.label} "
            f"wants {len(declared)} sizes"
        )
    sizes = list(given) if given is not None else declared
    if len(sizes) in (2, 4) or (sizes and not sizes[0]):
        if sizes[0] > 1:
            builder.old_batch = declared[0] if has_shape and declared[0] > 1 else sizes[0]
            builder.notes.append(f"The batch was {sizes[0]} and became 1.")
        elif not sizes[0]:
            builder.notes.append("The batch was open and became 1.")
        sizes[0] = 1
    if not sizes or min(sizes) < 1:
        raise WorkloadError(
            f"{builder.label}: the input {info.name!r} has no fixed size; give --shape "
            f"{info.name}=1,3,224,224 or what it is"
        )
    kind = TensorProto.FLOAT if tensor.elem_type in AS_FLOAT else tensor.elem_type
    value = Value(shape=tuple(sizes), elem_type=kind)
    builder.values[info.name] = dataclasses.replace(value, axis=default_axis(sizes))


def _checker_context(model: onnx.ModelProto, builder: Builder) -> checker.C.CheckerContext:
    context = checker.C.CheckerContext()
    context.ir_version = model.ir_version
    context.opset_imports = builder.opsets
    return context


def _import_node(
    builder: Builder, node: Node, context: checker.C.CheckerContext, folder: Path
) -> None:
    """Check one node and add what it computes."""
    for name in filter(None, node.inputs):
        if name not in builder.values:
            builder.fail(node, f"reads {name!r}, which nothing before it makes")
    for name in filter(None, node.outputs):
        if name in builder.values:
            builder.fail(node, f"makes {name!r} a second time")
        builder.makers[name] = node
    handler = _HANDLERS.get(node.op)
    try:
        if not node.is_twin:
            checker.check_node(node.proto, context)
        if not fold_constant(builder, node, folder):
            if handler is None:
                builder.fail(node, f"is not supported: only {SUPPORTED}")
            handler(builder, node)
    except checker.ValidationError as error:
        builder.fail(node, f"is not a valid node: {first_line(error)}")
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        ArithmeticError,
        RuntimeError,
    ) as error:
        if isinstance(error, WorkloadError):
            raise
        builder.fail(node, f"has attributes or inputs that make no sense: {first_line(error)}")
