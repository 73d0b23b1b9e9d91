"""Packing: the weights of many layers on as few arrays as possible."""

import collections
import dataclasses
import itertools
from collections.abc import Sequence

from tightrope.hw.config import TileConfig
from tightrope.sim.workload.layers import Layer, Network

from .errors import MappingError
from .groups import Pools
from .plan import Block, Group
from .split import COLUMN_UNIT, Range, round_up, split_evenly, split_full
from .tiles import GROUP_BLOCKS_MAX, FreeSpace, best_fit, block_at, cut_window

__all__ = ["arrays_needed", "pack_layers"]

_GroupKey = tuple[int, Range]
"""A layer's index, and channels."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Piece:
    """A block that wants a window."""

    layer: int
    channels: Range
    row_begin: int
    rows: int
    cols: int
    limit: int
    """Blocks of its group that may share a tile."""

    @property
    def group(self) -> _GroupKey:
        """What it is a block of."""
        return self.layer, self.channels


def pack_layers(
    layers: Sequence[Layer], pools: Pools, tile: TileConfig
) -> tuple[Pools, list[tuple[Group, ...]]] | None:
    """Windows for whole layers at once, on ``pools`` that hold nothing; None if they don't fit.

    Where ``place_layer`` cuts matrices into even blocks, this cuts them where the arrays end, so
    that most blocks fill one. Blocks are placed by size, the largest first, each on the tile that
    holds fewest of its layer, of these on one in use, and there where it leaves least. A tile holds
    as many blocks of a group as with ``place_group``. Returns the pools that are left, and the
    groups of each layer.
    """
    if _cells(layers, len(pools)) > len(pools[0].tiles) * tile.rows * tile.cols:
        return None
    left: list[FreeSpace] = []
    groups: list[list[Group]] = [[] for _ in layers]
    for hart, pool in enumerate(pools):
        pieces = [
            piece
            for index, layer in enumerate(layers)
            for piece in _pieces(
                index,
                layer.patch,
                split_evenly(layer.out_shape[2], len(pools), COLUMN_UNIT)[hart],
                tile,
                len(pool.tiles),
            )
        ]
        packed = _pack(pieces, pool)
        if packed is None:
            return None
        left.append(packed[0])
        for (index, channels), blocks in packed[1].items():
            groups[index].append(
                Group(
                    channel_begin=channels[0],
                    channel_count=channels[1] - channels[0],
                    blocks=tuple(sorted(blocks, key=lambda block: block.k_begin)),
                    hart=hart,
                )
            )
    return tuple(left), [tuple(held) for held in groups]


def arrays_needed(layers: Network | Sequence[Layer], tile: TileConfig) -> int:
    """Arrays that hold all weights of a network, or of some layers, when packed.

    What can't be on tiles counts nothing: depthwise convolutions, those of several groups, and
    layers without weights. Raises MappingError for a layer of more rows than a resident group's
    blocks have.
    """
    given = layers.layers if isinstance(layers, Network) else layers
    dense = [layer for layer in given if layer.fits_tiles and layer.groups == 1]
    rows_max = GROUP_BLOCKS_MAX * tile.rows
    for layer in dense:
        if layer.patch > rows_max:
            raise MappingError(
                f"layer {layer.name} has {layer.patch} rows; {GROUP_BLOCKS_MAX} blocks of a tile "
                f"hold {rows_max}"
            )
    for count in itertools.count(-(-_cells(dense, 1) // (tile.rows * tile.cols))):
        if pack_layers(dense, (FreeSpace.empty(count, tile),), tile) is not None:
            return count
    raise AssertionError("a tile for each block is always enough")


def _cells(layers: Sequence[Layer], pools: int) -> int:
    """Cells that the first pool's share of the layers takes; no other one is larger."""
    unit = COLUMN_UNIT * pools
    return sum(layer.patch * (round_up(layer.out_shape[2], unit) // pools) for layer in layers)


def _pieces(layer: int, patch: int, share: Range, tile: TileConfig, tiles: int) -> list[_Piece]:
    """Blocks for some channels of a layer, in order."""
    rows = split_full((0, patch), tile.rows)
    limit = -(-len(rows) // tiles) if tiles else 0
    return [
        _Piece(
            layer=layer,
            channels=channels,
            row_begin=part[0],
            rows=part[1] - part[0],
            cols=round_up(channels[1] - channels[0], COLUMN_UNIT),
            limit=limit if len(rows) <= GROUP_BLOCKS_MAX else 0,
        )
        for channels in split_full(share, tile.cols)
        for part in rows
    ]


def _pack(
    pieces: Sequence[_Piece], pool: FreeSpace
) -> tuple[FreeSpace, dict[_GroupKey, list[Block]]] | None:
    """The space that is left of an empty pool, and the blocks of each group."""
    free, begun = list(pool.tiles), 0
    of_layer: collections.Counter[tuple[int, int]] = collections.Counter()
    of_group: collections.Counter[tuple[_GroupKey, int]] = collections.Counter()
    blocks: dict[_GroupKey, list[Block]] = {piece.group: [] for piece in pieces}
    for piece in sorted(pieces, key=lambda piece: -piece.rows * piece.cols):
        fits = [
            (of_layer[piece.layer, index], index == begun, found[0], index, found[1])
            for index, windows in enumerate(free[: begun + 1])
            if windows
            and of_group[piece.group, index] < piece.limit
            and (found := best_fit(windows, piece.rows, piece.cols)) is not None
        ]
        if not fits:
            return None
        index, place = min(fits)[3:]
        free[index], window = cut_window(free[index], place, piece.rows, piece.cols)
        begun = max(begun, index + 1)
        of_layer[piece.layer, index] += 1
        of_group[piece.group, index] += 1
        blocks[piece.group].append(block_at(index, window, piece.row_begin))
    used = tuple(index < begun for index in range(len(free)))
    return FreeSpace(tiles=tuple(free), used=used), blocks
