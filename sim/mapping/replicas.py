"""Copies of hot layers in what room loose tiles have left: each computes a part of the pixels."""

from collections.abc import Mapping, Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.workload.layers import Layer

from .plan import Group
from .tiles import FreeSpace, place_group

__all__ = ["copies_of", "replicate"]


def copies_of(groups: Sequence[Group]) -> int:
    """How often each channel of a resident layer is on tiles."""
    channels = {group.channel_begin for group in groups}
    return len(groups) // len(channels) if channels else 0


def replicate(
    layers: Mapping[int, Layer],
    placed: Mapping[int, tuple[Group, ...]],
    machine: ClusterConfig,
    space: FreeSpace,
) -> tuple[FreeSpace, dict[int, tuple[Group, ...]]]:
    """The space that is left, and the groups of each layer with their copies behind them.

    Whatever a hart can do with a loose tile, another can do at the same time with a copy on another
    tile. The layer with the most work for each of its copies gets the next one, until no layer has
    room on other tiles, or a group for each hart. Layers of fewer pixels than harts stay as they
    are, and so does coverage: the same parameters are on tiles.
    """
    found = dict(placed)
    work = {index: _words(layers[index], groups) for index, groups in placed.items()}
    open_layers = {
        index for index in placed
        if work[index] and layers[index].pixels >= machine.harts
    }  # fmt: skip
    while open_layers:
        index = min(open_layers, key=lambda i: (-work[i] / copies_of(found[i]), i))
        base = placed[index]
        copied = None
        if len(found[index]) + len(base) <= machine.harts:
            copied = _copy(base, found[index], space)
        if copied is None:
            open_layers.remove(index)
        else:
            space, groups = copied
            found[index] += groups
    return space, found


def _words(layer: Layer, groups: Sequence[Group]) -> int:
    """That a hart moves to tiles and back."""
    each = sum(block.row_count // 4 + block.col_count for group in groups for block in group.blocks)
    return layer.pixels * each


def _copy(
    base: Sequence[Group], there: Sequence[Group], space: FreeSpace
) -> tuple[FreeSpace, tuple[Group, ...]] | None:
    """The same windows on tiles that hold nothing of the layer yet."""
    used = {block.tile for group in there for block in group.blocks}
    own: set[int] = set()
    groups: list[Group] = []
    for group in base:
        rows = [(block.k_begin, block.k_begin + block.row_count) for block in group.blocks]
        channels = (group.channel_begin, group.channel_begin + group.channel_count)
        placed = place_group(space, rows, channels, avoid=tuple(used | own))
        if placed is None or used & {block.tile for block in placed[1].blocks}:
            return None
        space, copy = placed
        own |= {block.tile for block in copy.blocks}
        groups.append(copy._replace(hart=group.hart))
    return space, tuple(groups)
