"""Digital layers as chunks: what each hart computes, and for stealing, in which pieces."""

from tightrope.hw.headers import DCACHE_BYTES, DCACHE_LINE_BYTES
from tightrope.sim.image.layout import Balance
from tightrope.sim.workload.layers import Layer, LayerOp

from .cuts import PIXEL_UNIT, cut_in_halves, make_chunks
from .plan import Chunk
from .split import COLUMN_UNIT, round_up, split_evenly, split_full

__all__ = ["digital_shares", "least_pixels"]

LINE_CHANNELS = DCACHE_LINE_BYTES
"""Channels that the depth-wise kernel computes together."""
COPY_CHANNELS = 7
"""Channels of an output pixel that take the depth-wise kernel as long as copying an input pixel's
LINE_CHANNELS."""
PANEL_BYTES = DCACHE_BYTES // 2
"""Of patches, which weights pass by together in the DOT4 kernel: fewer at a time cost more."""
STEAL_MACS = 8192
STEAL_ELEMENTS = 2048
"""Of a chunk that others may take, with a matrix and without, at the least: thousands of cycles."""


def digital_shares(
    layer: Layer, channels: int, harts: int, balance: Balance
) -> list[list[Chunk]]:
    """Each hart's chunks of ``channels`` (of one group of the convolution)."""
    if layer.op is LayerOp.DWCONV:
        return _line_shares(layer, harts, balance)
    shares = _equal_shares(layer, channels, harts)
    if balance is Balance.STATIC:
        return shares
    return [cut_in_halves(share, least_pixels(layer, channels)) for share in shares]


def least_pixels(layer: Layer, channels: int) -> int:
    """Of a chunk of ``channels`` that is worth a chunk's overhead."""
    if layer.op in (LayerOp.CONV, LayerOp.DENSE):
        panel = PANEL_BYTES // round_up(layer.patch, 4)
        return round_up(max(panel, -(-STEAL_MACS // (layer.patch * channels))), PIXEL_UNIT)
    return round_up(-(-STEAL_ELEMENTS // channels), PIXEL_UNIT)


def _equal_shares(layer: Layer, channels: int, harts: int) -> list[list[Chunk]]:
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
        return [make_chunks([(0, pixels)], [part]) for part in by_channels]
    if equal and both < most and layer.op in (LayerOp.CONV, LayerOp.DENSE):
        return [
            make_chunks([own], [(0, channels)]) + make_chunks([(equal, pixels)], [part])
            for own, part in zip(split_evenly(equal, harts), by_channels, strict=True)
        ]
    return [make_chunks([own], [(0, channels)]) for own in by_pixels]


def _line_shares(layer: Layer, harts: int, balance: Balance) -> list[list[Chunk]]:
    """Of a depth-wise convolution: for LINE_CHANNELS after another, rows of the output, all of them
    cut into equal shares. STATIC: neighbours are joined; STEAL: they stay chunks of their own."""
    rows, columns, channels = layer.out_shape
    lines = split_full((0, channels), LINE_CHANNELS)
    # To copy a row's input takes as long as some more channels would.
    copying = COPY_CHANNELS * layer.stride[0] * layer.stride[1]
    weights = [last - first + copying for first, last in lines]
    edges = [part * sum(weights) / harts for part in range(harts + 1)]
    shares: list[list[Chunk]] = []
    for begin, end in zip(edges, edges[1:], strict=False):
        share: list[Chunk] = []
        done = 0
        for line, weight in zip(lines, weights, strict=True):
            first, last = (
                columns * round(rows * min(1.0, max(0.0, (edge - done) / weight)))
                for edge in (begin, end)
            )
            share += make_chunks([(first, last)], [line])
            done += weight
        shares.append(_join_lines(share, layer.pixels) if balance is Balance.STATIC else share)
    return shares


def _join_lines(share: list[Chunk], pixels: int) -> list[Chunk]:
    """The chunks of all rows, which are neighbours, as one."""
    whole = [chunk for chunk in share if chunk.pixel_end - chunk.pixel_begin == pixels]
    if not whole:
        return share
    joined = make_chunks([(0, pixels)], [(whole[0].begin, whole[-1].end)])
    return joined + [chunk for chunk in share if chunk not in whole]
