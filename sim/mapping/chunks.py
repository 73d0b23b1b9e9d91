"""Cutting a layer's output into chunks, and handing them to harts."""

import math
from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.hw.headers import DCACHE_LINE_BYTES
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer, LayerOp

from .errors import MappingError
from .groups import check_fits_tiles, tile_count
from .plan import TILE_BODIES, Chunk, Group, LayerPlan, TightSplit
from .split import COLUMN_UNIT, Range, split_evenly, split_full
from .stream import may_post, pixels_of_groups, stream_chunks, stream_geometry
from .tiles import is_exact

__all__ = ["nominal_adc_shift", "plan_layer"]

PIXEL_UNIT = 4
"""Pixels that the DOT4 kernel computes together."""
LINE_CHANNELS = DCACHE_LINE_BYTES
"""Channels that the depth-wise kernel computes together."""
COPY_CHANNELS = 7
"""Channels of an output pixel that take the depth-wise kernel as long as copying an input pixel's
LINE_CHANNELS."""
STEAL_CHUNKS = 6
"""Chunks per hart that stealing aims at, and the most if channels must be cut too."""
STEAL_CHUNKS_MAX = 8
STREAM_CHUNK_PIXELS = 128
"""Of a chunk that is stolen, at the least: its first band is loaded while no tile works for it."""


def plan_layer(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    *,
    groups: Sequence[Group] = (),
    split: TightSplit | None = None,
    adc_shift: int | None = None,
) -> LayerPlan:
    """How one layer runs: its chunks and who takes them.

    ``groups`` are those of the tile bodies, from ``allocate`` or ``single_layer_groups``; ``split``
    is theirs (tight tiles only; REPLICATE if None). ``adc_shift`` defaults to
    :func:`nominal_adc_shift`. The chunks of a convolution of several groups cover the channels of
    one of them, since each becomes a layer of its own in the image.

    Harts without a tight tile take chunks of TightSplit.REPLICATE like the others and compute them
    with DOT4; they have no part in TightSplit.CHANNELS.

    Raises MappingError for a layer that can't run so: ELEMENTWISE, tile bodies for anything but one
    dense matrix or without groups, digital bodies with groups, stealing with TightSplit.CHANNELS,
    REPLICATE where DOT4 would give other outputs than tiles, streaming that the machine can't do
    (``stream_geometry``).
    """
    if layer.op is LayerOp.ELEMENTWISE:
        raise MappingError(f"layer {layer.name}: {layer.source_op} has no kernel")
    if body in TILE_BODIES:
        shares = _tile_shares(layer, machine, body, balance, tuple(groups), split)
        shift = nominal_adc_shift(groups, machine.tile) if adc_shift is None else adc_shift
        used_split = (split or TightSplit.REPLICATE) if body is Body.TIGHT else None
    else:
        if groups or split is not None:
            raise MappingError(f"layer {layer.name}: a {body.name} body has no groups")
        channels = layer.out_shape[2] // layer.groups
        if layer.op is LayerOp.DWCONV:
            shares = _line_shares(layer, machine.harts, balance)
        elif balance is Balance.STATIC:
            shares = _digital_static(layer, channels, machine.harts)
        else:
            shares = [_digital_steal(layer.pixels, channels, machine.harts)]
        shift, used_split = 0, None
    edges = [0]
    for share in shares:
        edges.append(edges[-1] + len(share))
    plan = LayerPlan(
        body=body,
        balance=balance,
        chunks=tuple(chunk for share in shares for chunk in share),
        hart_first=tuple(edges) if balance is Balance.STATIC else (),
        groups=tuple(groups),
        split=used_split,
        adc_shift=shift,
    )
    if body is Body.STREAM:
        stream_geometry(layer, machine, plan)
    return plan


def nominal_adc_shift(groups: Sequence[Group], tile: TileConfig) -> int:
    """The shift that keeps four standard deviations of the tallest block's sums unclipped.

    For weights and inputs uniform over their range; ``golden.fit_adc_shift`` fits real data. 0 for
    an ideal converter.
    """
    if tile.adc_bits == 32 or not groups:
        return 0
    rows = max(block.row_count for group in groups for block in group.blocks)
    sigma = (1 << tile.weight_bits - 1) * (1 << 7) / 3.0 * math.sqrt(rows)
    return max(0, math.ceil(math.log2(4.0 * sigma / (1 << tile.adc_bits - 1))))


def _chunks(pixels: Sequence[Range], others: Sequence[Range]) -> list[Chunk]:
    """Every range of pixels with every range of channels or groups, empty ones left out."""
    return [
        Chunk(pixel_begin=pixel[0], pixel_end=pixel[1], begin=other[0], end=other[1])
        for pixel in pixels
        for other in others
        if pixel[1] > pixel[0] and other[1] > other[0]
    ]


def _digital_static(layer: Layer, channels: int, harts: int) -> list[list[Chunk]]:
    """One chunk per hart: pixels, or channels where there are too few pixels to go round.

    Convolutions may have a second one: equal pixels for all, and of those that are left each hart
    takes some channels.
    """
    pixels = layer.pixels
    by_pixels = split_evenly(pixels, harts, PIXEL_UNIT)
    by_channels = split_evenly(channels, harts, COLUMN_UNIT)
    # The first share is the largest.
    most, part = by_pixels[0][1] * channels, by_channels[0][1]
    equal = pixels // (PIXEL_UNIT * harts) * PIXEL_UNIT * harts
    left = pixels - equal
    # All harts gather the patches that are left: as long as some more channels would take.
    both = equal // harts * channels + left * (part + COLUMN_UNIT)
    if not equal and part * pixels < most:
        return [_chunks([(0, pixels)], [part]) for part in by_channels]
    if equal and both < most and layer.op in (LayerOp.CONV, LayerOp.DENSE):
        return [
            _chunks([own], [(0, channels)]) + _chunks([(equal, pixels)], [part])
            for own, part in zip(split_evenly(equal, harts), by_channels, strict=True)
        ]
    return [_chunks([own], [(0, channels)]) for own in by_pixels]


def _line_shares(layer: Layer, harts: int, balance: Balance) -> list[list[Chunk]]:
    """Of a depth-wise convolution: for LINE_CHANNELS after another, rows of the output, all of them
    cut into equal shares. STATIC: one for each hart; STEAL: several, in one list."""
    rows, columns, channels = layer.out_shape
    lines = split_full((0, channels), LINE_CHANNELS)
    # To copy a row's input takes as long as some more channels would.
    copying = COPY_CHANNELS * layer.stride[0] * layer.stride[1]
    weights = [last - first + copying for first, last in lines]
    count = harts if balance is Balance.STATIC else min(STEAL_CHUNKS * harts, rows * len(lines))
    edges = [part * sum(weights) / count for part in range(count + 1)]
    shares: list[list[Chunk]] = []
    for begin, end in zip(edges, edges[1:], strict=False):
        share: list[Chunk] = []
        done = 0
        for line, weight in zip(lines, weights, strict=True):
            first, last = (
                columns * round(rows * min(1.0, max(0.0, (edge - done) / weight)))
                for edge in (begin, end)
            )
            share += _chunks([(first, last)], [line])
            done += weight
        shares.append(_join_lines(share, layer.pixels))
    return shares if balance is Balance.STATIC else [[cut for share in shares for cut in share]]


def _join_lines(share: list[Chunk], pixels: int) -> list[Chunk]:
    """The chunks of all rows, which are neighbours, as one."""
    whole = [chunk for chunk in share if chunk.pixel_end - chunk.pixel_begin == pixels]
    if not whole:
        return share
    joined = _chunks([(0, pixels)], [(whole[0].begin, whole[-1].end)])
    return joined + [chunk for chunk in share if chunk not in whole]


def _digital_steal(pixels: int, channels: int, harts: int) -> list[Chunk]:
    by_pixels, parts = _steal_pixels(pixels, harts)
    parts = min(parts, -(-channels // COLUMN_UNIT))
    return _chunks(by_pixels, split_evenly(channels, parts, COLUMN_UNIT))


def _steal_pixels(pixels: int, harts: int) -> tuple[list[Range], int]:
    """Ranges of pixels, and into how many parts the other dimension should be cut."""
    units = -(-pixels // PIXEL_UNIT)
    count = min(units, STEAL_CHUNKS * harts)
    parts = max(1, STEAL_CHUNKS_MAX * harts // count) if count == units else 1
    return split_evenly(pixels, count, PIXEL_UNIT), parts


def _tile_shares(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    balance: Balance,
    groups: tuple[Group, ...],
    split: TightSplit | None,
) -> list[list[Chunk]]:
    """Chunks by hart (STATIC), or all of them in one list (STEAL)."""
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
            return _stream_shares(layer.pixels, groups, machine.harts, balance)
        # Harts add up what tiles compute: they have the more to do.
        body = Body.LOOSE
    if body is Body.TIGHT and split is TightSplit.CHANNELS:
        if balance is Balance.STEAL:
            raise MappingError(
                f"layer {layer.name}: harts can't steal work whose weights another hart holds "
                "(TightSplit.CHANNELS); use STATIC, or TightSplit.REPLICATE"
            )
        return _own_groups(layer, machine.harts, groups)
    if balance is Balance.STEAL:
        return [_tile_steal(layer.pixels, len(groups), machine.harts, body, reprogram)]
    if body is Body.LOOSE and reprogram:
        # A second chunk of a group would program the same tile again.
        parts = split_evenly(len(groups), machine.harts)
        return [_chunks([(0, layer.pixels)], [part]) for part in parts]
    if body is Body.TIGHT and layer.pixels >= machine.harts:
        # Tiles take pixels one by one; DOT4, where a hart has none, four at a time.
        unit = _pixel_unit(layer.pixels, machine.harts) if mixed else 1
        parts = split_evenly(layer.pixels, machine.harts, unit)
        return [_chunks([part], [(0, len(groups))]) for part in parts]
    if body is Body.LOOSE and len(groups) < machine.harts <= layer.pixels:
        return _in_turn(layer.pixels, len(groups), machine.harts)
    return _group_major(layer.pixels, len(groups), machine.harts)


def _stream_shares(
    pixels: int, groups: tuple[Group, ...], harts: int, balance: Balance
) -> list[list[Chunk]]:
    """Tiles that requantise. STATIC: one hart for each group, or for each part of one if there are
    more groups than harts: a tile is the bottleneck, and no faster for more of them."""
    if balance is Balance.STEAL:
        parts = min(pixels // STREAM_CHUNK_PIXELS, STEAL_CHUNKS * harts) // len(groups)
        return [stream_chunks(pixels, groups, max(1, parts))]
    copies = len({group.channel_begin for group in groups}) < len(groups)
    if len(groups) > harts and not copies:
        return _group_major(pixels, len(groups), harts)
    units = [
        _chunks([share], [(index, index + 1)])
        for index, share in enumerate(pixels_of_groups(pixels, groups))
    ]
    return [
        [chunk for unit in units[slice(*part)] for chunk in unit]
        for part in split_evenly(len(groups), harts)
    ]


def _in_turn(pixels: int, groups: int, harts: int) -> list[list[Chunk]]:
    """Equal shares of the pixels; each hart takes the groups in an order that begins elsewhere.

    For fewer groups than harts, where some must wait: chunks of one size, so that it does not
    matter who of two gets a tile first, and no tile idles while a hart waits for another.
    """
    parts = split_evenly(pixels, harts, _pixel_unit(pixels, harts))
    return [
        _chunks([part], [((hart + i) % groups, (hart + i) % groups + 1) for i in range(groups)])
        for hart, part in enumerate(parts)
    ]


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
    return [_chunks([(0, layer.pixels)], [own]) for own in ranges]


def _tile_steal(pixels: int, groups: int, harts: int, body: Body, reprogram: bool) -> list[Chunk]:
    """Loose: neighbouring chunks use different groups. Reprogrammed: as few chunks as possible."""
    singles = [(group, group + 1) for group in range(groups)]
    if body is Body.LOOSE and reprogram:
        return _chunks([(0, pixels)], singles)
    if reprogram:
        return _chunks(split_evenly(pixels, harts, PIXEL_UNIT), singles)
    if body is Body.LOOSE:
        count = max(1, min(-(-pixels // PIXEL_UNIT), STEAL_CHUNKS * harts // groups))
        return _chunks(split_evenly(pixels, count, PIXEL_UNIT), singles)
    by_pixels, parts = _steal_pixels(pixels, harts)
    return _chunks(by_pixels, split_evenly(groups, min(parts, groups)))


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
                share += _chunks([(0, pixels)], [(group, group + whole)])
                first += whole * per_group
            else:
                end = min(per_group, offset + last - first)
                cut = (offset * unit, min(end * unit, pixels))
                share += _chunks([cut], [(group, group + 1)])
                first += end - offset
        shares.append(share)
    return shares
