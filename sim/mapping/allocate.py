"""Allocation: which layers get the tiles when there are too few for all."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import Layer, Network

from .errors import MappingError
from .groups import Pools, empty_pools, place_layer
from .packing import pack_layers
from .plan import Group, TightSplit

__all__ = ["Allocation", "Coupling", "Policy", "allocate"]

Coupling = Literal["tight", "loose"]
Policy = Literal["macs_per_weight", "in_order"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allocation:
    """What sits on tiles. Layers without groups are digital."""

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
) -> Allocation:
    """Puts whole layers on the machine's tiles until nothing more fits.

    ``macs_per_weight`` serves the layers whose weights are used most often first (in order where
    equal), ``in_order`` as the network runs. A layer that doesn't fit in what is left is skipped;
    smaller ones may still fit. Convolutions of several groups and depthwise ones stay digital, as
    does everything on a machine without such tiles.

    Layers are placed in turn, cut and spread as suits the harts. When one doesn't fit so, all that
    were chosen are packed anew with it, as densely as can be. Not so on loose tiles that several
    harts share: a layer packed densely is on few tiles, for which they would wait.
    """
    if coupling not in ("tight", "loose"):
        raise MappingError(f"coupling must be tight or loose, not {coupling!r}")
    body = Body.TIGHT if coupling == "tight" else Body.LOOSE
    groups: list[tuple[Group, ...] | None] = [None] * len(network.layers)
    used = 0
    if machine.tight_tiles_per_hart if coupling == "tight" else machine.loose_tiles:
        pools, placed = _place(network, _order(network, policy), machine, body, split)
        for index, held in placed.items():
            groups[index] = held
        replicated = coupling == "tight" and split is TightSplit.REPLICATE
        copies = machine.tiled_harts if replicated else 1
        used = copies * sum(sum(pool.used) for pool in pools)
    on_tiles = [
        layer for layer, held in zip(network.layers, groups, strict=True) if held is not None
    ]
    return Allocation(
        coupling=coupling,
        policy=policy,
        split=split if coupling == "tight" else None,
        groups=tuple(groups),
        used_tiles=used,
        coverage=_ratio(sum(layer.params for layer in on_tiles), network.params),
        mac_coverage=_ratio(sum(layer.macs for layer in on_tiles), network.macs),
    )


def _place(
    network: Network, order: Sequence[int], machine: ClusterConfig, body: Body, split: TightSplit
) -> tuple[Pools, dict[int, tuple[Group, ...]]]:
    """The pools that are left, and the groups of the layers that found room, by index."""
    pools = empty = empty_pools(machine, body, split)
    placed: dict[int, tuple[Group, ...]] = {}
    repack = body is Body.TIGHT or machine.harts == 1
    for index in order:
        found = place_layer(network.layers[index], machine, body, pools)
        if found is not None:
            pools, placed[index] = found
        elif repack:
            wanted = [*placed, index]
            layers = [network.layers[chosen] for chosen in wanted]
            packed = pack_layers(layers, empty, machine.tile)
            if packed is not None:
                pools, placed = packed[0], dict(zip(wanted, packed[1], strict=True))
    return pools, placed


def _order(network: Network, policy: Policy) -> list[int]:
    fits = [
        index
        for index, layer in enumerate(network.layers)
        if layer.fits_tiles and layer.groups == 1
    ]
    if policy == "in_order":
        return fits
    if policy == "macs_per_weight":

        def rank(index: int) -> float:
            layer: Layer = network.layers[index]
            return -_ratio(layer.macs, layer.params)

        return sorted(fits, key=rank)
    raise MappingError(f"policy must be macs_per_weight or in_order, not {policy!r}")


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
