"""ALPINE's networks, from data: layers, which of them share a core, and which are on tiles."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tightrope.sim.workload.layers import Layer, LayerOp, Network

from .errors import ReproduceError

__all__ = ["ALPINE_FILE", "StagedNetwork", "load_networks"]

VERSION = 1
"""Of the format of alpine.json."""
ALPINE_FILE = Path(__file__).with_name("data") / "alpine.json"

_OPS = {
    "conv": (LayerOp.CONV, "Conv"),
    "dense": (LayerOp.DENSE, "Gemm"),
    "pool": (LayerOp.MAXPOOL, "MaxPool"),
    "relu": (LayerOp.CLIP, "Relu"),
    "sigmoid": (LayerOp.ELEMENTWISE, "Sigmoid"),
    "tanh": (LayerOp.ELEMENTWISE, "Tanh"),
    "softmax": (LayerOp.ELEMENTWISE, "Softmax"),
    "combine": (LayerOp.ELEMENTWISE, "Mul"),
    "lrn": (LayerOp.ELEMENTWISE, "LRN"),
}
"""Words of the file: operation, and the ONNX operator that it stands for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StagedNetwork:
    """A network, cut into the stages that ALPINE gives to cores."""

    network: Network
    stages: tuple[tuple[Layer, ...], ...]
    on_tiles: frozenset[str]
    """Names of the layers whose weights are on tiles."""
    input_elements: int
    """That come from outside for each inference (an LSTM's state does not)."""
    cases: Mapping[int, tuple[int, ...] | None]
    """By number of cores: the cores of each stage; None: one core does all of them."""

    @property
    def tile_params(self) -> int:
        """Weights on tiles."""
        return sum(layer.params for layer in self.network.layers if layer.name in self.on_tiles)


def load_networks() -> dict[str, StagedNetwork]:
    """All networks of alpine.json by name."""
    data = read_alpine()
    return {name: _network(name, entry) for name, entry in data["networks"].items()}


def read_alpine() -> dict[str, Any]:
    """The content of alpine.json."""
    data = json.loads(ALPINE_FILE.read_text(encoding="utf-8"))
    if data.get("version") != VERSION:
        raise ReproduceError(f"{ALPINE_FILE.name} must be of version {VERSION}")
    return data


def _network(name: str, entry: dict[str, Any]) -> StagedNetwork:
    shape = tuple(entry["input"])
    stages: list[tuple[Layer, ...]] = []
    on_tiles: set[str] = set()
    for number, words in enumerate(entry["stages"], 1):
        stage = []
        for word in words:
            layer = _layer(f"{number}.{word['op']}", word, shape)
            if word.get("tile"):
                on_tiles.add(layer.name)
            stage.append(layer)
            shape = layer.out_shape
        stages.append(tuple(stage))
    layers = tuple(layer for stage in stages for layer in stage)
    height, width, channels = entry["input"]
    return StagedNetwork(
        network=Network(name=name, layers=layers, notes=(entry["source"],)),
        stages=tuple(stages),
        on_tiles=frozenset(on_tiles),
        input_elements=entry.get("fresh", height * width * channels),
        cases={
            int(cores): None if split is None else tuple(split)
            for cores, split in entry["cases"].items()
        },
    )


def _layer(name: str, word: dict[str, Any], before: tuple[int, ...]) -> Layer:
    op, source_op = _OPS[word["op"]]
    height, width, channels = before
    if op is LayerOp.DENSE:
        height, width, channels = 1, 1, word.get("in", height * width * channels)
    kernel, stride, pad = word.get("kernel", 1), word.get("stride", 1), word.get("pad", 0)
    sizes = (height, width)
    out = tuple(_size(size, kernel, stride, pad, up=op is LayerOp.MAXPOOL) for size in sizes)
    # A pool that is rounded up looks past the lower and the right edge.
    past = [
        max(0, (count - 1) * stride + kernel - size - pad)
        for count, size in zip(out, sizes, strict=True)
    ]
    return Layer(
        name=name,
        op=op,
        source_op=source_op,
        in_shape=(height, width, channels),
        out_shape=(*out, word.get("out", channels)),
        kernel=(kernel, kernel),
        stride=(stride, stride),
        pads=(pad, pad, *past),
    )


def _size(size: int, kernel: int, stride: int, pad: int, *, up: bool) -> int:
    """Positions of a window; ``up``: also those that begin inside and end outside."""
    steps, rest = divmod(size + 2 * pad - kernel, stride)
    return steps + 1 + (up and rest > 0)
