"""Small ONNX graphs for the tests of sim.workload, and their shapes according to onnxruntime."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Net:
    """Builds one graph; each call of ``op`` adds a node named as its output and returns it."""

    def __init__(self, *shape, opset=OPSET, kind=TensorProto.FLOAT, seed=1):
        self.rng = np.random.default_rng(seed)
        self.opset = opset
        self.nodes, self.constants = [], []
        self.inputs = [helper.make_tensor_value_info("input", kind, shape)]

    def const(self, data, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(data, dtype=dtype), name))
        return name

    def weight(self, *shape):
        return self.const(self.rng.standard_normal(shape))

    def op(self, kind, *inputs, name=None, domain="", outputs=1, **attributes):
        name = name or f"{kind}_{len(self.nodes)}"
        names = [name] + [f"{name}:{i}" for i in range(1, outputs)]
        self.nodes.append(
            helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes)
        )
        return name

    def conv(self, source, weight_shape, **attributes):
        return self.op("Conv", source, self.weight(*weight_shape), **attributes)

    def model(self, *outputs):
        infos = [helper.make_empty_tensor_value_info(o) for o in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)

    def save(self, folder, *outputs):
        path = folder / "net.onnx"
        onnx.save(self.model(*(outputs or [self.nodes[-1].output[0]])), path)
        return path


def runtime_shapes(path, input_shape, dtype=np.float32):
    """Shape of every tensor that onnxruntime computes, by name of its node."""
    model = onnx.load(path)
    del model.graph.output[:]
    names = [node.output[0] for node in model.graph.node]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    results = session.run(names, {"input": np.ones(input_shape, dtype=dtype)})
    return {node.name: result.shape for node, result in zip(model.graph.node, results, strict=True)}
