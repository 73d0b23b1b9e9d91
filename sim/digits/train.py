"""Trains the digits' CNN: ``python -m tightrope.sim.digits.train`` (needs scikit-learn, seconds).

Writes the network and the images that it was not trained on to ``data``.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from . import BRIGHTEST, IMAGES_FILE, MODEL_FILE
from .cnn import CHANNELS, CLASSES, KERNEL, SIZE, Cnn

__all__ = ["train"]

SEED = 1
TEST_COUNT = 360
CALIBRATION_COUNT = 64
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 2e-3
DECAY = (0.9, 0.999)
"""Of Adam's two averages."""
OPSET = 17
IR_VERSION = 8


def train(
    x: np.ndarray, labels: np.ndarray, rng: np.random.Generator, *, epochs: int = EPOCHS
) -> Cnn:
    """Adam on the cross entropy; ``x`` (count, 8, 8, 1) float32, ``labels`` (count,)."""
    cnn = Cnn(rng)
    first = {name: np.zeros_like(value) for name, value in cnn.params.items()}
    second = {name: np.zeros_like(value) for name, value in cnn.params.items()}
    step, steps = 0, epochs * -(-len(x) // BATCH)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), BATCH):
            batch = order[begin : begin + BATCH]
            logits, cache = cnn.forward(x[batch])
            gradients = cnn.backward(_error(logits, labels[batch]), cache)
            step += 1
            rate = LEARNING_RATE * (1.0 - step / (steps + 1))
            for name, gradient in gradients.items():
                first[name] += (1 - DECAY[0]) * (gradient - first[name])
                second[name] += (1 - DECAY[1]) * (gradient**2 - second[name])
                mean = first[name] / (1 - DECAY[0] ** step)
                spread = np.sqrt(second[name] / (1 - DECAY[1] ** step)) + 1e-8
                cnn.params[name] -= np.float32(rate) * mean / spread
    return cnn


def _error(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gradient of the mean cross entropy by the logits."""
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(labels)), labels] -= 1.0
    return chances / np.float32(len(labels))


def as_model(cnn: Cnn) -> onnx.ModelProto:
    """The network in ONNX, input (1, 1, 8, 8) of 0 .. 1, output (1, 10) logits."""
    constants: dict[str, np.ndarray] = {}
    nodes: list[onnx.NodeProto] = []
    source = "input"
    for index, name in enumerate(("conv1", "conv2")):
        matrix = cnn.params[f"{name}.weight"].T
        kernel = matrix.reshape(CHANNELS[index + 1], KERNEL, KERNEL, CHANNELS[index])
        constants[f"{name}.weight"] = np.ascontiguousarray(kernel.transpose(0, 3, 1, 2))
        constants[f"{name}.bias"] = cnn.params[f"{name}.bias"]
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        pads = {"kernel_shape": (KERNEL, KERNEL), "pads": (1, 1, 1, 1)}
        nodes.append(helper.make_node("Conv", inputs, [name], name=name, **pads))
        source = f"{name}.relu"
        nodes.append(helper.make_node("Relu", [name], [source], name=source))
    window = {"kernel_shape": (2, 2), "strides": (2, 2)}
    nodes.append(helper.make_node("MaxPool", [source], ["pool"], name="pool", **window))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flatten"], name="flatten"))
    # The rows of ours are (h, w, c); a flattened ONNX tensor is (c, h, w).
    dense = cnn.params["dense.weight"].reshape(SIZE // 2, SIZE // 2, CHANNELS[2], CLASSES)
    constants["dense.weight"] = np.ascontiguousarray(dense.transpose(2, 0, 1, 3)).reshape(
        -1, CLASSES
    )
    constants["dense.bias"] = cnn.params["dense.bias"]
    inputs = ["flatten", "dense.weight", "dense.bias"]
    nodes.append(helper.make_node("Gemm", inputs, ["dense"], name="dense"))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 1, SIZE, SIZE))],
        [helper.make_tensor_value_info("dense", TensorProto.FLOAT, (1, CLASSES))],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tightrope"
    )


def main() -> None:
    """Train, and write both files."""
    from sklearn.datasets import load_digits

    held = load_digits()
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(held.target))
    pixels, labels = held.images[order].astype(np.uint8), held.target[order].astype(np.uint8)
    x = (pixels[TEST_COUNT:, :, :, None] / BRIGHTEST).astype(np.float32)
    cnn = train(x, labels[TEST_COUNT:], rng)
    onnx.save(as_model(cnn), MODEL_FILE)
    np.savez_compressed(
        IMAGES_FILE,
        images=pixels[:TEST_COUNT],
        labels=labels[:TEST_COUNT],
        calibration=pixels[TEST_COUNT : TEST_COUNT + CALIBRATION_COUNT],
    )


if __name__ == "__main__":
    main()
