"""Placing layers in turn, remembering how far earlier calls came with the same layers."""

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Self

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import Layer

from .groups import Pools, empty_pools, place_layer
from .packing import pack_layers
from .plan import Group, TightSplit

__all__ = ["Placed", "Placements"]

Placed = tuple[Pools, dict[int, tuple[Group, ...]]]
"""The pools that are left, and the groups of the layers that found room, by index."""

MACHINES = 4
"""That are remembered: with both splits of a few."""


@dataclasses.dataclass(frozen=True)
class _Step:
    """What was placed after some layers, and what followed."""

    placed: Placed
    parts: dict[int, Layer]
    """Of the layers that found room: what of them was placed."""
    after: dict[tuple[int, int], Self] = dataclasses.field(default_factory=dict)
    """By the next layer's index and its number of channels."""


class Placements:
    """Places layers of one network.

    Coverages differ in where they end, and in a part of the last layer: all that lies before is
    the same. So every step is kept, for the machines that were last asked for.

    Layers of different ``stages`` (the hart of each layer, if each has one) are put on different
    tiles where there is a choice.
    """

    def __init__(self, stages: Sequence[int] | None = None) -> None:
        self._stages = stages
        self._first: OrderedDict[tuple[ClusterConfig, Body, TightSplit], _Step] = OrderedDict()

    def place(
        self, parts: Mapping[int, Layer], machine: ClusterConfig, body: Body, split: TightSplit
    ) -> Placed:
        """Place what is wanted of layers, by their index, in order; what doesn't fit is skipped.

        A layer that doesn't fit as it is, is packed anew with all before it, as densely as can be.
        Not so on loose tiles that several harts share.
        """
        step = self._begin(machine, body, split)
        for index, part in parts.items():
            name = (index, part.out_shape[2])
            if name not in step.after:
                step.after[name] = self._next(step, index, part, machine, body, split)
            step = step.after[name]
        return step.placed

    def _begin(self, machine: ClusterConfig, body: Body, split: TightSplit) -> _Step:
        key = (machine, body, split)
        if key not in self._first:
            self._first[key] = _Step((empty_pools(machine, body, split), {}), {})
            if len(self._first) > MACHINES:
                self._first.popitem(last=False)
        self._first.move_to_end(key)
        return self._first[key]

    def _next(
        self,
        step: _Step,
        index: int,
        part: Layer,
        machine: ClusterConfig,
        body: Body,
        split: TightSplit,
    ) -> _Step:
        """The step that places one more layer, or skips it."""
        pools, placed = step.placed
        wanted = {**step.parts, index: part}
        fits = part.params <= sum(pool.cells for pool in pools)
        others = self._of_others(index, placed)
        found = place_layer(part, machine, body, pools, avoid=others) if fits else None
        if found is not None:
            return _Step((found[0], {**placed, index: found[1]}), wanted)
        if body is Body.TIGHT or machine.harts == 1:
            empty = empty_pools(machine, body, split)
            packed = pack_layers(list(wanted.values()), empty, machine.tile)
            if packed is not None:
                return _Step((packed[0], dict(zip(wanted, packed[1], strict=True))), wanted)
        return _Step(step.placed, step.parts)

    def _of_others(self, index: int, placed: Mapping[int, tuple[Group, ...]]) -> tuple[int, ...]:
        """Tiles of other stages' layers."""
        if self._stages is None:
            return ()
        return tuple(
            block.tile
            for other, groups in placed.items()
            if self._stages[other] != self._stages[index]
            for group in groups
            for block in group.blocks
        )

