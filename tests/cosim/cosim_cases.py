"""Seeded random layers with seeded random ways to run them: the inputs of the bit-exact tests."""

import dataclasses

import numpy as np
from cosim_jobs import Job, make_job
from tightrope.hw.config import ClusterConfig
from tightrope.sim.golden.random_layers import (
    random_geometry,
    random_inputs,
    random_quant_layer,
)
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.image.steps import chain_steps, independent_steps
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import (
    empty_pools,
    place_layer,
    reprogrammed_groups,
    single_layer_groups,
)
from tightrope.sim.mapping.plan import Block, Chunk, Group, LayerPlan, TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = [
    "TILE_WAYS",
    "chain_job",
    "digital_job",
    "layer_job",
    "random_cuts",
    "reprogrammed_job",
    "resident_job",
    "scattered_job",
]

TILE_WAYS = (
    (Body.TIGHT, TightSplit.REPLICATE, Balance.STATIC),
    (Body.TIGHT, TightSplit.REPLICATE, Balance.STEAL),
    (Body.TIGHT, TightSplit.CHANNELS, Balance.STATIC),
    (Body.LOOSE, None, Balance.STATIC),
    (Body.LOOSE, None, Balance.STEAL),
)

_SHAPES = (
    {"max_size": 6, "max_kernel": 3, "max_stride": 2},
    # Images of one pixel, mostly padding.
    {"max_size": 1, "max_kernel": 4, "max_stride": 2},
    # Strides that skip pixels.
    {"max_size": 9, "max_kernel": 2, "max_stride": 5},
    # Kernels larger than the image.
    {"max_size": 3, "max_kernel": 6, "max_stride": 3},
)
"""Taken in turn by seed, so that a few seeds see all."""


def digital_job(
    config: ClusterConfig, op: LayerOp, body: Body, balance: Balance, seed: int, channels: int
) -> Job:
    """A layer without tiles; odd seeds cut it at random."""
    name = f"{op} {body.name} {balance.name} seed {seed}"
    rng = np.random.default_rng([seed, *op.encode(), body, balance, config.harts])
    groups = 4 if op is LayerOp.CONV and seed % 3 == 0 else 1
    layer = random_geometry(
        op, rng, max_channels=channels, max_groups=groups, **_SHAPES[seed % len(_SHAPES)]
    )
    plan = plan_layer(layer, config, body, balance)
    if seed % 2:
        plan = random_cuts(layer, plan, config, rng)
    return layer_job(name, config, layer, plan, rng)


def resident_job(config: ClusterConfig, op: LayerOp, way: tuple, seed: int, channels: int) -> Job:
    """A layer whose weights fit the tiles, in groups of random width."""
    body, split, balance = way
    rng = np.random.default_rng([seed, *op.encode(), body, balance, config.harts])
    placed = None
    while placed is None:
        layer = random_geometry(op, rng, max_channels=channels, **_SHAPES[seed % len(_SHAPES)])
        width = 4 * int(rng.integers(1, min(8, config.tile.cols // 4) + 1))
        placed = place_layer(layer, config, body, empty_pools(config, body, split), width)
    return _tile_job("resident", config, layer, placed[1], way, rng, seed)


def reprogrammed_job(
    config: ClusterConfig, op: LayerOp, way: tuple, seed: int, channels: int
) -> Job:
    """A layer whose blocks take turns on a tile, whether they would fit or not."""
    body, split, balance = way
    rng = np.random.default_rng([seed, *op.encode(), body, balance, config.harts])
    layer = random_geometry(op, rng, max_channels=channels, **_SHAPES[seed % len(_SHAPES)])
    groups = reprogrammed_groups(layer, config, body, split)
    return _tile_job("reprogrammed", config, layer, groups, way, rng, seed)


def scattered_job(config: ClusterConfig, body: Body, balance: Balance, seed: int) -> Job:
    """Blocks of any height at random places of the tiles, so that MVMs of a group meet there."""
    rng = np.random.default_rng([seed, body, balance, config.harts])
    groups = None
    while groups is None:
        layer = random_geometry(LayerOp.CONV, rng, max_size=5, max_channels=12)
        groups = _scattered_groups(layer, config, body, rng)
    split = TightSplit.REPLICATE if body is Body.TIGHT else None
    return _tile_job("scattered", config, layer, groups, (body, split, balance), rng, 2 * seed + 1)


def chain_job(config: ClusterConfig, seed: int, length: int = 33) -> Job:
    """Layers of every kind, each of which reads the one before, as other harts left it."""
    rng = np.random.default_rng([seed, config.harts])
    shape = (6, 6, 12)
    layers = []
    for _ in range(length):
        layer = _next_layer(shape, rng)
        shape = layer.out_shape
        layers.append((random_quant_layer(layer, rng), _any_plan(layer, config, rng)))
    x = rng.integers(-128, 128, (6, 6, 12), dtype=np.int8)
    steps, inputs = chain_steps(layers, x)
    return make_job(f"chain seed {seed}", config, steps, inputs)


def _next_layer(shape: tuple[int, int, int], rng: np.random.Generator) -> Layer:
    """A layer of a random operator that keeps the image's size, and so may be followed by any."""
    ops = (LayerOp.CONV, LayerOp.DWCONV, LayerOp.MAXPOOL, LayerOp.AVGPOOL, LayerOp.ADD,
           LayerOp.CLIP, LayerOp.CONV, LayerOp.CONV)  # fmt: skip
    op = ops[rng.integers(len(ops))]
    groups = 3 if op is LayerOp.CONV and shape[2] % 3 == 0 and rng.integers(3) == 0 else 1
    out_c = groups * int(rng.integers(2, 9)) if op is LayerOp.CONV else shape[2]
    elementwise = op in (LayerOp.ADD, LayerOp.CLIP)
    side = 1 if elementwise else 2 * int(rng.integers(0, 2)) + 1
    return Layer(
        name=op.value,
        op=op,
        source_op=op.value,
        in_shape=shape,
        out_shape=(*shape[:2], out_c),
        kernel=(side, side),
        pads=(side // 2,) * 4,
        groups=groups,
        inputs=2 if op is LayerOp.ADD else 1,
    )


def _any_plan(layer: Layer, config: ClusterConfig, rng: np.random.Generator) -> LayerPlan:
    if layer.op is LayerOp.CONV and layer.groups == 1 and rng.integers(4):
        body, split, balance = TILE_WAYS[rng.integers(len(TILE_WAYS))]
        groups = single_layer_groups(layer, config, body, split)
        return plan_layer(layer, config, body, balance, groups=groups, split=split)
    return plan_layer(layer, config, Body.DOT4, list(Balance)[rng.integers(2)])


def layer_job(
    name: str,
    config: ClusterConfig,
    layer: Layer,
    plan: LayerPlan,
    rng: np.random.Generator,
    *,
    weight_bits: int = 8,
) -> Job:
    """One layer with random data; half of the time, pixels lie apart in memory."""
    qlayer = random_quant_layer(layer, rng, weight_bits=weight_bits)
    steps, inputs = independent_steps([(qlayer, plan)], [random_inputs(layer, rng)])
    pitches = {}
    if rng.integers(2) and layer.op is not LayerOp.DENSE:
        pitches = {key: x.shape[2] + int(rng.integers(0, 6)) for key, x in inputs.items()}
        out_pitch = layer.out_shape[2] + int(rng.integers(0, 6))
        steps = [dataclasses.replace(step, out_pitch=out_pitch) for step in steps]
    return make_job(name, config, steps, inputs, pitches)


def random_cuts(
    layer: Layer, plan: LayerPlan, config: ClusterConfig, rng: np.random.Generator
) -> LayerPlan:
    """The plan with chunks cut anywhere, and dealt to harts at random."""
    others = len(plan.groups) if plan.groups else layer.out_shape[2] // layer.groups

    def cuts(total: int) -> list[tuple[int, int]]:
        inner = rng.integers(0, total + 1, rng.integers(0, 4))
        edges = sorted({0, total, *(int(cut) for cut in inner)})
        return list(zip(edges, edges[1:], strict=False))

    pixels, parts = cuts(layer.pixels), cuts(others)
    chunks = [
        Chunk(pixel_begin=a, pixel_end=b, begin=c, end=d) for a, b in pixels for c, d in parts
    ]
    first = sorted(int(edge) for edge in rng.integers(0, len(chunks) + 1, config.harts - 1))
    return dataclasses.replace(plan, chunks=tuple(chunks), hart_first=(0, *first, len(chunks)))


def _tile_job(
    kind: str,
    config: ClusterConfig,
    layer: Layer,
    groups: tuple[Group, ...],
    way: tuple,
    rng: np.random.Generator,
    seed: int,
) -> Job:
    """Odd seeds cut the layer at random, clip results, and have weights too wide for the tile."""
    body, split, balance = way
    name = f"{layer.op} {kind} {body.name} {split or ''} {balance.name} seed {seed}"
    plan = plan_layer(layer, config, body, balance, groups=groups, split=split)
    weight_bits = config.tile.weight_bits
    if seed % 2:
        if split is not TightSplit.CHANNELS:
            plan = random_cuts(layer, plan, config, rng)
        plan = dataclasses.replace(plan, adc_shift=int(rng.integers(0, plan.adc_shift + 2)))
        weight_bits = 8
    return layer_job(name, config, layer, plan, rng, weight_bits=weight_bits)


def _scattered_groups(
    layer: Layer, config: ClusterConfig, body: Body, rng: np.random.Generator
) -> tuple[Group, ...] | None:
    """None if the tiles are full before the layer is placed."""
    tiles = config.tight_tiles_per_hart if body is Body.TIGHT else config.loose_tiles
    width = 4
    slots = [(tile, col) for tile in range(tiles) for col in range(0, config.tile.cols, width)]
    used = dict.fromkeys(slots, 0)
    groups: list[Group] = []
    for begin in range(0, layer.out_shape[2], width):
        blocks: list[Block] = []
        k = 0
        while k < layer.patch:
            room = [slot for slot in slots if used[slot] < config.tile.rows]
            if not room or len(blocks) == 64:
                return None
            tile, col = slot = room[rng.integers(len(room))]
            most = min(config.tile.rows - used[slot], layer.patch - k)
            rows = int(rng.integers(-(-most // 3), most + 1))
            blocks.append(
                Block(
                    tile=tile, row_begin=used[slot], row_count=rows,
                    col_begin=col, col_count=width, k_begin=k,
                )
            )  # fmt: skip
            used[slot] += rows
            k += rows
        count = min(width, layer.out_shape[2] - begin)
        groups.append(Group(channel_begin=begin, channel_count=count, blocks=tuple(blocks)))
    return tuple(groups)
