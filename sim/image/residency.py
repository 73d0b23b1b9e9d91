"""When weights are programmed: a run is cut into epochs in which no two windows overlap."""

import dataclasses
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import LOOSE_BODIES, Block, Group, LayerPlan, TightSplit

from .steps import Step

__all__ = ["Epoch", "epochs", "programming_groups", "windows_overlap"]

Place = tuple[int, Block]
"""A window and the hart that holds it (0 for loose tiles)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epoch:
    """Steps whose weights are on the tiles of one kind at the same time."""

    body: Body
    steps: tuple[int, ...]
    """Steps with resident weights; they are programmed before the first of them."""


def epochs(run: Sequence[Step], config: ClusterConfig) -> list[Epoch]:
    """The epochs of a run, in the order of their first steps.

    One for each kind of tiles if everything fits side by side. A step whose windows overlap those
    of an earlier one, or what a reprogrammed layer has overwritten, begins a new one; not if it is
    the same layer with the same plan again, as for the next input of a network.
    """
    found: list[Epoch] = []
    for body, bodies in ((Body.TIGHT, (Body.TIGHT,)), (Body.LOOSE, LOOSE_BODIES)):
        steps: list[int] = []
        taken: list[Place] = []
        there: set[tuple[int, int]] = set()
        for index, step in enumerate(run):
            plan = step.plan
            if plan.body not in bodies or not plan.groups or step.identity in there:
                continue
            places = _places(plan, config)
            if all(group.reprogram for group in plan.groups):
                taken += places if steps else []
                # Whose weights are still there is not known: the next one begins an epoch.
                there = set()
                continue
            if _overlap(places, taken):
                found += [Epoch(body=body, steps=tuple(steps))] if steps else []
                steps, taken, there = [], [], set()
            steps.append(index)
            there.add(step.identity)
            taken += places
        found += [Epoch(body=body, steps=tuple(steps))] if steps else []
    return sorted(found, key=lambda epoch: epoch.steps[0])


def programming_groups(plan: LayerPlan, config: ClusterConfig) -> list[tuple[int, Group]]:
    """``(hart, group)`` for each group that some hart has to program before ``plan`` runs.

    Tight: every hart with tiles for REPLICATE, the owner for CHANNELS. Loose: harts in turn.
    """
    groups = [group for group in plan.groups if not group.reprogram]
    if plan.body in LOOSE_BODIES:
        return [(index % config.harts, group) for index, group in enumerate(groups)]
    if plan.split is TightSplit.CHANNELS:
        return [(group.hart, group) for group in groups]
    return [(hart, group) for hart in range(config.tiled_harts) for group in groups]


def _places(plan: LayerPlan, config: ClusterConfig) -> list[Place]:
    if plan.body in LOOSE_BODIES:
        return [(0, block) for group in plan.groups for block in group.blocks]
    if plan.split is TightSplit.CHANNELS:
        return [(group.hart, block) for group in plan.groups for block in group.blocks]
    harts = range(config.tiled_harts)
    return [(hart, block) for hart in harts for group in plan.groups for block in group.blocks]


def _overlap(ours: list[Place], theirs: list[Place]) -> bool:
    by_tile: dict[tuple[int, int], list[Block]] = {}
    for hart, block in theirs:
        by_tile.setdefault((hart, block.tile), []).append(block)
    return any(
        windows_overlap(block, other)
        for hart, block in ours
        for other in by_tile.get((hart, block.tile), [])
    )


def windows_overlap(a: Block, b: Block) -> bool:
    """Whether two windows of the same tile share a cell."""
    return (
        a.row_begin < b.row_begin + b.row_count
        and b.row_begin < a.row_begin + a.row_count
        and a.col_begin < b.col_begin + b.col_count
        and b.col_begin < a.col_begin + a.col_count
    )
