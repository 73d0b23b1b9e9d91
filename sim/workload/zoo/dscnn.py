"""Depthwise separable CNNs for keyword spotting."""

import numpy as np
import onnx

from .graph import Graph

__all__ = ["dscnn"]


def dscnn() -> onnx.ModelProto:
    """DS-CNN, 49 frames of 10 features, 12 words: MLPerf Tiny's keyword spotting.

    Zhang et al. 2017 (arXiv 1711.07128), the small one, as in the reference model of Banbury et al.
    2021 (arXiv 2106.07597), mlcommons/tiny, ``keras_model.py``. Dropout and softmax are left off.
    22 k weights, 2.7 M multiply-accumulates.
    """
    graph = Graph("dscnn", (1, 49, 10), np.random.PCG64(1711))
    x = graph.relu(graph.conv("stem", "input", 64, (10, 4), stride=2))
    for index in range(1, 5):
        x = graph.relu(graph.depthwise(f"block{index}.depthwise", x))
        x = graph.relu(graph.conv(f"block{index}.pointwise", x, 64, (1, 1)))
    return graph.model(graph.classifier(x, 12))
