"""A quantised network as the steps of a run, once for each input."""

from collections.abc import Sequence

import numpy as np
from tightrope.sim.image.steps import Part, Step
from tightrope.sim.mapping.plan import LayerPlan
from tightrope.sim.quantise import QuantNetwork

from .errors import NetworkError

__all__ = ["network_steps", "output_steps"]


def network_steps(
    qnet: QuantNetwork, plans: Sequence[LayerPlan], inputs: Sequence[np.ndarray]
) -> tuple[list[Step], dict[str, np.ndarray], set[int]]:
    """Steps, the run's inputs by name, and which steps make the network's outputs.

    ``plans`` are those of ``qnet.steps``; ``inputs`` are (h, w, c) int8. Step i of input n is
    number ``n * len(plans) + i``.
    """
    if len(plans) != len(qnet.steps):
        raise NetworkError(f"{len(qnet.steps)} layers must have as many plans, not {len(plans)}")
    names = _Names(qnet)
    steps = [
        names.step(number, index, plan)
        for number in range(len(inputs))
        for index, plan in enumerate(plans)
    ]
    keep = set(output_steps(qnet, len(inputs)))
    return steps, {names.input(n): array for n, array in enumerate(inputs)}, keep


def output_steps(qnet: QuantNetwork, inputs: int) -> list[int]:
    """The numbers of the steps that make the network's outputs, input by input."""
    wanted = {output.tensor for output in qnet.outputs}
    makers = [index for index, step in enumerate(qnet.steps) if step.output in wanted]
    return [number * len(qnet.steps) + index for number in range(inputs) for index in makers]


class _Names:
    """How steps name what they read and write: buffers of several tensors are joints."""

    def __init__(self, qnet: QuantNetwork) -> None:
        self.qnet = qnet
        self.made_by = {step.output: index for index, step in enumerate(qnet.steps)}
        writers: dict[int, int] = {}
        for step in qnet.steps:
            buffer = qnet.tensors[step.output].buffer
            writers[buffer] = writers.get(buffer, 0) + 1
        self.shared = {buffer for buffer, count in writers.items() if count > 1}
        if qnet.input.buffer in writers:
            raise NetworkError(
                f"{qnet.name}: the network's input is part of a concatenation, which has no kernel"
            )

    def input(self, number: int) -> str:
        return f"input {number}"

    def step(self, number: int, index: int, plan: LayerPlan) -> Step:
        made = self.qnet.steps[index]
        tensor = self.qnet.tensors[made.output]
        joint = self._joint(number, tensor.buffer) if tensor.buffer in self.shared else None
        return Step(
            qlayer=made.qlayer,
            plan=plan,
            inputs=tuple(self._source(number, source) for source in made.inputs),
            joint=joint,
            joint_channel=tensor.channel_begin,
        )

    def _joint(self, number: int, buffer: int) -> str:
        return f"joint {buffer} of input {number}"

    def _source(self, number: int, index: int) -> int | str | Part:
        tensor = self.qnet.tensors[index]
        if index == 0:
            return self.input(number)
        if tensor.buffer not in self.shared:
            return number * len(self.qnet.steps) + self.made_by[index]
        return Part(
            joint=self._joint(number, tensor.buffer),
            channel_begin=tensor.channel_begin,
            channels=tensor.shape[2],
        )
