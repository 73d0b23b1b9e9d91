"""The tables that descriptors point at: chunks, groups and blocks, weights, biases, scales."""

from collections.abc import Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.hw.headers import DCACHE_BYTES, DCACHE_LINE_BYTES
from tightrope.sim.golden.kernels import image_bias
from tightrope.sim.mapping.plan import Group, LayerPlan
from tightrope.sim.mapping.split import round_up
from tightrope.sim.workload.layers import Layer, LayerOp, QuantLayer

from .arena import ALIGN_BYTES, WEIGHTS_PHASE_BYTES, Arena, pack_words
from .layout import BLOCK, CHUNK, GROUP, size_bytes

__all__ = [
    "channel_slice",
    "hot_bytes",
    "pitch_of_patch",
    "put_block_weights",
    "put_chunks",
    "put_groups",
    "put_scales",
    "put_weights",
    "weight_pitch",
    "window_bytes",
]


def pitch_of_patch(patch: int) -> int:
    """Bytes from one output channel's weights to the next, for ``patch`` weights.

    A line more where two of four rows, which are read at the same time, would lie on the same
    lines of the data cache.
    """
    pitch = round_up(patch, 4)
    return pitch + DCACHE_LINE_BYTES if pitch % (DCACHE_BYTES // 2) == 0 else pitch


def weight_pitch(qlayer: QuantLayer) -> int:
    """:func:`pitch_of_patch` of a layer; 0 for one that is not CONV."""
    return pitch_of_patch(qlayer.layer.patch) if qlayer.layer.fits_tiles else 0


def window_bytes(layer: Layer) -> int:
    """What a depth-wise convolution needs of a hart's scratch at the most; 0 for other layers.

    For a line of channels: scales, biases and weights, and the rows under the kernel, for four
    pixels or in half the data cache.
    """
    if layer.op is not LayerOp.DWCONV:
        return 0
    height, width = layer.kernel
    rows = height * (3 * layer.stride[1] + width) * DCACHE_LINE_BYTES
    return (8 + height * width) * DCACHE_LINE_BYTES + max(rows, DCACHE_BYTES // 2)


def channel_slice(qlayer: QuantLayer, group: int) -> slice:
    """The output channels of one group of a convolution; all of them for other layers."""
    count = qlayer.layer.out_shape[2] // qlayer.layer.groups
    return slice(group * count, (group + 1) * count)


def put_chunks(arena: Arena, plan: LayerPlan) -> dict[str, int]:
    """The plan's chunks and who takes them, as fields of a descriptor."""
    fields = {
        "body": plan.body,
        "balance": plan.balance,
        "chunk_count": len(plan.chunks),
        "chunks_addr": arena.put_structs(
            "chunk",
            (
                {
                    "pixel_begin": chunk.pixel_begin,
                    "pixel_end": chunk.pixel_end,
                    "begin": chunk.begin,
                    "end": chunk.end,
                    "body": plan.body_of(chunk),
                }
                for chunk in plan.chunks
            ),
        ),
    }
    if plan.hart_first:
        fields["hart_first_addr"] = arena.put(pack_words(plan.hart_first))
    return fields


def put_weights(arena: Arena, qlayer: QuantLayer, group: int) -> dict[str, int]:
    """Digital weights: CONV (one group's) [out_c][weight_pitch], DWCONV [kernel][out_c].

    CONV has rows of zeros up to a multiple of four, which the kernel computes together.
    """
    layer, weight = qlayer.layer, qlayer.weight
    if weight is None:
        return {}
    if layer.op is LayerOp.DWCONV:
        return {"weights_addr": _put_digital(arena, np.ascontiguousarray(weight))}
    part = weight[channel_slice(qlayer, group)].reshape(-1, layer.patch)
    padding = ((0, -len(part) % 4), (0, weight_pitch(qlayer) - layer.patch))
    return {"weights_addr": _put_digital(arena, np.pad(part, padding))}


def _put_digital(arena: Arena, weights: np.ndarray) -> int:
    return arena.put(weights, DCACHE_BYTES, WEIGHTS_PHASE_BYTES)


def put_scales(
    arena: Arena, qlayer: QuantLayer, plan: LayerPlan, config: ClusterConfig, group: int
) -> dict[str, int]:
    """Bias (with the zero point's correction) and scales of one group."""
    fields: dict[str, int] = {}
    channels = channel_slice(qlayer, group) if qlayer.layer.has_weights else slice(None)
    if qlayer.layer.has_weights:
        bias = image_bias(qlayer, plan, config.tile)
        fields["bias_addr"] = arena.put(bias[channels].astype("<i4"))
    if qlayer.multiplier is not None and qlayer.shift is not None:
        scale = qlayer.multiplier[channels] | qlayer.shift[channels]
        fields["scale_addr"] = arena.put(scale.astype("<u4"))
    return fields


def put_block_weights(arena: Arena, qlayer: QuantLayer, group: Group) -> tuple[int, ...]:
    """The weights [row_count][col_count] of a group's blocks; returns their addresses."""
    assert qlayer.weight is not None
    matrix = qlayer.weight.reshape(qlayer.layer.out_shape[2], -1).T
    columns = slice(group.channel_begin, group.channel_begin + group.channel_count)
    addrs = []
    for block in group.blocks:
        part = matrix[block.k_begin : block.k_begin + block.row_count, columns]
        padded = np.pad(part, ((0, 0), (0, block.col_count - group.channel_count)))
        addrs.append(arena.put(np.ascontiguousarray(padded), ALIGN_BYTES))
    return tuple(addrs)


def put_blocks(
    arena: Arena, group: Group, weights_addrs: Sequence[int], layer_addr: int = 0
) -> int:
    """A group's blocks, whose weights are there already; returns the blocks' address."""
    return arena.put_structs(
        "block",
        (
            {
                "tile": block.tile,
                "row_begin": block.row_begin,
                "row_count": block.row_count,
                "col_begin": block.col_begin,
                "col_count": block.col_count,
                "k_begin": block.k_begin,
                "weights_addr": addr,
                "layer_addr": layer_addr,
            }
            for block, addr in zip(group.blocks, weights_addrs, strict=True)
        ),
    )


def put_groups(
    arena: Arena,
    entries: Sequence[tuple[int, Group, Sequence[int]]],
    layer_addrs: Sequence[int] | None = None,
) -> dict[str, int]:
    """Blocks and groups for ``(hart, group, addresses of its weights)``, as descriptor fields.

    ``layer_addrs``, for PROGRAM: of the layers whose constants go to the tiles with the weights.
    """
    layer_addrs = layer_addrs or [0] * len(entries)
    block_addrs = [
        put_blocks(arena, group, addrs, layer_addr)
        for (_, group, addrs), layer_addr in zip(entries, layer_addrs, strict=True)
    ]
    addr = arena.put_structs(
        "group",
        (
            {
                "channel_begin": group.channel_begin,
                "channel_count": group.channel_count,
                "block_addr": block_addr,
                "block_count": len(group.blocks),
                "reprogram": int(group.reprogram),
                "hart": hart,
            }
            for (hart, group, _), block_addr in zip(entries, block_addrs, strict=True)
        ),
    )
    return {"groups_addr": addr, "group_count": len(entries)}


def hot_bytes(plan: LayerPlan, channels: int) -> int:
    """Size of everything small that a layer's kernel reads again and again."""
    blocks = sum(len(group.blocks) for group in plan.groups)
    structs = (
        size_bytes(CHUNK) * len(plan.chunks)
        + size_bytes(GROUP) * len(plan.groups)
        + size_bytes(BLOCK) * blocks
    )
    return structs + 4 * len(plan.hart_first or ()) + 8 * channels
