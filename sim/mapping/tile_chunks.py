"""Layers on tiles as chunks: what each hart computes, and for stealing, in which pieces."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer

from .cuts import PIXEL_UNIT, cut_evenly, cut_in_halves, make_chunks
from .errors import MappingError
from .groups import check_fits_tiles, tile_count
from .plan import Chunk, Group, TightSplit
from .replicas import copies_of
from .split import split_evenly
from .stream import may_post, pixels_of_groups
from .tiles import is_exact

__all__ = ["STEAL_PIXELS", "tile_shares"]

STEAL_CHUNKS = 6
"""Pieces of a share if some harts have no tile: many, as the others are then much faster."""
STEAL_PIXELS = 16
"""Of a piece, at the least, of shares that take all harts equally long."""


def tile_shares(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    groups: tuple[Group, ...],
    split: TightSplit | None,
) -> list[list[Chunk]]:
    """Each hart's chunks, on tiles."""
    check_fits_tiles(layer)
    tile_count(machine, body)
    if not groups:
        raise MappingError(f"layer {layer.name}: a {body.name} body must have groups")
    reprogram = any(group.reprogram for group in groups)
    mixed = body is Body.TIGHT and machine.tiled_harts < machine.harts
    if mixed and split is not TightSplit.CHANNELS and not is_exact(machine.tile):
        raise MappingError(
            f"layer {layer.name}: harts without a tile would give other outputs than tiles of "
            f"{machine.tile.weight_bits}-bit weights and a converter of {machine.tile.adc_bits} "
            "bits; use TightSplit.CHANNELS"
        )
    if body is Body.STREAM:
        if may_post(layer, machine.tile):
            # A tile is the bottleneck, and no faster for harts that take each other's work.
            return _stream_shares(layer.pixels, groups, machine.harts)
        # Harts add up what tiles compute: they have the more to do.
        body = Body.LOOSE
    if body is Body.TIGHT and split is TightSplit.CHANNELS:
        if balance is Balance.STEAL:
            raise MappingError(
                f"layer {layer.name}: harts can't steal work whose weights another hart holds "
                "(TightSplit.CHANNELS); use STATIC, or TightSplit.REPLICATE"
            )
        return _own_groups(layer, machine.harts, groups)
    copies = copies_of(groups) if body is Body.LOOSE and not reprogram else 1
    if copies > 1:
        return _in_turn(layer.pixels, len(groups) // copies, copies, machine.harts)
    shares = _equal_shares(layer.pixels, machine, body, len(groups), reprogram, mixed)
    waiting = body is Body.LOOSE and len(groups) <= machine.harts
    if balance is Balance.STATIC or reprogram or waiting:
        # Harts that wait for tiles have nothing to take over.
        return shares
    if mixed:
        return [cut_evenly(share, STEAL_CHUNKS, PIXEL_UNIT) for share in shares]
    return [cut_in_halves(share, STEAL_PIXELS) for share in shares]


def _equal_shares(
    pixels: int, machine: ClusterConfig, body: Body, groups: int, reprogram: bool, mixed: bool
) -> list[list[Chunk]]:
    if body is Body.LOOSE and reprogram:
        # A second chunk of a group would program the same tile again.
        parts = split_evenly(groups, machine.harts)
        return [make_chunks([(0, pixels)], [part]) for part in parts]
    if body is Body.TIGHT and pixels >= machine.harts:
        # Tiles take pixels one by one; DOT4, where a hart has none, four at a time.
        unit = _pixel_unit(pixels, machine.harts) if mixed else 1
        parts = split_evenly(pixels, machine.harts, unit)
        return [make_chunks([part], [(0, groups)]) for part in parts]
    if body is Body.LOOSE and groups < machine.harts <= pixels:
        return _in_turn(pixels, groups, 1, machine.harts)
    return _group_major(pixels, groups, machine.harts)


def _stream_shares(
    pixels: int, groups: tuple[Group, ...], harts: int
) -> list[list[Chunk]]:
    """Tiles that requantise: one hart for each group, or for each part of one if there are more
    groups than harts."""
    if len(groups) > harts and copies_of(groups) == 1:
        return _group_major(pixels, len(groups), harts)
    units = [
        make_chunks([share], [(index, index + 1)])
        for index, share in enumerate(pixels_of_groups(pixels, groups))
    ]
    return [
        [chunk for unit in units[slice(*part)] for chunk in unit]
        for part in split_evenly(len(groups), harts)
    ]


def _in_turn(pixels: int, groups: int, copies: int, harts: int) -> list[list[Chunk]]:
    """Equal shares of the pixels; each hart takes the groups in an order that begins elsewhere, on
    the copy of them that is its own or that it shares with the fewest.

    For fewer groups than harts, where some must wait: chunks of one size, so that it does not
    matter who of two gets a tile first, and no tile idles while a hart waits for another.
    """
    shares = []
    for hart, part in enumerate(split_evenly(pixels, harts, _pixel_unit(pixels, harts))):
        copy, turn = hart % copies * groups, hart // copies
        order = [copy + (turn + i) % groups for i in range(groups)]
        shares.append(make_chunks([part], [(group, group + 1) for group in order]))
    return shares


def _pixel_unit(pixels: int, harts: int) -> int:
    """Four pixels, unless rounding to four would leave some hart with much less than its share."""
    return PIXEL_UNIT if pixels >= 4 * PIXEL_UNIT * harts else 1


def _own_groups(layer: Layer, harts: int, groups: tuple[Group, ...]) -> list[list[Chunk]]:
    owners = [group.hart for group in groups]
    if owners != sorted(owners) or owners[-1] >= harts:
        raise MappingError(
            f"layer {layer.name}: groups must be in the order of their harts 0 .. {harts - 1}, "
            f"not {owners}"
        )
    ranges = [
        (owners.index(hart), owners.index(hart) + owners.count(hart)) if hart in owners else (0, 0)
        for hart in range(harts)
    ]
    return [make_chunks([(0, layer.pixels)], [own]) for own in ranges]


def _group_major(pixels: int, groups: int, harts: int) -> list[list[Chunk]]:
    """All (group, pixel) in group order, cut into equal shares.

    A hart begins in the middle of one group, where its neighbour arrives last, so harts rarely
    want the same tile.
    """
    unit = PIXEL_UNIT if groups * pixels >= 4 * PIXEL_UNIT * harts else 1
    per_group = -(-pixels // unit)
    shares: list[list[Chunk]] = []
    for first, last in split_evenly(groups * per_group, harts):
        share: list[Chunk] = []
        while first < last:
            group, offset = divmod(first, per_group)
            whole = 0 if offset else (last - first) // per_group
            if whole:
                share += make_chunks([(0, pixels)], [(group, group + whole)])
                first += whole * per_group
            else:
                end = min(per_group, offset + last - first)
                cut = (offset * unit, min(end * unit, pixels))
                share += make_chunks([cut], [(group, group + 1)])
                first += end - offset
        shares.append(share)
    return shares
