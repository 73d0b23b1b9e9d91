"""Allocation: which layers get the tiles when there are too few for all."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import Layer, Network

from .errors import MappingError
from .groups import empty_pools
from .placements import Placed, Placements
from .plan import Group, TightSplit, held_channels, of_channels
from .replicas import replicate
from .split import COLUMN_UNIT

__all__ = ["Allocation", "Coupling", "Policy", "allocate", "coverage_of", "without"]

Coupling = Literal["tight", "loose"]
Policy = Literal["macs_per_weight", "in_order", "columns"]
COLUMN_STEPS = 64
"""By columns, shares of layers are tried in steps of this part of the coverage that is wanted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allocation:
    """What sits on tiles. Layers without groups are digital; of others, the channels that no group
    has."""

    coupling: Coupling
    policy: Policy
    split: TightSplit | None
    """None for loose tiles."""
    groups: tuple[tuple[Group, ...] | None, ...]
    """For each layer of the network."""
    used_tiles: int
    """Physical tiles that hold something (REPLICATE counts every hart's copy)."""
    coverage: float
    """Parameters that sit on tiles / all parameters of the network."""
    mac_coverage: float
    """The same for multiply-accumulates."""


def allocate(
    network: Network,
    machine: ClusterConfig,
    coupling: Coupling,
    policy: Policy = "macs_per_weight",
    split: TightSplit = TightSplit.REPLICATE,
    coverage: float = 1.0,
    *,
    stages: Sequence[int] | None = None,
    placements: Placements | None = None,
) -> Allocation:
    """Puts layers on the machine's tiles until nothing more fits, or ``coverage`` is reached.

    ``macs_per_weight`` serves the layers whose weights are used most often first (in order where
    equal), ``in_order`` as the network runs. Of the layer that would exceed the coverage, so many
    of its first channels as it allows are on tiles. A layer that doesn't fit in what is left is
    skipped; smaller ones may still fit. ``columns`` takes the same share of each layer's channels,
    the largest one for which all fit. Convolutions of several groups and depthwise ones stay
    digital, as does everything on a machine without such tiles. What room loose tiles have left is
    for copies of the layers with the most work (``replicate``); but if each layer has one hart,
    ``stages``, that would use no copies, and layers of different harts are on different tiles where
    there is a choice.

    Layers are placed in turn, cut and spread as suits the harts. When one doesn't fit so, all that
    were chosen are packed anew with it, as densely as can be. Not so on loose tiles that several
    harts share: a layer packed densely is on few tiles, for which they would wait.

    Who asks for several coverages of a network hands in the same ``placements`` each time.
    """
    if coupling not in ("tight", "loose"):
        raise MappingError(f"coupling must be tight or loose, not {coupling!r}")
    if not 0.0 <= coverage <= 1.0:
        raise MappingError(f"coverage must be 0 to 1, not {coverage!r}")
    body = Body.TIGHT if coupling == "tight" else Body.LOOSE
    groups: list[tuple[Group, ...] | None] = [None] * len(network.layers)
    used = 0
    if machine.tight_tiles_per_hart if coupling == "tight" else machine.loose_tiles:
        pools, placed = _choose(
            network, machine, body, split, policy, coverage, placements or Placements(stages)
        )
        if body is Body.LOOSE and stages is None:
            layers = dict(enumerate(network.layers))
            space, placed = replicate(layers, placed, machine, pools[0])
            pools = (space,)
        for index, held in placed.items():
            groups[index] = held
        replicated = coupling == "tight" and split is TightSplit.REPLICATE
        copies = machine.tiled_harts if replicated else 1
        used = copies * sum(sum(pool.used) for pool in pools)
    params, macs = coverage_of(network, groups)
    return Allocation(
        coupling=coupling,
        policy=policy,
        split=split if coupling == "tight" else None,
        groups=tuple(groups),
        used_tiles=used,
        coverage=params,
        mac_coverage=macs,
    )


def coverage_of(
    network: Network, groups: Sequence[Sequence[Group] | None]
) -> tuple[float, float]:
    """Parts of a network's parameters and of its multiply-accumulates that layers' groups hold."""
    held = [
        held_channels(of_layer) / layer.out_shape[2]
        for layer, of_layer in zip(network.layers, groups, strict=True)
    ]
    params = [part * layer.params for part, layer in zip(held, network.layers, strict=True)]
    macs = [part * layer.macs for part, layer in zip(held, network.layers, strict=True)]
    return _ratio(sum(params), network.params), _ratio(sum(macs), network.macs)


def without(
    allocation: Allocation, network: Network, tiled_harts: int, on_tiles: Sequence[bool]
) -> Allocation:
    """What is in use of an allocation if only those layers are ``on_tiles``; tight tiles are on
    ``tiled_harts`` harts."""
    groups = tuple(
        held if used else None for held, used in zip(allocation.groups, on_tiles, strict=True)
    )
    if groups == allocation.groups:
        return allocation
    tiles = {(group.hart, b.tile) for held in groups for group in held or () for b in group.blocks}
    copies = tiled_harts if allocation.split is TightSplit.REPLICATE else 1
    coverage, mac_coverage = coverage_of(network, groups)
    return dataclasses.replace(
        allocation,
        groups=groups,
        used_tiles=copies * len(tiles),
        coverage=coverage,
        mac_coverage=mac_coverage,
    )


def _choose(
    network: Network,
    machine: ClusterConfig,
    body: Body,
    split: TightSplit,
    policy: Policy,
    coverage: float,
    placements: Placements,
) -> Placed:
    order = _order(network, policy)
    if policy != "columns":
        parts = _whole_parts(network, order, coverage)
        return placements.place(parts, machine, body, split)
    for step in range(COLUMN_STEPS, 0, -1):
        parts = _column_parts(network, order, coverage * step / COLUMN_STEPS)
        pools, placed = placements.place(parts, machine, body, split)
        if len(placed) == len(parts):
            return pools, placed
    return empty_pools(machine, body, split), {}


def _whole_parts(network: Network, order: Sequence[int], coverage: float) -> dict[int, Layer]:
    """Layers in order while their weights are within the coverage, and a part of the next one."""
    parts: dict[int, Layer] = {}
    # Coverage is a fraction with rounding errors; a channel more or less is not.
    left = coverage * network.params + 0.5
    for index in order:
        layer = network.layers[index]
        channels = layer.out_shape[2]
        if layer.params > left:
            channels = int(left / layer.patch) // COLUMN_UNIT * COLUMN_UNIT
        if channels:
            parts[index] = of_channels(layer, channels)
        left -= channels * layer.patch
        if channels < layer.out_shape[2]:
            break
    return parts


def _column_parts(network: Network, order: Sequence[int], coverage: float) -> dict[int, Layer]:
    """As large a share of each layer's channels as makes the coverage."""
    weights = sum(network.layers[index].params for index in order)
    share = min(1.0, coverage * _ratio(network.params, weights))
    parts: dict[int, Layer] = {}
    for index in order:
        layer = network.layers[index]
        channels = layer.out_shape[2]
        if share < 1.0:
            channels = round(share * channels / COLUMN_UNIT) * COLUMN_UNIT
        if channels:
            parts[index] = of_channels(layer, min(channels, layer.out_shape[2]))
    return parts


def _order(network: Network, policy: Policy) -> list[int]:
    fits = [
        index
        for index, layer in enumerate(network.layers)
        if layer.fits_tiles and layer.groups == 1
    ]
    if policy in ("in_order", "columns"):
        return fits
    if policy == "macs_per_weight":

        def rank(index: int) -> float:
            layer: Layer = network.layers[index]
            return -_ratio(layer.macs, layer.params)

        return sorted(fits, key=rank)
    raise MappingError(f"policy must be macs_per_weight, in_order or columns, not {policy!r}")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
