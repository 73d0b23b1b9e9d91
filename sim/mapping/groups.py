"""Which blocks of a layer sit on which tiles: resident if there is room, else reprogrammed."""

from tightrope.hw.config import ClusterConfig
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import Layer

from .errors import MappingError
from .plan import LOOSE_BODIES, TILE_BODIES, Block, Group, TightSplit, moved_group
from .replicas import replicate
from .split import COLUMN_UNIT, Range, round_up, split_columns, split_evenly, split_rows
from .tiles import FreeSpace, place_group

__all__ = [
    "Pools",
    "empty_pools",
    "place_layer",
    "reprogrammed_groups",
    "single_layer_groups",
]

Pools = tuple[FreeSpace, ...]
"""Tiles that may hold parts of one group: all loose tiles, one hart's (which stand for every
hart's that has some) for REPLICATE, or each such hart's for CHANNELS."""


def empty_pools(machine: ClusterConfig, body: Body, split: TightSplit | None = None) -> Pools:
    """The machine's tiles with nothing on them.

    ``split`` matters for tight tiles only and is REPLICATE if None. Raises MappingError if the
    machine has no tiles of that kind.
    """
    count = tile_count(machine, body)
    pools = machine.tiled_harts if body is Body.TIGHT and split is TightSplit.CHANNELS else 1
    return (FreeSpace.empty(count, machine.tile),) * pools


def tile_count(machine: ClusterConfig, body: Body) -> int:
    """Tight tiles of one hart, or loose tiles; MappingError if there are none."""
    if body not in TILE_BODIES:
        raise MappingError(f"a tile body must be TIGHT, LOOSE or STREAM, not {body.name}")
    count = machine.loose_tiles if body in LOOSE_BODIES else machine.tight_tiles_per_hart
    if not count:
        kind = "loose" if body in LOOSE_BODIES else "tight"
        raise MappingError(f"the machine has no {kind} tiles")
    return count


def check_fits_tiles(layer: Layer) -> None:
    """MappingError unless the layer is one dense weight matrix."""
    if not layer.fits_tiles or layer.groups != 1:
        kind = f"{layer.op} of {layer.groups} groups" if layer.groups != 1 else str(layer.op)
        raise MappingError(f"layer {layer.name} ({kind}) can't be on tiles")


def place_layer(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    pools: Pools,
    group_cols: int | None = None,
    avoid: tuple[int, ...] = (),
) -> tuple[Pools, tuple[Group, ...]] | None:
    """Windows for a whole layer: the pools that are left, and its groups; None if it won't fit.

    The output channels are shared evenly among the pools, in multiples of four; a pool without a
    share gets no group. Groups are at most ``group_cols`` channels wide. By default they are as
    wide as the tile, since each one's input has to be queued, and harts share out the pixels; but
    loose ones of a layer that has fewer pixels than there are harts are so narrow that every hart
    may find one on tiles of its own. What does not fit is tried half as wide and a quarter as
    wide. Tiles in ``avoid`` are taken if there is nothing else.
    """
    check_fits_tiles(layer)
    cols = machine.tile.cols
    widths = [cols, cols // 2, cols // 4]
    if group_cols is not None:
        widths = [_checked_cols(group_cols, machine)]
    elif body in LOOSE_BODIES and layer.pixels < machine.harts:
        blocks = len(split_rows(layer.patch, machine.tile.rows))
        abreast = max(1, min(machine.harts, machine.loose_tiles // blocks))
        widths.insert(0, min(cols, round_up(-(-layer.out_shape[2] // abreast), COLUMN_UNIT)))
    for width in widths:
        width = max(COLUMN_UNIT, width // COLUMN_UNIT * COLUMN_UNIT)
        placed = _place(layer, machine, pools, width, avoid)
        if placed is not None:
            return placed
    return None


def reprogrammed_groups(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    split: TightSplit | None = None,
    group_cols: int | None = None,
) -> tuple[Group, ...]:
    """Groups for a layer that is not resident: each one's blocks take turns on one tile.

    Tight groups use tile 0 of their hart. Loose layers are cut into at least as many groups as
    tiles and harts can work on at a time, and groups that follow each other share a tile.
    """
    check_fits_tiles(layer)
    tiles, tile = tile_count(machine, body), machine.tile
    rows = split_rows(layer.patch, tile.rows)
    cols = tile.cols if group_cols is None else _checked_cols(group_cols, machine)
    out_c = layer.out_shape[2]
    if body is Body.TIGHT:
        pools = machine.tiled_harts if split is TightSplit.CHANNELS else 1
        return tuple(
            _turns(rows, channels, 0, hart)
            for hart, share in enumerate(split_evenly(out_c, pools, COLUMN_UNIT))
            if share[1] > share[0]
            for channels in split_columns(share, cols)
        )
    workers = min(tiles, machine.harts)
    cols = min(cols, round_up(-(-out_c // workers), COLUMN_UNIT))
    columns = split_columns((0, out_c), cols)
    used = min(tiles, len(columns))
    return tuple(
        _turns(rows, channels, index * used // len(columns), 0)
        for index, channels in enumerate(columns)
    )


def single_layer_groups(
    layer: Layer,
    machine: ClusterConfig,
    body: Body,
    split: TightSplit | None = None,
    group_cols: int | None = None,
) -> tuple[Group, ...]:
    """Groups of a layer that has the machine's tiles to itself.

    Resident if it fits, else reprogrammed (several passes; not STREAM). Copies of loose groups use
    what tiles are left. Raises MappingError if
    the machine has no such tiles, or not enough to stream, or the layer is not one dense weight
    matrix.
    """
    placed = place_layer(layer, machine, body, empty_pools(machine, body, split), group_cols)
    if placed is not None:
        pools, groups = placed
        if body not in LOOSE_BODIES:
            return groups
        return replicate({0: layer}, {0: groups}, machine, pools[0])[1][0]
    if body is Body.STREAM:
        raise MappingError(f"layer {layer.name} needs more tiles than there are to stream")
    return reprogrammed_groups(layer, machine, body, split, group_cols)


def _checked_cols(group_cols: int, machine: ClusterConfig) -> int:
    if group_cols % COLUMN_UNIT or not COLUMN_UNIT <= group_cols <= machine.tile.cols:
        raise MappingError(
            f"group_cols must be a multiple of 4 up to {machine.tile.cols}, not {group_cols!r}"
        )
    return group_cols


def _place(
    layer: Layer, machine: ClusterConfig, pools: Pools, cols: int, avoid: tuple[int, ...]
) -> tuple[Pools, tuple[Group, ...]] | None:
    rows = split_rows(layer.patch, machine.tile.rows)
    left = list(pools)
    groups: list[Group] = []
    # Most harts hold as much as the first, and then get as many channels in the same places.
    known: dict[tuple[int, int], tuple[FreeSpace, list[Group]] | None] = {}
    for hart, share in enumerate(split_evenly(layer.out_shape[2], len(pools), COLUMN_UNIT)):
        key = (id(pools[hart]), share[1] - share[0])
        if key not in known:
            known[key] = _place_share(pools[hart], rows, share, cols, avoid)
        placed = known[key]
        if placed is None:
            return None
        left[hart], some = placed
        moved = share[0] - some[0].channel_begin if some else 0
        groups += [moved_group(group, moved, hart) for group in some]
    return tuple(left), tuple(groups)


def _place_share(
    space: FreeSpace, rows: list[Range], share: Range, cols: int, avoid: tuple[int, ...]
) -> tuple[FreeSpace, list[Group]] | None:
    """Some channels in one pool: the space that is left, and the groups."""
    groups: list[Group] = []
    for channels in split_columns(share, cols) if share[1] > share[0] else []:
        # Groups of a layer on different tiles can be computed at the same time.
        placed = place_group(space, rows, channels, avoid=avoid)
        if placed is None:
            return None
        space, group = placed
        avoid += tuple(block.tile for block in group.blocks)
        groups.append(group)
    return space, groups


def _turns(rows: list[Range], channels: Range, tile: int, hart: int) -> Group:
    """A reprogrammed group: every block at the corner of the same tile."""
    cols = round_up(channels[1] - channels[0], COLUMN_UNIT)
    return Group(
        channel_begin=channels[0],
        channel_count=channels[1] - channels[0],
        blocks=tuple(
            Block(
                tile=tile,
                row_begin=0,
                row_count=end - begin,
                col_begin=0,
                col_count=cols,
                k_begin=begin,
            )
            for begin, end in rows
        ),
        reprogram=True,
        hart=hart,
    )
