"""Layers on tiles that only some harts feed, while the others compute the same digitally."""

import dataclasses
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer

from .chunks import plan_layer
from .cuts import PIXEL_UNIT, cut_in_halves, make_chunks, one_after_another
from .digital_chunks import least_pixels
from .errors import MappingError
from .plan import LOOSE_BODIES, Chunk, Group, LayerPlan, TightSplit, held_channels, of_channels
from .split import Range, split_by_weight, split_evenly
from .stream import keeps_tiles, pixels_of_groups
from .tile_chunks import STEAL_PIXELS
from .tiles import is_exact

__all__ = ["Help", "feeder_count", "plan_helped"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Help:
    """What harts do that have no tile to feed; how much pays is for the model to say."""

    digital_pixels: int
    """So many of the last pixels of the channels on tiles are theirs."""
    feeder_share: float
    """Digital work of a hart that feeds a tile, for each unit of one that doesn't."""


def feeder_count(
    layer: Layer, machine: ClusterConfig, body: Body, split: TightSplit | None, groups: int
) -> int:
    """Harts that can keep tiles busy at the same time; all, if none is left to help.

    A tight tile belongs to its hart, and a loose one to the hart that holds it; but a hart that
    adds up what tiles stream gives them back meanwhile. Harts can't help with TightSplit.CHANNELS
    or where tiles don't compute what DOT4 does.
    """
    if not is_exact(machine.tile) or split is TightSplit.CHANNELS:
        return machine.harts
    if body is Body.TIGHT:
        return machine.tiled_harts
    return min(groups, machine.harts) if keeps_tiles(layer, machine.tile, body) else machine.harts


def plan_helped(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    help: Help,
    *,
    groups: Sequence[Group],
    split: TightSplit | None = None,
) -> LayerPlan:
    """How a layer runs of which some harts feed tiles, and the others do the same with DOT4.

    ``groups`` may hold the first channels only, as in ``plan_mixed``. Each feeder begins with its
    part on tiles and goes on with its share of what is digital; with STEAL, shares are cut in
    pieces that others may take. Raises MappingError where nobody can help (``feeder_count``), for
    reprogrammed groups, and for a ``help`` out of range.
    """
    feeders = feeder_count(layer, machine, body, split, len(groups))
    if feeders >= machine.harts or any(group.reprogram for group in groups):
        raise MappingError(f"layer {layer.name}: no hart is free to help")
    tiled = layer.pixels - help.digital_pixels
    if not 0 < tiled <= layer.pixels or not 0.0 <= help.feeder_share <= 1.0:
        raise MappingError(f"layer {layer.name}: {help} is out of range")
    helpers = machine.harts - feeders
    if body is Body.TIGHT and help.digital_pixels < PIXEL_UNIT * helpers:
        # Helpers without a chunk would take a feeder's before it does, and be slow.
        balance = Balance.STATIC
    held = held_channels(groups)
    part = of_channels(layer, held)
    base = plan_layer(part, machine, body, Balance.STATIC, groups=groups, split=split)
    on_tiles = (
        _tight_shares(layer.pixels, tiled, machine, len(groups), balance)
        if body is Body.TIGHT
        else _loose_shares(tiled, machine.harts, groups)
    )
    weights = [help.feeder_share] * feeders + [1.0] * helpers
    # Harts without a tile compute a tight chunk digitally, so those pixels are not listed again.
    both = (tiled, layer.pixels) if body in LOOSE_BODIES else None
    digital = _digital_shares(layer, held, both, weights, balance)
    shares = [on + rest for on, rest in zip(on_tiles, digital, strict=True)]
    chunks, hart_first = one_after_another(shares)
    return dataclasses.replace(base, balance=balance, chunks=chunks, hart_first=hart_first)


def _tight_shares(
    pixels: int, tiled: int, machine: ClusterConfig, groups: int, balance: Balance
) -> list[list[Chunk]]:
    """Pixels of all groups: the first ``tiled`` for harts with tiles, the rest for the others.

    Only the latter are cut: a hart without a tile does a feeder no favour by taking its work.
    """
    feeders = machine.tiled_harts
    late = split_evenly(pixels - tiled, machine.harts - feeders, PIXEL_UNIT)
    ranges = [
        *split_evenly(tiled, feeders),
        *((tiled + begin, tiled + end) for begin, end in late),
    ]
    shares = [make_chunks([own], [(0, groups)]) for own in ranges]
    if balance is Balance.STATIC:
        return shares
    return shares[:feeders] + [cut_in_halves(share, STEAL_PIXELS) for share in shares[feeders:]]


def _loose_shares(tiled: int, harts: int, groups: Sequence[Group]) -> list[list[Chunk]]:
    """A hart for each group. Its pixels are not cut: two harts are no faster with one tile."""
    shares: list[list[Chunk]] = [[] for _ in range(harts)]
    for index, pixels in enumerate(pixels_of_groups(tiled, groups)):
        shares[index] = make_chunks([pixels], [(index, index + 1)])
    return shares


def _digital_shares(
    layer: Layer, held: int, both: Range | None, weights: Sequence[float], balance: Balance
) -> list[list[Chunk]]:
    """Channels from ``held`` of all pixels, but all channels of the pixels in ``both``."""
    channels = layer.out_shape[2]
    regions = [((0, both[0] if both else layer.pixels), (held, channels))]
    if both:
        regions.append((both, (0, channels)))
    shares: list[list[Chunk]] = [[] for _ in weights]
    for (first, last), others in regions:
        least = least_pixels(layer, max(1, others[1] - others[0]))
        parts = split_by_weight(last - first, weights, PIXEL_UNIT)
        for share, (begin, end) in zip(shares, parts, strict=True):
            chunks = make_chunks([(first + begin, first + end)], [others])
            share += chunks if balance is Balance.STATIC else cut_in_halves(chunks, least)
    return [[chunk._replace(body=Body.DOT4) for chunk in share] for share in shares]
