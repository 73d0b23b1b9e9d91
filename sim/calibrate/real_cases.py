"""Layers of real CNNs, cropped, and drawn ones, on all kinds of machines: for the fit."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import LayerOp

from .drawn import draw_cases
from .layers import conv_layer, dense_layer, machine, ways_of
from .machines import FIT, FIT_STREAMING
from .stream_cases import stream_machine

__all__ = ["real_cases"]

SEED = 90_000
ON_TILES = (
    (56, 64, 64, 3, 1, 1, 2), (28, 128, 128, 3, 1, 1, 1), (14, 192, 192, 3, 1, 1, 1),
    (56, 256, 64, 1, 1, 0, 2), (28, 512, 128, 1, 1, 0, 2), (14, 1024, 256, 1, 1, 0, 1),
    (112, 3, 64, 7, 2, 3, 9), (27, 64, 96, 5, 1, 2, 1), (56, 64, 128, 3, 2, 1, 5),
    (112, 64, 64, 3, 1, 1, 1),
)  # fmt: skip
"""(width, in_c, out_c, kernel, stride, pad, rows): 3x3 and larger ones need several blocks."""
DIGITAL = (
    (14, 256, 64, 3, 1, 1, 1), (28, 128, 32, 3, 1, 1, 2), (56, 64, 24, 3, 1, 1, 2),
    (28, 256, 64, 1, 1, 0, 2), (7, 1024, 96, 1, 1, 0, 1), (56, 3, 32, 7, 2, 3, 9),
    (56, 24, 144, 1, 1, 0, 3), (14, 96, 576, 1, 1, 0, 1),
)  # fmt: skip
SIMPLE = (
    conv_layer(56, 64, 64, 3, 2, 1, op=LayerOp.MAXPOOL, rows=9),
    conv_layer(28, 192, 192, 3, 1, 1, op=LayerOp.MAXPOOL, rows=3),
    conv_layer(13, 256, 256, 3, 2, 0, op=LayerOp.MAXPOOL, rows=7),
    conv_layer(28, 64, 64, 2, 2, 0, op=LayerOp.AVGPOOL, rows=8),
    conv_layer(17, 192, 192, 3, 1, 1, op=LayerOp.AVGPOOL, rows=4),
    conv_layer(20, 48, 48, 3, 2, 1, op=LayerOp.AVGPOOL),
    conv_layer(7, 512, 512, op=LayerOp.GLOBAL_AVGPOOL),
    conv_layer(7, 192, 192, op=LayerOp.GLOBAL_AVGPOOL),
    conv_layer(13, 250, 250, op=LayerOp.GLOBAL_AVGPOOL),
    conv_layer(8, 64, 64, op=LayerOp.GLOBAL_AVGPOOL),
    conv_layer(56, 96, 96, 3, 1, 1, op=LayerOp.DWCONV, rows=5),
    conv_layer(112, 32, 32, 3, 1, 1, op=LayerOp.DWCONV, rows=5),
    conv_layer(28, 144, 144, 3, 2, 1, op=LayerOp.DWCONV, rows=7),
    conv_layer(14, 384, 384, 3, 1, 1, op=LayerOp.DWCONV, rows=3),
    conv_layer(28, 256, 256, op=LayerOp.ADD, rows=3),
    conv_layer(28, 128, 128, op=LayerOp.CLIP, rows=4),
)
DRAWN = (LayerOp.CONV, *[Body.TIGHT] * 4, *[Body.LOOSE] * 4, LayerOp.DWCONV, LayerOp.MAXPOOL,
         LayerOp.AVGPOOL, LayerOp.GLOBAL_AVGPOOL, LayerOp.ADD, LayerOp.CLIP)  # fmt: skip
"""On each machine but the nominal ones."""


def real_cases(taken: set[str]) -> list[Case]:
    """Cases of the fit; drawn layers are not those ``taken``, to which they are added."""
    cases: list[Case] = []
    for index, shape in enumerate(ON_TILES):
        for harts in (1, 8) if index % 2 else (4,):
            cases += _ways(shape, harts, len(cases))
    for index, shape in enumerate(DIGITAL):
        cases.append(_digital(conv_layer(*shape[:-1], rows=shape[-1]), 1 + 7 * (index % 2), index))
    for index, layer in enumerate([*SIMPLE, dense_layer(1024, 100)]):
        cases += [_digital(layer, harts, index + harts) for harts in (1, (2, 4, 8)[index % 3], 8)]
    cases = list({(case.layer.name, case.machine, case.body, case.split): case
                  for case in cases}.values())  # fmt: skip
    taken |= {case.layer.name for case in cases}
    lists: list[tuple[ClusterConfig, Sequence[LayerOp | Body]]] = [(one, DRAWN) for one in FIT]
    lists += [(machine(harts), DRAWN) for harts in (2, 4, 8)]
    lists += [(one, [Body.STREAM] * 8) for one in (*FIT_STREAMING, stream_machine(4))]
    for number, (one, what) in enumerate(lists):
        cases += draw_cases(one, SEED + 1000 * number, what, taken)
    return cases


def _ways(shape: tuple[int, ...], harts: int, seed: int) -> list[Case]:
    """A cropped layer on tight and loose tiles, each in the way that networks use it."""
    layer = conv_layer(*shape[:-1], rows=shape[-1])
    return [
        Case(
            layer=layer, machine=machine(harts), body=body, split=split, seed=SEED + seed + way,
            balance=Balance.STEAL if (way + seed) % 2 and split is not TightSplit.CHANNELS
            else Balance.STATIC,
        )
        for way, (body, split) in enumerate(ways_of(layer, harts)[1:])
        # One tight tile would be programmed in turn, which takes long.
        if body is Body.LOOSE or layer.patch <= machine(harts).tile.rows
    ]  # fmt: skip


def _digital(layer, harts: int, seed: int) -> Case:
    return Case(
        layer=layer, machine=machine(harts), seed=SEED + seed,
        balance=Balance.STEAL if seed % 2 else Balance.STATIC,
    )  # fmt: skip
