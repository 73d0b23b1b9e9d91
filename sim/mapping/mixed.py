"""Layers that are partly on tiles: the rest of their channels is digital, at the same time."""

import dataclasses
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer

from .chunks import plan_layer
from .cuts import one_after_another
from .errors import MappingError
from .plan import Chunk, Group, LayerPlan, TightSplit, held_channels, of_channels
from .split import COLUMN_UNIT
from .stream import keeps_tiles

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

    Each hart takes its share of both, that on tiles first. With loose tiles, if harts STEAL, one
    hart for each group begins with all of its work, so that nobody waits for a tile while there is
    digital work (but harts that add up what tiles stream give them back meanwhile). With all
    channels in groups, or none, the plan is that of ``plan_layer``.
    """
    held = held_channels(groups)
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
        of_channels(layer, held), machine, body, balance, groups=groups, split=split
    )
    digital = plan_layer(of_channels(layer, channels - held), machine, Body.DOT4, balance)
    rest = [
        chunk._replace(begin=chunk.begin + held, end=chunk.end + held, body=Body.DOT4)
        for chunk in digital.chunks
    ]
    on_tiles = [
        list(tiled.chunks[slice(*tiled.hart_first[hart : hart + 2])])
        for hart in range(machine.harts)
    ]
    if keeps_tiles(layer, machine.tile, body) and balance is Balance.STEAL:
        on_tiles = _by_group(tiled.chunks, len(groups), machine.harts)
    shares = [
        [*on_tiles[hart],
         *rest[slice(*digital.hart_first[hart : hart + 2])]]
        for hart in range(machine.harts)
    ]  # fmt: skip
    chunks, hart_first = one_after_another(shares)
    return dataclasses.replace(tiled, balance=balance, chunks=chunks, hart_first=hart_first)


def _by_group(chunks: Sequence[Chunk], groups: int, harts: int) -> list[list[Chunk]]:
    """All chunks of a group to one hart, as evenly as there are groups."""
    shares: list[list[Chunk]] = [[] for _ in range(harts)]
    for chunk in sorted(chunks, key=lambda chunk: (chunk.begin, chunk.pixel_begin)):
        shares[chunk.begin * min(harts, groups) // groups].append(chunk)
    return shares
