"""Small networks as ONNX files."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save_net(
    path: Path,
    *,
    names: tuple[str, str, str] = ("first", "second", "last"),
    shape: tuple[int | str, ...] = (1, 8, 12, 12),
    odd_op: str | None = None,
) -> Path:
    rng = np.random.default_rng(0)

    def constant(name: str, *size: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.standard_normal(size).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], name=names[0], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node(odd_op or "Conv", ["b", "w1"], ["c"], name=names[1]),
        helper.make_node("MaxPool", ["c"], ["d"], name=names[2], kernel_shape=[2, 2]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info("d")],
        [constant("w0", 16, 8, 3, 3), constant("w1", 24, 16, 1, 1)],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path
