"""Several inputs of a network on their way at the same time: harts own layers, not pixels."""

import dataclasses
from collections.abc import Sequence

from .errors import ImageError
from .steps import Step

__all__ = ["Pipeline", "check_pipeline", "stage_edges"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Who computes which of the steps; those of the first input come first, and so on.

    In beat t hart h computes its steps for input t - h.
    """

    harts: tuple[int, ...]
    """For each step of one input, rising, without a gap."""
    inputs: int
    """The run's steps are as many times those of one input."""

    def beat(self, index: int) -> int:
        """When step ``index`` of the run is computed."""
        number, place = divmod(index, len(self.harts))
        return number + self.harts[place]


def check_pipeline(pipeline: Pipeline, steps: Sequence[Step], hart_count: int) -> None:
    """ImageError unless each hart is given its layers whole, and in the order of the network."""
    harts = list(pipeline.harts)
    in_order = harts == sorted(harts) and set(harts) == set(range(max(harts, default=-1) + 1))
    if not harts or not in_order or harts[-1] >= hart_count:
        raise ImageError(
            f"the stages of a pipeline must be harts 0 .. {hart_count - 1} in order, not {harts}"
        )
    if pipeline.inputs < 1 or len(steps) != pipeline.inputs * len(harts):
        raise ImageError(
            f"a pipeline of {pipeline.inputs} inputs and {len(harts)} layers must have their "
            f"product of steps, not {len(steps)}"
        )
    for index, step in enumerate(steps):
        if any(group.reprogram for group in step.plan.groups):
            raise ImageError(
                f"layer {step.qlayer.layer.name}: in a pipeline weights must stay on their tiles"
            )
        hart, first = harts[index % len(harts)], step.plan.hart_first
        alone = first and first[hart + 1] - first[hart] == len(step.plan.chunks)
        if not alone:
            raise ImageError(
                f"layer {step.qlayer.layer.name}: all its chunks must be those of hart {hart}"
            )


def stage_edges(pipeline: Pipeline, steps: Sequence[Step], hart_count: int) -> list[int]:
    """Descriptors of one input: hart h runs edges[h] .. edges[h + 1] - 1."""
    edges = [0]
    for hart in range(hart_count):
        own = sum(
            step.qlayer.layer.groups
            for owner, step in zip(pipeline.harts, steps, strict=False)
            if owner == hart
        )
        edges.append(edges[-1] + own)
    return edges
