"""Stages of a pipeline: consecutive layers for each hart, and plans that give one hart all."""

import dataclasses
import itertools
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.mixed import plan_mixed
from tightrope.sim.mapping.plan import Group, LayerPlan, TightSplit
from tightrope.sim.mapping.stream import stream_geometry
from tightrope.sim.workload.layers import Layer

__all__ = ["run_cycles", "single_hart_plan", "stages_of"]


def stages_of(cycles: Sequence[float], harts: int) -> tuple[int, ...]:
    """The hart of each layer, so that the longest of up to ``harts`` stages is as short as can be.

    Exact, by dynamic programming over where stages end.
    """
    count = len(cycles)
    until = [0.0, *itertools.accumulate(cycles)]
    # best[n]: (longest stage, where the last stage begins) for the first n layers.
    best = [(until[n], 0) for n in range(count + 1)]
    history = [best]
    for _ in range(1, min(harts, count)):
        best = [
            min(
                (max(history[-1][begin][0], until[n] - until[begin]), begin)
                for begin in range(n + 1)
            )
            for n in range(count + 1)
        ]
        history.append(best)
    edges = []
    end = count
    for table in reversed(history):
        begin = table[end][1]
        edges.append((begin, end))
        end = begin
    stages = [stage for stage in reversed(edges) if stage[1] > stage[0]]
    return tuple(hart for hart, (begin, end) in enumerate(stages) for _ in range(begin, end))


def run_cycles(
    layer_cycles: Sequence[float], stage_harts: Sequence[int], inputs: int
) -> float:
    """How long a run over ``inputs`` takes if each layer of one takes so long.

    Without stages the inputs follow each other. In beat t of a pipeline hart h is at input t - h,
    and a beat ends with the last of them. What harts at work on different layers lose to each other
    is not in it: for a pipeline this is what a run takes at least.
    """
    if not stage_harts:
        return inputs * sum(layer_cycles)
    stages = [0.0] * (max(stage_harts) + 1)
    for cycles, hart in zip(layer_cycles, stage_harts, strict=True):
        stages[hart] += cycles
    beats = range(inputs + len(stages) - 1)
    return sum(max(stages[max(0, beat - inputs + 1) : beat + 1]) for beat in beats)


def single_hart_plan(
    layer: Layer,
    machine: ClusterConfig,
    hart: int,
    body: Body | None,
    groups: Sequence[Group],
) -> LayerPlan:
    """The layer as ``hart`` computes it alone; on tiles of ``body`` (its own if tight), or not.

    Raises MappingError if it can't be computed so; STREAM: also if a hart's part of the scratchpad
    is too small.
    """
    alone = dataclasses.replace(machine, harts=1, tight_harts=None)
    if body is None:
        plan = plan_layer(layer, alone, Body.DOT4, Balance.STATIC)
    else:
        # The owners of the groups are harts of the real machine.
        unowned = [group._replace(hart=0) for group in groups]
        plan = plan_mixed(layer, alone, body, Balance.STATIC, groups=unowned)
        split = TightSplit.CHANNELS if body is Body.TIGHT else None
        plan = dataclasses.replace(plan, groups=tuple(groups), split=split)
    count = len(plan.chunks)
    first = tuple(0 if number <= hart else count for number in range(machine.harts + 1))
    plan = dataclasses.replace(plan, hart_first=first)
    if body is Body.STREAM:
        # The others have their parts of the scratchpad, too.
        stream_geometry(layer, machine, plan)
    return plan
