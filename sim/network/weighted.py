"""Shares by speed: chunks dealt to harts so that all of them end at about the same time."""

import dataclasses

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance
from tightrope.sim.mapping.plan import Chunk, LayerPlan
from tightrope.sim.model.calibration import Calibration
from tightrope.sim.model.predict import chunk_cycles
from tightrope.sim.workload.layers import Layer

__all__ = ["weighted_plan"]


def weighted_plan(
    layer: Layer, plan: LayerPlan, machine: ClusterConfig, calibration: Calibration
) -> LayerPlan:
    """A STATIC plan of the chunks of a STEAL one.

    The longest chunks are dealt first, each to the hart that would end it first (which is within a
    third of the best there is): a hart without a tile, or with a slower one, gets less.
    """
    times = chunk_cycles(layer, plan, machine, calibration)
    ends = [0.0] * machine.harts
    shares: list[list[int]] = [[] for _ in range(machine.harts)]
    for index in sorted(range(len(plan.chunks)), key=lambda i: -max(times[i])):
        hart = min(range(machine.harts), key=lambda h: ends[h] + times[index][h])
        ends[hart] += times[index][hart]
        shares[hart].append(index)
    chunks: list[Chunk] = []
    edges = [0]
    for share in shares:
        chunks += [plan.chunks[index] for index in sorted(share)]
        edges.append(len(chunks))
    return dataclasses.replace(
        plan, balance=Balance.STATIC, chunks=tuple(chunks), hart_first=tuple(edges)
    )
