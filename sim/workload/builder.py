"""The state of an import: tensors so far, layers so far, and what was folded on the way."""

import collections
import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper, shape_inference
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.layers import Layer, LayerOp
from tightrope.sim.workload.model_file import first_line
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import MAX_ELEMENTS, Value, View, reshaped_axis

__all__ = ["AS_FLOAT", "Builder", "Draft", "SUPPORTED"]

SUPPORTED = (
    "2-D convolutions without dilation, dense layers, pooling, residual additions, and the usual "
    "elementwise operators are"
)

AS_FLOAT = frozenset(
    {
        TensorProto.FLOAT16,
        TensorProto.BFLOAT16,
        TensorProto.DOUBLE,
        TensorProto.INT8,
        TensorProto.UINT8,
        TensorProto.INT4,
        TensorProto.UINT4,
        TensorProto.FLOAT8E4M3FN,
        TensorProto.FLOAT8E4M3FNUZ,
        TensorProto.FLOAT8E5M2,
        TensorProto.FLOAT8E5M2FNUZ,
    }
)
"""Number formats that shape inference is shown as float, so that formats may be mixed."""


@dataclasses.dataclass(kw_only=True)
class Draft:
    """A layer, and what the next node may still be folded into it."""

    layer: Layer
    node: Node
    """The node it came from."""
    sources: tuple[Value, ...]
    """The activations it reads, in order."""
    output: Value
    """What the node makes."""
    joined: list[tuple[Node, Value]] = dataclasses.field(default_factory=list)
    """Nodes that became part of it, in order, each with what it reads."""
    takes_affine: bool
    """A scale and offset per channel."""
    takes_clip: bool


class Builder:
    """Collects layers; handlers of operators call its methods.

    Parameters
    ----------
    label: the file, for messages.
    opsets: version per operator set of the file.
    ir_version: of the file.
    consumers: per tensor, the nodes that read it, once per reading input.
    outputs: the network's.
    old_batch: the batch the file was made for; 1 if symbolic.
    """

    def __init__(
        self,
        *,
        label: str,
        opsets: Mapping[str, int],
        ir_version: int,
        consumers: Mapping[str, Sequence[Node]],
        outputs: Collection[str],
        old_batch: int = 1,
    ):
        self.label = label
        self.opsets = dict(opsets)
        self.ir_version = ir_version
        self.consumers = consumers
        self.outputs = outputs
        self.old_batch = old_batch
        self.values: dict[str, Value] = {}
        self.makers: dict[str, Node] = {}
        self.drafts: list[Draft] = []
        self.notes: list[str] = []
        self.folded: collections.Counter[str] = collections.Counter()
        self.skipped: collections.Counter[str] = collections.Counter()
        self._names: collections.Counter[str] = collections.Counter()

    def fail(self, node: Node, what: str) -> NoReturn:
        """Refuse the network because of a node: ``what`` follows its name and operator."""
        raise WorkloadError(f"{self.label}: node {node.name!r} ({node.source_op}) {what}")

    def input(self, node: Node, position: int) -> Value:
        """A compulsory input."""
        value = self.optional(node, position)
        if value is None:
            self.fail(node, f"lacks its input {position}")
        return value

    def optional(self, node: Node, position: int) -> Value | None:
        """An input, or None if it is left out."""
        if position >= len(node.inputs) or not node.inputs[position]:
            return None
        return self.values[node.inputs[position]]

    def reads(self, name: str) -> int:
        """How often a tensor is read; who asks for its shape only does not count."""
        nodes = self.consumers.get(name, ())
        return sum(n.op not in ("Shape", "Size") for n in nodes) + (name in self.outputs)

    def feeds_only_convs(self, node: Node) -> bool:
        """Whether a node's first output goes to convolutions only (changes of format aside)."""
        name = node.outputs[0]
        nodes = self.consumers.get(name, ())
        return name not in self.outputs and all(
            n.op == "Conv"
            or (
                n.op in ("QuantizeLinear", "DequantizeLinear", "Cast", "Identity")
                and self.feeds_only_convs(n)
            )
            for n in nodes
        )

    def activations(self, node: Node) -> list[Value]:
        """The inputs that are not constant, in order."""
        values = [self.values[name] for name in node.inputs if name]
        return [value for value in values if not value.constant]

    def put(self, node: Node, value: Value, position: int = 0) -> None:
        """Set an output of a node."""
        if position < len(node.outputs) and node.outputs[position]:
            if not 0 < value.size <= MAX_ELEMENTS and not value.constant:
                self.fail(
                    node,
                    f"makes a tensor of {value.size} elements, shape "
                    f"{list(value.shape)}; the limits are 1 and {MAX_ELEMENTS}",
                )
            self.values[node.outputs[position]] = value

    def alias(
        self,
        node: Node,
        source: Value,
        shape: Sequence[int],
        axis: int,
        view: View | None = None,
        formats: tuple[Node, ...] = (),
    ) -> None:
        """The output is the input, seen in another way; it costs nothing."""
        self.put(
            node,
            dataclasses.replace(
                source,
                shape=tuple(shape),
                axis=axis,
                data=None,
                sole=source.sole and self._read_once(node, 0),
                views=source.views + ((view,) if view else ()),
                formats=source.formats + formats,
            ),
        )

    def add(
        self,
        node: Node,
        op: LayerOp,
        source: Value,
        shape: Sequence[int],
        *,
        axis: int | None = None,
        takes_affine: bool = False,
        takes_clip: bool = False,
        in_shape: tuple[int, int, int] | None = None,
        out_shape: tuple[int, int, int] | None = None,
        **fields: Any,
    ) -> None:
        """Append a layer whose output is the node's first."""
        axis = reshaped_axis(source, shape) if axis is None else axis
        output = Value(
            shape=tuple(shape), axis=axis, layer=len(self.drafts), sole=self._read_once(node, 0)
        )
        self.put(node, output)
        layer = Layer(
            name=self._unique(node.name),
            op=op,
            source_op=node.source_op,
            in_shape=in_shape or source.hwc,
            out_shape=out_shape or output.hwc,
            **fields,
        )
        read = self.activations(node)
        self.drafts.append(
            Draft(
                layer=layer,
                node=node,
                sources=(source,) if len(read) == 1 else tuple(read),
                output=output,
                takes_affine=takes_affine,
                takes_clip=takes_clip,
            )
        )

    def fold(self, node: Node, source: Value, *, affine: bool) -> bool:
        """Make a node part of the layer that computes its input, if that is possible."""
        if source.layer is None or not source.sole or any(source.pads):
            return False
        draft = self.drafts[source.layer]
        if affine and not (draft.takes_affine and source.channels == draft.layer.out_shape[2]):
            return False
        if not affine and not draft.takes_clip:
            return False
        draft.takes_affine = draft.takes_affine and affine
        self.folded[node.source_op] += 1
        draft.joined.append((node, source))
        self.put(node, dataclasses.replace(source, sole=self._read_once(node, 0)))
        return True

    def infer(self, node: Node) -> list[tuple[int, ...]]:
        """Output shapes, from ONNX's own inference; () for outputs that are left out."""
        return [value.shape for value in self.infer_values(node)]

    def infer_values(self, node: Node) -> list[Value]:
        """Output shapes and element types, from ONNX's own inference."""
        types, data = {}, {}
        for name in filter(None, node.inputs):
            value = self.values[name]
            narrow = value.elem_type in AS_FLOAT or node.is_twin
            kind = TensorProto.FLOAT if narrow else value.elem_type
            types[name] = onnx.helper.make_tensor_type_proto(kind, value.shape)
            if value.data is not None and not narrow:
                data[name] = numpy_helper.from_array(value.data, name)
        version = self.opsets.get("") or onnx.defs.onnx_opset_version()
        try:
            schema = onnx.defs.get_schema(node.op, version, "")
            outputs = shape_inference.infer_node_outputs(
                schema,
                node.proto,
                types,
                data,
                ir_version=self.ir_version,
                opset_imports=[onnx.helper.make_opsetid("", version)],
            )
        except (
            shape_inference.InferenceError,
            onnx.checker.ValidationError,
            onnx.defs.SchemaError,
        ) as error:
            self.fail(node, f"doesn't fit its inputs: {first_line(error)}")
        return [
            self._value(node, outputs.get(name)) if name else Value(shape=())
            for name in node.outputs
        ]

    def network_layers(self) -> tuple[Layer, ...]:
        """The layers, in execution order."""
        return tuple(draft.layer for draft in self.drafts)

    def all_notes(self) -> tuple[str, ...]:
        """What was folded, skipped or assumed, one sentence each."""
        listed = [
            (intro, ", ".join(f"{count} {op}" for op, count in sorted(counter.items())))
            for intro, counter in (
                ("Made part of the layer before them", self.folded),
                ("Free, as only the view changes", self.skipped),
            )
        ]
        return (*self.notes, *(f"{intro}: {what}." for intro, what in listed if what))

    def _value(self, node: Node, kind: onnx.TypeProto | None) -> Value:
        tensor = kind.tensor_type if kind is not None else onnx.TypeProto.Tensor()
        dims = tensor.shape.dim if tensor.HasField("shape") else None
        if dims is None or any(not dim.HasField("dim_value") for dim in dims):
            self.fail(node, "has an output whose shape depends on data, or that can't be inferred")
        shape = tuple(dim.dim_value for dim in dims)
        if any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
            self.fail(
                node, f"makes a tensor of shape {list(shape)}; the limit is {MAX_ELEMENTS} elements"
            )
        return Value(shape=shape, elem_type=tensor.elem_type)

    def _read_once(self, node: Node, position: int) -> bool:
        return self.reads(node.outputs[position]) == 1

    def _unique(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"


def small_data(tensor: np.ndarray | None) -> list[int] | None:
    """A small constant as integers, or None if it isn't known."""
    return None if tensor is None else [int(x) for x in np.asarray(tensor).reshape(-1)]
