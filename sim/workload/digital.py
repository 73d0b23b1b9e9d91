"""Everything a digital core does between the layers with weights: elementwise work and views."""

import dataclasses
import math

import numpy as np
from onnx import TensorProto
from tightrope.sim.workload.builder import Builder, small_data
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import Value, View, per_channel, reshaped_axis

__all__ = [
    "affine",
    "batch_norm",
    "broadcast",
    "clip",
    "dynamic_quantize",
    "elementwise",
    "pad",
    "reshape",
    "same_shape",
    "structural",
    "sum_",
    "transpose",
    "view",
]


def elementwise(
    builder: Builder,
    node: Node,
    shape: tuple[int, ...],
    *,
    takes_affine: bool = False,
    axis: int | None = None,
) -> None:
    """One ELEMENTWISE layer; its input is the largest activation."""
    activations = builder.activations(node)
    source = max(activations, key=lambda value: value.size)
    builder.add(
        node,
        LayerOp.ELEMENTWISE,
        source,
        shape,
        axis=axis,
        inputs=len(activations),
        takes_affine=takes_affine,
        takes_clip=takes_affine,
    )


def same_shape(builder: Builder, node: Node) -> None:
    """Functions of each element, and normalisations."""
    elementwise(builder, node, builder.activations(node)[0].shape)


def clip(builder: Builder, node: Node) -> None:
    """Relu and Clip: part of the layer before, or a CLIP layer."""
    source = builder.input(node, 0)
    if len(builder.activations(node)) > 1:
        elementwise(builder, node, source.shape)
    elif not builder.fold(node, source, affine=False):
        builder.add(node, LayerOp.CLIP, source, source.shape, axis=source.axis, takes_clip=True)


def batch_norm(builder: Builder, node: Node) -> None:
    """BatchNormalization: part of the layer before, or elementwise work."""
    source = builder.input(node, 0)
    one_each = all(
        v.constant and v.shape == (source.channels,)
        for v in (builder.input(node, i) for i in range(1, 5))
    )
    if not (one_each and builder.fold(node, source, affine=True)):
        elementwise(builder, node, source.shape, takes_affine=one_each)


def affine(builder: Builder, node: Node) -> None:
    """Add, Sub, Mul, Div: residual addition, part of the layer before, or elementwise work."""
    first, second = builder.input(node, 0), builder.input(node, 1)
    activations = builder.activations(node)
    if len(activations) == 2:
        if node.op in ("Add", "Sum") and first.shape == second.shape:
            builder.add(
                node, LayerOp.ADD, first, first.shape, axis=first.axis, inputs=2, takes_clip=True
            )
        else:
            elementwise(builder, node, _broadcast(builder, node, [first, second]))
        return
    source, constant = (second, first) if first.constant else (first, second)
    legacy_axis = node.attribute("axis") if node.attribute("broadcast", 0) else None
    # Opset 6 may align the constant to an axis; its shape is then the other operand's.
    shape = source.shape if legacy_axis is not None else _broadcast(builder, node, [first, second])
    linear = not (node.op == "Div" and first.constant)
    each = linear and shape == source.shape and per_channel(constant, source, legacy_axis)
    if not (each and builder.fold(node, source, affine=True)):
        elementwise(builder, node, shape, takes_affine=each)


def sum_(builder: Builder, node: Node) -> None:
    """Sum: of two operands it is Add."""
    handlers = {1: view, 2: affine}
    handlers.get(len(node.inputs), broadcast)(builder, node)


def broadcast(builder: Builder, node: Node) -> None:
    """Functions of several operands that are brought to one shape."""
    values = [builder.values[name] for name in node.inputs if name]
    elementwise(builder, node, _broadcast(builder, node, values))


def structural(builder: Builder, node: Node) -> None:
    """Concat, Slice, Resize and others that move or reduce: output shapes by inference."""
    activations = builder.activations(node)
    if node.op == "Concat" and len(node.inputs) == 1:
        view(builder, node)
        return
    outputs = builder.infer_values(node)
    source = activations[0]
    elementwise(builder, node, source.shape if node.op == "Split" else outputs[0].shape)
    for position, value in enumerate(outputs):
        axis = reshaped_axis(source, value.shape)
        builder.put(
            node, Value(shape=value.shape, axis=axis, layer=len(builder.drafts) - 1), position
        )


def view(builder: Builder, node: Node) -> None:
    """Identity, Dropout, Cast, QuantizeLinear, DequantizeLinear: the same elements."""
    source = builder.input(node, 0)
    builder.skipped[node.source_op] += 1
    formats = (node,) if node.op in ("QuantizeLinear", "DequantizeLinear") else ()
    builder.alias(node, source, source.shape, source.axis, formats=formats)
    for position in range(1, len(node.outputs)):
        builder.put(
            node, Value(shape=source.shape, constant=True, elem_type=TensorProto.BOOL), position
        )


def dynamic_quantize(builder: Builder, node: Node) -> None:
    """DynamicQuantizeLinear: a pass for the range; its scale and zero point count as constants."""
    same_shape(builder, node)
    for position in (1, 2):
        builder.put(node, Value(shape=(), constant=True), position)


def reshape(builder: Builder, node: Node) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: the same elements in another shape."""
    source = builder.input(node, 0)
    target = builder.optional(node, 1)
    if node.op == "Reshape" and target is not None:
        if target.data is None:
            builder.fail(node, "has a target shape that is computed at run time")
        wanted = small_data(target.data) or []
        batch = builder.old_batch
        if batch > 1 and wanted and wanted[0] == batch and source.size != math.prod(wanted):
            data = np.array([1, *wanted[1:]], dtype=np.int64)
            builder.values[node.inputs[1]] = Value(
                shape=target.shape, elem_type=TensorProto.INT64, constant=True, data=data
            )
    shape = builder.infer(node)[0]
    if math.prod(shape) != source.size:
        builder.fail(node, f"can't turn the shape {list(source.shape)} into {list(shape)}")
    builder.skipped[node.source_op] += 1
    builder.alias(node, source, shape, reshaped_axis(source, shape), View(shape=shape))


def transpose(builder: Builder, node: Node) -> None:
    """Transpose: free if it only moves the channels (activations are stored NHWC anyhow)."""
    source = builder.input(node, 0)
    shape = builder.infer(node)[0]
    rank = len(source.shape)
    order = list(node.attribute("perm") or reversed(range(rank)))
    kept = [axis for axis in order if axis != source.axis and source.shape[axis] > 1]
    moved = order.index(source.axis) if source.axis < rank else source.axis
    if kept == sorted(kept) and rank <= 4:
        builder.skipped[node.source_op] += 1
        builder.alias(node, source, shape, moved, View(order=tuple(order)))
    else:
        elementwise(builder, node, shape, axis=moved if rank <= 4 else 1)


def pad(builder: Builder, node: Node) -> None:
    """Pad: part of the convolutions that read it if it adds zeros around the image."""
    source = builder.input(node, 0)
    shape = builder.infer(node)[0]
    pads = _image_pads(builder, node, source)
    if pads is None or not builder.feeds_only_convs(node):
        elementwise(builder, node, shape)
        return
    builder.folded[node.source_op] += 1
    builder.put(node, dataclasses.replace(source, shape=shape, data=None, sole=False, pads=pads))


def _image_pads(builder: Builder, node: Node, source: Value) -> tuple[int, int, int, int] | None:
    """(top, left, bottom, right) if the pad is one of zeros in height and width of NCHW."""
    mode = node.attribute("mode", b"constant")
    pads = node.attribute("pads") or node.attribute("paddings")
    if pads is None:
        given = builder.optional(node, 1)
        pads = small_data(given.data) if given is not None else None
    filling = builder.optional(node, 2)
    zero = not node.attribute("value", 0.0)
    if filling is not None:
        zero = filling.data is not None and not np.any(filling.data)
    if mode != b"constant" or not zero or builder.optional(node, 3) is not None:
        return None
    if pads is None or len(pads) != 8 or len(source.shape) != 4 or source.axis != 1:
        return None
    top, left, bottom, right = pads[2], pads[3], pads[6], pads[7]
    if any(pads[i] for i in (0, 1, 4, 5)) or min(pads) < 0:
        return None
    return top, left, bottom, right


def _broadcast(builder: Builder, node: Node, values: list[Value]) -> tuple[int, ...]:
    try:
        return tuple(np.broadcast_shapes(*(value.shape for value in values)))
    except ValueError:
        shapes = " and ".join(str(list(value.shape)) for value in values)
        builder.fail(node, f"combines the shapes {shapes}, which do not fit together")
