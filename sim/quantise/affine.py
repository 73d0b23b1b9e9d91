"""What joins a layer: scales and offsets per channel, then clamps."""

from typing import NoReturn

import numpy as np
from tightrope.sim.workload.builder import Draft
from tightrope.sim.workload.constants import Constants
from tightrope.sim.workload.errors import WorkloadError
from tightrope.sim.workload.nodes import Node
from tightrope.sim.workload.values import Value, per_channel

from .weights import Weights

__all__ = ["activation_limits", "join", "own_affine"]


def activation_limits(constants: Constants, draft: Draft) -> tuple[float, float]:
    """(low, high) that a layer's own node clamps to, as Relu, Clip and FusedConv do."""
    node = draft.node
    if node.op in ("Relu", "Clip"):
        return _clip_limits(constants, node)
    activation = node.attribute("activation", b"")
    if not activation:
        return -np.inf, np.inf
    if activation == b"Relu":
        return 0.0, np.inf
    params = node.attribute("activation_params", ())
    if activation == b"Clip" and len(params) == 2:
        return float(params[0]), float(params[1])
    _fail(constants, node, f"has the activation {activation.decode('ascii', 'replace')}")


def own_affine(constants: Constants, draft: Draft) -> Weights | None:
    """Weights of the 1 x 1 depthwise convolution that a node is which scales and moves channels.

    None for any other node.
    """
    node, value = draft.node, draft.sources[0]
    operands = [constants.value(name) for name in node.inputs]
    given = [operand for operand in operands if operand.constant]
    if node.op == "BatchNormalization":
        fits = all(operand.shape == (value.channels,) for operand in given)
    else:
        fits = node.op in ("Add", "Sub", "Mul", "Div") and not node.is_twin
        fits = fits and len(given) == 1 and not (node.op == "Div" and operands[0].constant)
        fits = fits and per_channel(given[0], value, node.attribute("axis"))
    if not fits or draft.layer.in_shape != draft.layer.out_shape:
        return None
    channels = value.channels
    unit = Weights(real=np.ones((1, 1, channels), np.float32), bias=np.zeros(channels))
    return unit.scaled(*_affine(constants, node, value))


def join(
    constants: Constants, draft: Draft, weights: Weights | None, low: float, high: float
) -> tuple[Weights | None, float, float]:
    """Weights and clamps with all that joined the layer worked into them."""
    for node, value in draft.joined:
        if node.op in ("Relu", "Clip"):
            next_low, next_high = _clip_limits(constants, node)
            low, high = (min(max(edge, next_low), next_high) for edge in (low, high))
            continue
        if value.formats:
            _fail(constants, node, "follows a change of format and has no int8 kernel")
        assert weights is not None, "only layers with weights take scales and offsets"
        factor, offset = _affine(constants, node, value)
        weights = weights.scaled(factor, offset)
    return weights, low, high


def _clip_limits(constants: Constants, node: Node) -> tuple[float, float]:
    if node.op == "Relu":
        return 0.0, np.inf
    limits = [float(node.attribute("min", -np.inf)), float(node.attribute("max", np.inf))]
    for place in (1, 2):
        if place < len(node.inputs) and node.inputs[place]:
            limits[place - 1] = float(constants.read(node.inputs[place]).real.item())
    if limits[0] > limits[1]:
        _fail(constants, node, f"clamps to {limits[0]} .. {limits[1]}, which is empty")
    return limits[0], limits[1]


def _affine(constants: Constants, node: Node, value: Value) -> tuple[np.ndarray, np.ndarray]:
    """(factor, offset), (channels,) float64 each, of a node that scales or moves ``value``."""
    ones, zeros = np.ones(value.channels), np.zeros(value.channels)
    if node.op == "BatchNormalization":
        return _batch_norm(constants, node, ones, zeros)
    is_first = constants.value(node.inputs[0]).constant
    number = _by_channel(constants, node, node.inputs[0 if is_first else 1], value)
    if node.op == "Mul":
        return ones * number, zeros
    if node.op == "Div":
        return ones / number, zeros
    if node.op == "Sub":
        return (-ones, zeros + number) if is_first else (ones, zeros - number)
    return ones, zeros + number


def _batch_norm(
    constants: Constants, node: Node, ones: np.ndarray, zeros: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    stored = [constants.read(name) for name in node.inputs[1:5]]
    if any(constant.blank for constant in stored):
        return ones, zeros
    scale, bias, mean, variance = (constant.real.astype(np.float64) for constant in stored)
    if (variance < 0).any():
        _fail(constants, node, "has a variance that is negative")
    factor = scale / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    return factor, bias - mean * factor


def _by_channel(constants: Constants, node: Node, name: str, value: Value) -> np.ndarray:
    """A constant operand as one number per channel of ``value``, float64."""
    numbers = constants.read(name).real.astype(np.float64)
    if node.attribute("broadcast", 0) and node.attribute("axis") is not None:
        rest = len(value.shape) - node.attribute("axis") - numbers.ndim
        numbers = numbers.reshape(numbers.shape + (1,) * rest)
    whole = np.broadcast_to(numbers, value.shape)
    return np.moveaxis(whole, value.axis, -1).reshape(-1, value.channels)[0]


def _fail(constants: Constants, node: Node, what: str) -> NoReturn:
    raise WorkloadError(f"{constants.label}: node {node.name!r} ({node.source_op}) {what}")
