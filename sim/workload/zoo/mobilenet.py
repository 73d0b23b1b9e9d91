"""MobileNets: separable convolutions, and inverted residuals with linear bottlenecks."""

import numpy as np
import onnx

from .graph import Graph

__all__ = ["mobilenetv1_025", "mobilenetv2"]

_V1_BLOCKS = (
    *((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)),
    *((128, 1),) * 5,
    *((256, 2), (256, 1)),
)
"""Output channels and stride of each depthwise separable convolution, at a quarter of the width."""
_V2_BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Rows t, c, n, s of table 2 of Sandler et al. 2018."""


def mobilenetv1_025() -> onnx.ModelProto:
    """MobileNetV1 0.25, 96 x 96, 2 classes: MLPerf Tiny's visual wake words.

    Howard et al. 2017 (arXiv 1704.04861), table 1, as in the reference model of Banbury et al. 2021
    (arXiv 2106.07597), mlcommons/tiny, ``vww_model.py``: ReLU, pads as SAME. Its softmax is left
    off. 208 k weights, 7.5 M multiply-accumulates.
    """
    graph = Graph("mobilenetv1_025", (3, 96, 96), np.random.PCG64(1704))
    x = graph.relu(graph.conv("stem", "input", 8, (3, 3), stride=2))
    for index, (channels, stride) in enumerate(_V1_BLOCKS, 1):
        x = graph.relu(graph.depthwise(f"block{index}.depthwise", x, stride=stride))
        x = graph.relu(graph.conv(f"block{index}.pointwise", x, channels, (1, 1)))
    return graph.model(graph.classifier(x, 2))


def mobilenetv2() -> onnx.ModelProto:
    """MobileNetV2 1.0, 224 x 224, 1000 classes.

    Sandler et al. 2018 (arXiv 1801.04381), tables 1 and 2; 3.4 M parameters and 300 M
    multiply-accumulates by their table 4. torchvision's has 3,504,872 parameters: the 3,469,760
    weights here, 1000 biases, and two numbers per normalised channel where one is left here.
    """
    graph = Graph("mobilenetv2", (3, 224, 224), np.random.PCG64(1801))
    x = graph.relu6(graph.conv("stem", "input", 32, (3, 3), stride=2))
    index = 0
    for expansion, channels, repeats, first_stride in _V2_BLOCKS:
        for repeat in range(repeats):
            index += 1
            stride = 1 if repeat else first_stride
            x = _bottleneck(graph, f"block{index}", x, expansion, channels, stride)
    x = graph.relu6(graph.conv("head", x, 1280, (1, 1)))
    return graph.model(graph.classifier(x, 1000))


def _bottleneck(
    graph: Graph, name: str, source: str, expansion: int, channels: int, stride: int
) -> str:
    """Expand, filter each channel, project without a rectifier; add the input if it fits."""
    in_c, x = graph.channels(source), source
    if expansion != 1:
        x = graph.relu6(graph.conv(f"{name}.expand", x, expansion * in_c, (1, 1)))
    x = graph.relu6(graph.depthwise(f"{name}.depthwise", x, stride=stride))
    x = graph.conv(f"{name}.project", x, channels, (1, 1))
    return graph.add(f"{name}.add", x, source) if stride == 1 and in_c == channels else x
