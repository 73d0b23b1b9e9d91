"""Refuses what the firmware or the tiles could not run, before a byte is laid out."""

import numpy as np
from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.golden.arithmetic import MULTIPLIER_STEP
from tightrope.sim.mapping.plan import (
    DIGITAL_BODIES,
    LOOSE_BODIES,
    TILE_BODIES,
    Block,
    Chunk,
    Group,
    LayerPlan,
    TightSplit,
)
from tightrope.sim.mapping.tiles import GROUP_BLOCKS_MAX, is_exact
from tightrope.sim.operations import OPERATIONS
from tightrope.sim.workload.layers import LayerOp, QuantLayer

from .errors import ImageError
from .layout import Balance, Body

__all__ = ["check_plan", "check_quant_layer"]


def check_quant_layer(qlayer: QuantLayer) -> None:
    """ImageError unless the layer's arrays have the shapes, types and ranges of the image."""
    layer = qlayer.layer
    kernel, out_c = layer.kernel, layer.out_shape[2]
    _require(layer.op is not LayerOp.ELEMENTWISE, f"layer {layer.name}: no kernel runs it")
    if layer.op is LayerOp.DENSE:
        whole = layer.patch == np.prod(layer.in_shape) and layer.pixels == 1
        _require(whole, f"layer {layer.name}: a dense layer must read all of its input at once")
    if layer.has_weights:
        shape = (out_c, *kernel, layer.in_shape[2] // layer.groups)
        if layer.op is LayerOp.DWCONV:
            shape = (*kernel, out_c)
            _require(out_c == layer.in_shape[2], f"layer {layer.name} must keep its channels")
        _check_array(qlayer, "weight", qlayer.weight, shape, np.dtype(np.int8))
        if qlayer.bias is not None:
            _check_array(qlayer, "bias", qlayer.bias, (out_c,), np.dtype(np.int32))
    entries = OPERATIONS[layer.op].scales(layer)
    if entries:
        for name, low, high in (("multiplier", 0, 2**32 - 1), ("shift", 32, 62)):
            array = getattr(qlayer, name)
            _check_array(qlayer, name, array, (entries,), np.dtype(np.uint32))
            within = array.min() >= low and array.max() <= high
            _require(within, f"layer {layer.name}: {name} must be {low} .. {high}")
        even = not (qlayer.multiplier % MULTIPLIER_STEP).any()
        _require(even, f"layer {layer.name}: multiplier must be a multiple of {MULTIPLIER_STEP}")
    for name in ("in_zero_point", "in2_zero_point", "out_zero_point", "act_min", "act_max"):
        value = getattr(qlayer, name)
        _require(
            -128 <= value <= 127,
            f"layer {layer.name}: {name} must be -128 .. 127, not {value!r}",
        )
    if layer.op is LayerOp.ADD:
        fits = all(abs(value) < 1 << 21 for value in qlayer.add_multipliers)
        _require(fits, f"layer {layer.name}: add_multipliers must be less than 2**21")
        _require(0 <= qlayer.add_shift <= 30, f"layer {layer.name}: add_shift must be 0 .. 30")


def check_plan(qlayer: QuantLayer, plan: LayerPlan, config: ClusterConfig) -> None:
    """ImageError unless the plan covers the layer once and its windows are inside the tiles."""
    layer = qlayer.layer
    on_tiles = plan.body in TILE_BODIES
    _require(
        on_tiles == bool(plan.groups),
        f"layer {layer.name}: a tile body must have groups, and only a tile body may",
    )
    if on_tiles:
        _require(
            layer.fits_tiles and layer.groups == 1,
            f"layer {layer.name}: only one dense matrix can be on tiles",
        )
        _require(0 <= plan.adc_shift <= 31, f"layer {layer.name}: adc_shift must be 0 .. 31")
        _check_groups(qlayer, plan, config)
        _require(
            not plan.needs_digital_harts(config) or is_exact(config.tile),
            f"layer {layer.name}: harts without a tile can't compute what its converter would give",
        )
    first = plan.hart_first
    _require(
        len(first) == config.harts + 1
        and first[0] == 0
        and first[-1] == len(plan.chunks)
        and list(first) == sorted(first),
        f"layer {layer.name}: hart_first must rise from 0 to {len(plan.chunks)} over "
        f"{config.harts} harts, not {first}",
    )
    _check_chunks(qlayer, plan)


def _check_chunks(qlayer: QuantLayer, plan: LayerPlan) -> None:
    """Every output is computed once: by a group that holds its channel, or digitally."""
    layer = qlayer.layer
    channels = layer.out_shape[2] // layer.groups
    covered = np.zeros((layer.pixels, channels), np.uint8)
    for chunk in plan.chunks:
        body = plan.body_of(chunk)
        digital = body in DIGITAL_BODIES
        _require(
            body is plan.body or (digital and layer.op in (LayerOp.CONV, LayerOp.DENSE)),
            f"layer {layer.name}: {chunk} can't be computed by {body.name}",
        )
        others = channels if digital else len(plan.groups)
        _require(
            _inside(chunk, layer.pixels, others),
            f"layer {layer.name}: {chunk} must be inside {layer.pixels} pixels x {others}",
        )
        if digital:
            ranges = [(chunk.begin, chunk.end)]
        else:
            ranges = [
                (group.channel_begin, group.channel_begin + group.channel_count)
                for group in plan.groups[chunk.begin : chunk.end]
            ]
        for begin, end in ranges:
            covered[chunk.pixel_begin : chunk.pixel_end, begin:end] += 1
    _require(
        bool((covered == 1).all()),
        f"layer {layer.name}: the chunks must cover every output exactly once",
    )


def _check_groups(qlayer: QuantLayer, plan: LayerPlan, config: ClusterConfig) -> None:
    name, tile = qlayer.layer.name, config.tile
    tight = plan.body is Body.TIGHT
    tiles = config.tight_tiles_per_hart if tight else config.loose_tiles
    edge = 0
    groups = sorted(plan.groups, key=lambda group: group.channel_begin)
    if plan.body in LOOSE_BODIES:
        groups = _without_copies(name, groups)
    for group in groups:
        _require(
            group.channel_begin >= edge and group.channel_count > 0,
            f"layer {name}: groups must not share output channels",
        )
        edge = group.channel_begin + group.channel_count
        owners = config.tiled_harts if tight else config.harts
        _require(
            0 <= group.hart < owners, f"layer {name}: no hart {group.hart} to own a group"
        )
        _check_rows(qlayer, group)
        same_width = len({block.col_count for block in group.blocks}) == 1
        _require(
            same_width or plan.body is not Body.STREAM,
            f"layer {name}: the blocks of a group that streams must be of one width",
        )
        _require(
            group.reprogram or len(group.blocks) <= GROUP_BLOCKS_MAX,
            f"layer {name}: a resident group must have up to {GROUP_BLOCKS_MAX} blocks",
        )
        for block in group.blocks:
            _check_block(name, block, group, tiles, tile)
    _require(edge <= qlayer.layer.out_shape[2], f"layer {name}: a group must hold channels of it")
    if tight and plan.split is TightSplit.CHANNELS:
        owned = all(
            plan.groups[index].hart == hart
            for hart in range(config.harts)
            for chunk in plan.chunks[slice(*plan.hart_first[hart : hart + 2])]
            if plan.body_of(chunk) is plan.body
            for index in range(chunk.begin, min(chunk.end, len(plan.groups)))
        )
        fixed = plan.balance is Balance.STATIC
        _require(fixed and owned, f"layer {name}: a hart must only take groups it owns")


def _without_copies(name: str, groups: list[Group]) -> list[Group]:
    """One group for each range of channels; ImageError unless its copies differ in place alone."""
    found: dict[int, Group] = {}
    for group in groups:
        first = found.setdefault(group.channel_begin, group)
        cuts = [
            (one.channel_count, [(block.k_begin, block.row_count) for block in one.blocks])
            for one in (first, group)
        ]
        _require(cuts[0] == cuts[1], f"layer {name}: copies of a group must be cut alike")
    return list(found.values())


def _check_block(name: str, block: Block, group: Group, tiles: int, tile: TileConfig) -> None:
    _require(
        0 <= block.tile < tiles,
        f"layer {name}: tile must be less than {tiles}, not {block.tile!r}",
    )
    _require(
        block.row_begin >= 0
        and block.col_begin >= 0
        and block.row_count > 0
        and block.row_begin + block.row_count <= tile.rows
        and block.col_begin + block.col_count <= tile.cols,
        f"layer {name}: the window of {block} must be inside {tile.rows} x {tile.cols}",
    )
    _require(
        block.col_begin % 4 == 0
        and block.col_count % 4 == 0
        and block.col_count >= group.channel_count,
        f"layer {name}: the columns of {block} must be multiples of 4 that hold the group",
    )


def _check_rows(qlayer: QuantLayer, group: Group) -> None:
    edge = 0
    for block in group.blocks:
        in_order = block.k_begin == edge
        _require(in_order, f"layer {qlayer.layer.name}: blocks must cover the patch in order")
        edge += block.row_count
    _require(
        edge == qlayer.layer.patch,
        f"layer {qlayer.layer.name}: blocks must cover the patch of {qlayer.layer.patch}",
    )


def _inside(chunk: Chunk, pixels: int, others: int) -> bool:
    return (
        0 <= chunk.pixel_begin < chunk.pixel_end <= pixels
        and 0 <= chunk.begin < chunk.end <= others
    )


def _check_array(
    qlayer: QuantLayer,
    name: str,
    array: np.ndarray | None,
    shape: tuple[int, ...],
    dtype: np.dtype,
) -> None:
    came = None if array is None else f"{array.dtype} {array.shape}"
    _require(
        array is not None and array.shape == shape and array.dtype == dtype,
        f"layer {qlayer.layer.name}: {name} must be {dtype} {shape}, not {came}",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ImageError(message)
