"""Layers that are partly on tiles: the rest of their channels is digital, at the same time."""

import dataclasses
from collections.abc import Sequence
from itertools import zip_longest

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer

from .chunks import plan_layer
from .errors import MappingError
from .plan import Chunk, Group, LayerPlan, TightSplit
from .split import COLUMN_UNIT

__all__ = ["plan_mixed"]


def plan_mixed(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    *,
    groups: Sequence[Group],
    split: TightSplit | None = None,
) -> LayerPlan:
    """How a layer runs whose first channels are on tiles, in ``groups``, and the others are not.

    STATIC: each hart takes its share of both. STEAL: chunks of both kinds in one queue, those of
    tiles first and then spread over it, so that as many harts as there are groups keep the tiles
    busy while the others compute digitally. With all channels in groups, or none, the plan is that
    of ``plan_layer``.
    """
    held = max((group.channel_begin + group.channel_count for group in groups), default=0)
    channels = layer.out_shape[2]
    if held == channels:
        return plan_layer(layer, machine, body, balance, groups=groups, split=split)
    if not held:
        return plan_layer(layer, machine, Body.DOT4, balance)
    if held % COLUMN_UNIT:
        raise MappingError(
            f"layer {layer.name}: channels on tiles must be a multiple of {COLUMN_UNIT}, not {held}"
        )
    tiled = plan_layer(
        _channels(layer, held), machine, body, balance, groups=groups, split=split
    )
    digital = plan_layer(_channels(layer, channels - held), machine, Body.DOT4, balance)
    rest = [
        dataclasses.replace(
            chunk, begin=chunk.begin + held, end=chunk.end + held, body=Body.DOT4
        )
        for chunk in digital.chunks
    ]
    if balance is Balance.STEAL:
        return dataclasses.replace(tiled, chunks=_spread(tiled.chunks, rest, len(groups)))
    shares = [
        [*tiled.chunks[slice(*tiled.hart_first[hart : hart + 2])],
         *rest[slice(*digital.hart_first[hart : hart + 2])]]
        for hart in range(machine.harts)
    ]  # fmt: skip
    edges = [0]
    for share in shares:
        edges.append(edges[-1] + len(share))
    chunks = tuple(chunk for share in shares for chunk in share)
    return dataclasses.replace(tiled, chunks=chunks, hart_first=tuple(edges))


def _channels(layer: Layer, count: int) -> Layer:
    return dataclasses.replace(layer, out_shape=(*layer.out_shape[:2], count))


def _spread(tiled: Sequence[Chunk], rest: Sequence[Chunk], abreast: int) -> tuple[Chunk, ...]:
    """``abreast`` chunks of ``tiled``, then the others evenly among ``rest``."""
    first, later = list(tiled[:abreast]), list(tiled[abreast:])
    every = max(1, len(rest) // (len(later) + 1))
    runs = [rest[begin : begin + every] for begin in range(0, len(rest), every)]
    mixed = first
    for run, chunk in zip_longest(runs, later, fillvalue=None):
        mixed += run or []
        mixed += [chunk] if chunk is not None else []
    return tuple(mixed)
