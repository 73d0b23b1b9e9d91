"""What an image is made of: quantised layers with their plans, and where their inputs come from."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.golden.run import run_layer
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.workload.layers import QuantLayer

from .errors import ImageError

__all__ = ["Part", "Step", "chain_steps", "expected_outputs", "independent_steps", "joint_shapes"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Some channels of a joint, as an input."""

    joint: str
    channel_begin: int
    channels: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One layer of a run."""

    qlayer: QuantLayer
    plan: LayerPlan
    inputs: tuple[int | str | Part, ...]
    """For each input, an earlier step's index, the name of an input of the run or of a joint, or a
    part of a joint."""
    out_pitch: int | None = None
    """Bytes from an output pixel to the next; the output's channels if None."""
    joint: str | None = None
    """Write to a part of the channels of a *joint*, the concatenation of several steps' outputs."""
    joint_channel: int = 0
    """Where in the joint that part begins."""

    @property
    def identity(self) -> tuple[int, int]:
        """The same for steps that are the same layer with the same plan, on other activations."""
        return id(self.qlayer), id(self.plan)


def independent_steps(
    layers: Sequence[tuple[QuantLayer, LayerPlan]], inputs: Sequence[Sequence[np.ndarray]]
) -> tuple[list[Step], dict[str, np.ndarray]]:
    """Steps that don't depend on each other, and their inputs by name.

    ``inputs`` holds, for each layer, its (h, w, c) int8 arrays.
    """
    if len(layers) != len(inputs):
        raise ImageError(
            f"{len(layers)} layers must have as many lists of inputs, not {len(inputs)}"
        )
    named: dict[str, np.ndarray] = {}
    steps: list[Step] = []
    for index, ((qlayer, plan), arrays) in enumerate(zip(layers, inputs, strict=True)):
        names = tuple(f"{index}.{place}" for place in range(len(arrays)))
        named.update(zip(names, arrays, strict=True))
        steps.append(Step(qlayer=qlayer, plan=plan, inputs=names))
    return steps, named


def chain_steps(
    layers: Sequence[tuple[QuantLayer, LayerPlan]], x: np.ndarray
) -> tuple[list[Step], dict[str, np.ndarray]]:
    """Steps each of which reads the one before; the first reads ``x`` (h, w, c) int8.

    A layer of two inputs reads its predecessor twice.
    """
    steps: list[Step] = []
    for index, (qlayer, plan) in enumerate(layers):
        source: int | str = index - 1 if index else "x"
        steps.append(Step(qlayer=qlayer, plan=plan, inputs=(source,) * qlayer.layer.inputs))
    return steps, {"x": x}


def expected_outputs(
    config: ClusterConfig, steps: Sequence[Step], inputs: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """What the reference computes for each step: (h, w, c) int8, tiles' converters included."""
    outputs: list[np.ndarray] = []
    joints = {
        name: np.zeros(shape, np.int8) for name, shape in joint_shapes(steps).items()
    }
    named = {**inputs, **joints}
    for step in steps:
        arrays = [_array(name, outputs, named) for name in step.inputs]
        output = run_layer(step.qlayer, arrays, step.plan, config.tile)
        outputs.append(output)
        if step.joint is not None:
            begin = step.joint_channel
            joints[step.joint][..., begin : begin + output.shape[2]] = output
    return outputs


def _array(name: int | str | Part, outputs: Sequence[np.ndarray], named) -> np.ndarray:
    if isinstance(name, Part):
        return named[name.joint][..., name.channel_begin : name.channel_begin + name.channels]
    return outputs[name] if isinstance(name, int) else named[name]


def joint_shapes(steps: Sequence[Step]) -> dict[str, tuple[int, int, int]]:
    """(h, w, c) of each joint.

    Raises ImageError unless its parts have one size and cover its channels once.
    """
    parts: dict[str, list[tuple[int, tuple[int, int, int]]]] = {}
    for step in steps:
        if step.joint is not None:
            part = (step.joint_channel, step.qlayer.layer.out_shape)
            parts.setdefault(step.joint, []).append(part)
    shapes: dict[str, tuple[int, int, int]] = {}
    for name, found in parts.items():
        end = 0
        for begin, (height, width, channels) in sorted(found):
            if begin != end or (height, width) != found[0][1][:2]:
                raise ImageError(
                    f"the parts of {name!r} must have one size and lie side by side, not {found}"
                )
            end += channels
        shapes[name] = (*found[0][1][:2], end)
    return shapes
