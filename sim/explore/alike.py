"""Which layers on tiles cost the same: where its tiles are makes no difference to a layer."""

import dataclasses
from collections.abc import Sequence

from tightrope.sim.mapping.plan import Block, Group

__all__ = ["Held", "HeldGroups"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """Groups of a layer as if nothing else were on the tiles."""

    number: int
    """Of all that differ."""
    groups: tuple[Group, ...]
    tiles: int
    """That they are on; of the hart with most, if tight."""


class HeldGroups:
    """Numbers the groups of layers; those that differ in places only have the same number."""

    def __init__(self) -> None:
        self._by_groups: dict[tuple[Group, ...], Held] = {}
        self._known: dict[int, tuple[Sequence[Group], Held]] = {}

    def of(self, groups: tuple[Group, ...]) -> Held:
        """The number of a layer's groups, and what they are alike to."""
        # Allocations share their groups: to compare them by content is slow.
        known = self._known.get(id(groups))
        if known is None or known[0] is not groups:
            known = self._known[id(groups)] = (groups, self._number(groups))
        return known[1]

    def _number(self, groups: tuple[Group, ...]) -> Held:
        alone, tiles = _alone(groups)
        if alone not in self._by_groups:
            held = Held(number=len(self._by_groups), groups=alone, tiles=tiles)
            self._by_groups[alone] = held
        return self._by_groups[alone]


def _alone(groups: Sequence[Group]) -> tuple[tuple[Group, ...], int]:
    """Groups with the tiles of each hart numbered by first use and blocks in the corner, and how
    many tiles that are."""
    numbers: dict[int, dict[int, int]] = {}

    def moved(block: Block, own: dict[int, int]) -> Block:
        tile = own.setdefault(block.tile, len(own))
        return Block(tile, 0, block.row_count, 0, block.col_count, block.k_begin)

    alone = []
    for group in groups:
        own = numbers.setdefault(group.hart, {})
        blocks = tuple(moved(block, own) for block in group.blocks)
        alone.append(group._replace(blocks=blocks))
    return tuple(alone), max(map(len, numbers.values()))
