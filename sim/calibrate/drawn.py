"""Seeded random cases: layers such as CNNs have, cropped so that none takes the RTL long."""

import math
from collections.abc import Sequence

import numpy as np
from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.case import Case, plan_case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.errors import MappingError
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

from .layers import conv_layer, dense_layer, tile_ways

__all__ = ["draw_cases", "is_short_to_program"]

BUDGET_CYCLES = 250_000
"""Of all harts together, roughly: what a case may take."""
PROGRAMMED_WEIGHTS = 100_000
"""At most, of tiles that are programmed in turn: that takes long."""
MAC_CYCLES = 0.7
"""Of a hart without tiles, roughly."""
MVM_CYCLES = 300.0
"""Of a hart, roughly, for what surrounds an MVM."""
TAP_CYCLES = 3.0
"""Of a hart, roughly, for one input of a pool, or a channel of another layer."""
UNALIGNED = 4.0
"""How much longer all this takes if pixels don't begin at words, roughly."""
TRIES = 200

Way = tuple[Body, TightSplit | None]


def draw_cases(
    machine: ClusterConfig, seed: int, what: Sequence[LayerOp | Body], taken: set[str]
) -> list[Case]:
    """One case for each item: an operator without tiles, or a convolution on such tiles.

    Layers differ from each other and from those whose names are ``taken``, to which they are added.
    """
    rng = np.random.default_rng(seed)
    return [_draw(rng, machine, item, taken, seed + index) for index, item in enumerate(what)]


def _draw(
    rng: np.random.Generator, machine: ClusterConfig, what: LayerOp | Body, taken: set[str],
    seed: int,
) -> Case:  # fmt: skip
    for _ in range(TRIES):
        op, (body, split) = _way(rng, machine, what)
        layer = _layer(rng, op, body, machine)
        steal = split is not TightSplit.CHANNELS and rng.random() < 0.5
        case = Case(
            layer=layer, machine=machine, body=body, split=split, seed=seed,
            balance=Balance.STEAL if steal else Balance.STATIC,
        )  # fmt: skip
        is_short = _is_short(layer, body, machine) and is_short_to_program(case)
        if layer.name not in taken and is_short:
            taken.add(layer.name)
            return case
    raise AssertionError(f"no layer for {what} in {TRIES} tries of seed {seed}")


def _way(
    rng: np.random.Generator, machine: ClusterConfig, what: LayerOp | Body
) -> tuple[LayerOp, Way]:
    if isinstance(what, LayerOp):
        return what, (Body.DOT4, None)
    op = LayerOp.DENSE if what is not Body.STREAM and rng.random() < 0.12 else LayerOp.CONV
    if what is not Body.TIGHT:
        return op, (what, None)
    ways = [way for way in tile_ways() if way[0] is Body.TIGHT]
    return op, ways[int(rng.integers(len(ways)))] if machine.harts > 1 else ways[0]


def _is_short(layer: Layer, body: Body, machine: ClusterConfig) -> bool:
    """Whether cropping it was enough."""
    shape = (layer.kernel[0], layer.in_shape[2], layer.out_shape[2])
    return layer.pixels <= 2 * _useful(layer.op, body, *shape, machine)


def is_short_to_program(case: Case) -> bool:
    """Whether it can run, and without programming tiles in turn for too long."""
    try:
        plan = plan_case(case)
    except MappingError:
        return False
    weights = [
        len(plan.chunks) * block.row_count * block.col_count
        for group in plan.groups if group.reprogram for block in group.blocks
    ]  # fmt: skip
    return sum(weights) <= PROGRAMMED_WEIGHTS


def _layer(rng: np.random.Generator, op: LayerOp, body: Body, machine: ClusterConfig) -> Layer:
    """Of a random size, cropped to the budget."""
    if op is LayerOp.DENSE:
        inputs, outputs = _channels(rng, 128, 2048), _channels(rng, 10, 256)
        most = max(128, int(BUDGET_CYCLES / (2 * outputs))) if body is Body.DOT4 else inputs
        return dense_layer(min(inputs, most), outputs)
    if op is LayerOp.GLOBAL_AVGPOOL:
        in_c = _channels(rng, 64, 1024)
        return conv_layer(_log(rng, 4, 14), in_c, in_c, op=op)
    in_c, size = _channels(rng, 3 if op is LayerOp.CONV else 16, 384), _log(rng, 5, 56)
    if op in (LayerOp.ADD, LayerOp.CLIP):
        kernel, stride, out_c = 1, 1, in_c
    elif op is LayerOp.CONV:
        kernel = int(rng.choice((1, 1, 1, 3, 3, 3, 5, 7)))
        stride, out_c = int(rng.choice((1, 1, 1, 2))), _channels(rng, 8, 384)
    else:
        kernel, stride, out_c = int(rng.choice((2, 3, 3, 3, 5))), int(rng.choice((1, 2))), in_c
    kernel = max(kernel, 3) if op is LayerOp.DWCONV else kernel
    pad = kernel // 2 if rng.random() < 0.8 else 0
    pixels = max(1, _useful(op, body, kernel, in_c, out_c, machine))
    width = min(size, pixels * stride)
    rows = pixels // max(1, width // stride)
    width, rows = max(width, kernel), max(kernel, min(width, rows * stride + kernel - 1))
    return conv_layer(width, in_c, out_c, kernel, stride, pad, op=op, rows=rows)


def _useful(
    op: LayerOp, body: Body, kernel: int, in_c: int, out_c: int, machine: ClusterConfig
) -> int:
    """Output pixels for which there is time."""
    tile, patch = machine.tile, kernel * kernel * in_c
    blocks = math.ceil(patch / tile.rows) * math.ceil(out_c / tile.cols)
    if op in (LayerOp.CONV, LayerOp.DENSE) and body is Body.DOT4:
        cycles = MAC_CYCLES * patch * out_c
    elif op in (LayerOp.CONV, LayerOp.DENSE):
        # Outputs of several blocks are added up, which takes the harts longest.
        cycles = blocks * (MVM_CYCLES + 5 * min(out_c, tile.cols))
    else:
        cycles = TAP_CYCLES * kernel * kernel * in_c
    if body is Body.LOOSE:
        # Half of the harts wait for tiles.
        cycles *= max(1.0, machine.harts / 2)
    if in_c % 4 or out_c % 4:
        cycles *= UNALIGNED
    return int(BUDGET_CYCLES / cycles)


def _channels(rng: np.random.Generator, low: int, high: int) -> int:
    """Mostly a multiple of 16 or 8, as CNNs have; else any number."""
    count = _log(rng, low, high)
    unit = int(rng.choice((16, 8, 4, 1), p=(0.5, 0.2, 0.15, 0.15)))
    return max(low, round(count / unit) * unit) if count > unit else count


def _log(rng: np.random.Generator, low: int, high: int) -> int:
    """Between the two, all magnitudes equally often."""
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))
