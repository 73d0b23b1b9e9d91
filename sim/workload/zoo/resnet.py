"""ResNets for small images."""

import numpy as np
import onnx

from .graph import Graph

__all__ = ["resnet8"]


def resnet8() -> onnx.ModelProto:
    """ResNet-8 for CIFAR-10, 32 x 32, 10 classes: MLPerf Tiny's image classification.

    He et al. 2016 with one block in each of three stages, as in the reference model of Banbury et
    al. 2021 (arXiv 2106.07597), mlcommons/tiny, ``resnet_v1_eembc`` with 16 filters. Its softmax is
    left off. 77 k weights, 12.5 M multiply-accumulates.
    """
    graph = Graph("resnet8", (3, 32, 32), np.random.PCG64(1512))
    x = graph.relu(graph.conv("stem", "input", 16, (3, 3)))
    for index, (channels, stride) in enumerate(((16, 1), (32, 2), (64, 2)), 1):
        name = f"stage{index}"
        y = graph.relu(graph.conv(f"{name}.conv1", x, channels, (3, 3), stride=stride))
        y = graph.conv(f"{name}.conv2", y, channels, (3, 3))
        if stride != 1:
            x = graph.conv(f"{name}.shortcut", x, channels, (1, 1), stride=stride)
        x = graph.relu(graph.add(f"{name}.add", x, y))
    return graph.model(graph.classifier(x, 10))
