"""How many digits the network reads: ``python -m tightrope.sim.digits.accuracy``."""

import numpy as np
from tightrope.sim.quantise import QuantNetwork, quantise, run_network
from tightrope.sim.quantise.execute import run_real
from tightrope.sim.quantise.reader import read_graph
from tightrope.sim.workload.onnx_import import load_model

from . import MODEL_FILE, Digits, load_digits

__all__ = ["int8_accuracy", "real_accuracy"]


def int8_accuracy(qnet: QuantNetwork, digits: Digits) -> float:
    """The part of the test images that the int8 network reads right, 0 .. 1."""
    tensor = qnet.outputs[0].tensor
    read = [run_network(qnet, qnet.encode(x))[tensor].argmax() for x in digits.images]
    return float(np.mean(read == digits.labels))


def real_accuracy(digits: Digits) -> float:
    """The same of the network on real numbers."""
    graph = read_graph(load_model(MODEL_FILE), np.random.default_rng(0))
    read = []
    for x in digits.images:
        *_, logits = run_real(graph, x[0, :, :, None])
        read.append(logits.argmax())
    return float(np.mean(np.array(read) == digits.labels))


def main() -> None:
    """Print both."""
    digits = load_digits()
    qnet = quantise(load_model(MODEL_FILE), samples=digits.calibration)
    print(f"{len(digits.labels)} test images")
    print(f"real numbers: {real_accuracy(digits):.2%} right")
    print(f"int8:         {int8_accuracy(qnet, digits):.2%} right")


if __name__ == "__main__":
    main()
