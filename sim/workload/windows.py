"""Convolutions, dense layers and pools: operators with weights or a sliding window."""

import dataclasses
from collections.abc import Sequence

from tightrope.sim.workload.builder import SUPPORTED, Builder, small_data
from tightrope.sim.workload.digital import elementwise
from tightrope.sim.workload.layers import LayerOp
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import Value

__all__ = [
    "average_pool",
    "conv",
    "global_average_pool",
    "global_max_pool",
    "matmul",
    "gemm",
    "max_pool",
    "reduce_mean",
]


def conv(builder: Builder, node: Node) -> None:
    """Conv, QLinearConv, ConvInteger, FusedConv."""
    source, weight = _image(builder, node), builder.input(node, 1)
    if builder.optional(node, 3) is not None:
        builder.fail(node, f"adds a second activation; only {SUPPORTED} supported")
    if not weight.constant:
        builder.fail(node, "has weights that are computed at run time")
    if len(weight.shape) != 4:
        builder.fail(node, f"has weights of shape {list(weight.shape)}; 4 dimensions are needed")
    groups, kernel = node.attribute("group", 1), weight.shape[2:]
    if list(node.attribute("kernel_shape", kernel)) != list(kernel):
        builder.fail(node, "has a kernel_shape that differs from its weights")
    _check_window(builder, node, kernel)
    shape = builder.infer(node)[0]
    in_c, out_c = source.shape[1], shape[1]
    if groups < 1 or in_c != weight.shape[1] * groups or out_c % groups:
        builder.fail(
            node,
            f"has {groups} group(s), {in_c} input channels and weights of shape "
            f"{list(weight.shape)}, which do not fit together",
        )
    depthwise = groups == in_c == out_c and groups > 1
    stride, pads = _window(node, source.shape[2:], shape[2:], kernel)
    in_shape = _without_pads(source)
    builder.add(
        node,
        LayerOp.DWCONV if depthwise else LayerOp.CONV,
        source,
        shape,
        axis=1,
        in_shape=in_shape,
        kernel=kernel,
        stride=stride,
        pads=tuple(a + b for a, b in zip(pads, source.pads, strict=True)),
        groups=1 if depthwise else groups,
        takes_affine=True,
        takes_clip=True,
    )


def gemm(builder: Builder, node: Node) -> None:
    """Gemm, QGemm, FusedGemm: a dense layer."""
    if node.attribute("transA", 0):
        builder.fail(node, "transposes its activation (transA), which is not supported")
    _dense(builder, node)


def matmul(builder: Builder, node: Node) -> None:
    """MatMul by a constant: a dense layer; of two activations: digital work, and a note."""
    first, second = builder.input(node, 0), builder.input(node, 1)
    if first.constant:
        builder.fail(node, "multiplies a constant by an activation, not the other way round")
    if second.constant:
        _dense(builder, node)
        return
    shape = builder.infer(node)[0]
    macs = first.size * shape[-1] if len(second.shape) > 1 else first.size
    builder.notes.append(
        f"Node {node.name!r} multiplies two activations: its {macs} products are counted as "
        "elementwise work, not as multiply-accumulates."
    )
    elementwise(builder, node, shape)


def _dense(builder: Builder, node: Node) -> None:
    source, weight = builder.input(node, 0), builder.input(node, 1)
    if not weight.constant:
        builder.fail(node, "has weights that are computed at run time")
    if sum(size != 1 for size in weight.shape[:-2]) or len(weight.shape) < 2:
        builder.fail(node, f"has weights of shape {list(weight.shape)}; a matrix is needed")
    shape = builder.infer(node)[0]
    rows = source.size // source.shape[-1]
    fields = {"takes_affine": True, "takes_clip": True, "axis": len(shape) - 1}
    if rows == 1:
        builder.add(
            node,
            LayerOp.DENSE,
            source,
            shape,
            in_shape=(1, 1, source.size),
            out_shape=(1, 1, shape[-1]),
            **fields,
        )
        return
    as_image = dataclasses.replace(source, axis=len(source.shape) - 1)
    height, width, _ = as_image.hwc
    builder.add(
        node,
        LayerOp.CONV,
        as_image,
        shape,
        in_shape=as_image.hwc,
        out_shape=(height, width, shape[-1]),
        **fields,
    )


def max_pool(builder: Builder, node: Node) -> None:
    """MaxPool without its indices."""
    if len(node.outputs) > 1 and builder.reads(node.outputs[1]):
        builder.fail(node, "has its indices read, which is not supported")
    _pool(builder, node, LayerOp.MAXPOOL)


def average_pool(builder: Builder, node: Node) -> None:
    """AveragePool; over the whole image it is a global one."""
    _pool(builder, node, LayerOp.AVGPOOL)


def _pool(builder: Builder, node: Node, op: LayerOp) -> None:
    source = _image(builder, node)
    kernel = node.attribute("kernel_shape")
    if kernel is None or len(kernel) != 2:
        builder.fail(node, f"has the kernel_shape {kernel}; two numbers are needed")
    kernel = tuple(kernel)
    _check_window(builder, node, kernel)
    shape = _without_late_windows(node, source.shape, builder.infer(node)[0])
    stride, pads = _window(node, source.shape[2:], shape[2:], kernel)
    if op is LayerOp.AVGPOOL and kernel == source.shape[2:] and not any(pads):
        op, stride = LayerOp.GLOBAL_AVGPOOL, (1, 1)
    builder.add(node, op, source, shape, axis=1, kernel=kernel, stride=stride, pads=pads)


def _without_late_windows(
    node: Node, in_shape: Sequence[int], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """ceil_mode drops windows that start past the image, which ONNX's inference forgets."""
    if not node.attribute("ceil_mode", 0):
        return shape
    stride, pads = node.attribute("strides") or (1, 1), node.attribute("pads") or (0, 0, 0, 0)
    out_hw = (min(shape[i + 2], (in_shape[i + 2] + pads[i] - 1) // stride[i] + 1) for i in (0, 1))
    return (*shape[:2], *out_hw)


def global_average_pool(builder: Builder, node: Node) -> None:
    """GlobalAveragePool."""
    _global_pool(builder, node, LayerOp.GLOBAL_AVGPOOL)


def global_max_pool(builder: Builder, node: Node) -> None:
    """GlobalMaxPool: a MaxPool of one window."""
    _global_pool(builder, node, LayerOp.MAXPOOL)


def _global_pool(builder: Builder, node: Node, op: LayerOp) -> None:
    source = _image(builder, node)
    shape = builder.infer(node)[0]
    builder.add(node, op, source, shape, axis=1, kernel=source.shape[2:])


def reduce_mean(builder: Builder, node: Node) -> None:
    """ReduceMean over height and width is a global average pool; else elementwise work."""
    source = builder.input(node, 0)
    axes_input = builder.optional(node, 1)
    axes = node.attribute("axes")
    if axes is None and axes_input is not None:
        axes = small_data(axes_input.data)
    shape = builder.infer(node)[0]
    rank = len(source.shape)
    spatial = {1, 2, 3} - {source.axis}
    if rank != 4 or axes is None or {axis % rank for axis in axes} != spatial:
        elementwise(builder, node, shape)
        return
    height, width, channels = source.hwc
    builder.add(
        node,
        LayerOp.GLOBAL_AVGPOOL,
        source,
        shape,
        kernel=(height, width),
        axis=source.axis if len(shape) == 4 else 1,
        out_shape=(1, 1, channels),
    )


def _image(builder: Builder, node: Node) -> Value:
    """The first input, which must be an image in NCHW."""
    source = builder.input(node, 0)
    if len(source.shape) != 4:
        builder.fail(node, f"works on {len(source.shape)} dimensions; only {SUPPORTED} supported")
    if source.shape[0] != 1:
        builder.fail(node, f"works on a batch of {source.shape[0]}; only 1 is supported")
    if node.attribute("channels_last", 0):
        builder.fail(node, "wants channels last, which is not supported")
    return dataclasses.replace(source, axis=1)


def _check_window(builder: Builder, node: Node, kernel: Sequence[int]) -> None:
    dilation = node.attribute("dilations") or (1, 1)
    stride = node.attribute("strides") or (1, 1)
    if len(dilation) != 2 or len(stride) != 2 or min(*dilation, *stride, *kernel) < 1:
        builder.fail(
            node,
            f"has the kernel {list(kernel)}, strides {list(stride)} and dilations "
            f"{list(dilation)}; two positive numbers each are needed",
        )
    if any(d != 1 and k != 1 for d, k in zip(dilation, kernel, strict=True)):
        builder.fail(node, f"has the dilation {list(dilation)}; only {SUPPORTED} supported")
    pads = node.attribute("pads") or (0, 0, 0, 0)
    if len(pads) != 4 or min(pads) < 0:
        builder.fail(node, f"has the pads {list(pads)}; four numbers from 0 are needed")


def _window(
    node: Node, in_hw: Sequence[int], out_hw: Sequence[int], kernel: Sequence[int]
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Stride, and pads (top, left, bottom, right) that give exactly the output's size."""
    stride_h, stride_w = node.attribute("strides") or (1, 1)
    stride = (stride_h, stride_w)
    mode = (node.attribute("auto_pad") or b"NOTSET").decode("ascii", "replace")
    begin, end = [0, 0], [0, 0]
    needed = [max(0, (out_hw[i] - 1) * stride[i] + kernel[i] - in_hw[i]) for i in (0, 1)]
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        begin = [(n + (mode == "SAME_LOWER")) // 2 for n in needed]
        end = [n - b for n, b in zip(needed, begin, strict=True)]
    elif mode == "NOTSET":
        pads = list(node.attribute("pads") or (0, 0, 0, 0))
        begin, end = pads[:2], pads[2:]
        # A pool that rounds its size up reads past its declared pads.
        end = [max(e, n - b) for e, n, b in zip(end, needed, begin, strict=True)]
    return stride, (begin[0], begin[1], end[0], end[1])


def _without_pads(source: Value) -> tuple[int, int, int]:
    top, left, bottom, right = source.pads
    height, width, channels = source.hwc
    return height - top - bottom, width - left - right, channels
