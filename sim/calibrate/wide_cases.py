"""Layers at the edges of what CNNs have, and more drawn ones: so that the fit has seen them."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

from .drawn import draw_cases, is_short_to_program
from .layers import conv_layer, dense_layer, machine, tile_ways
from .machines import FIT_STREAMING, NOMINAL
from .stream_cases import stream_machine

__all__ = ["wide_cases"]

SEED = 150_000
POST = tuple(machine(harts, tile=TileConfig(post_lanes=4)) for harts in (1, 8))
WIDE = (
    dense_layer(2048, 16), dense_layer(4096, 10), dense_layer(1200, 24), dense_layer(1700, 61),
    conv_layer(3, 1536, 32), conv_layer(2, 2048, 64), conv_layer(2, 1030, 18),
)  # fmt: skip
"""Many inputs, few outputs."""
FEW_CHANNELS = (
    conv_layer(8, 1, 8, 3, 1, 1), conv_layer(12, 1, 8, 5, 1, 2), conv_layer(14, 2, 16, 7, 2, 3),
    conv_layer(10, 4, 32, 3, 1, 1), conv_layer(20, 3, 24, 11, 4, 2), conv_layer(9, 6, 12, 5, 1, 2),
    conv_layer(8, 8, 16, 3, 1, 1), conv_layer(15, 4, 88, 1, 2), conv_layer(9, 12, 9, 3, 2),
    conv_layer(13, 8, 16, 7, 1, 3, rows=6),
)  # fmt: skip
POINTWISE = (
    conv_layer(9, 9, 72), conv_layer(12, 4, 24), conv_layer(8, 13, 31), conv_layer(10, 6, 48),
    conv_layer(9, 18, 40), conv_layer(6, 3, 200), conv_layer(11, 15, 22),
)  # fmt: skip
"""Of few input channels, so that a block is short."""
TINY = (
    conv_layer(8, 16, 16, 2, 2, 0, op=LayerOp.MAXPOOL), conv_layer(6, 8, 8, op=LayerOp.ADD),
    conv_layer(4, 16, 16, op=LayerOp.GLOBAL_AVGPOOL), dense_layer(256, 10), dense_layer(64, 12),
    conv_layer(4, 24, 24, op=LayerOp.CLIP), conv_layer(6, 12, 12, 3, 2, 1, op=LayerOp.AVGPOOL),
)  # fmt: skip
ODD_DEPTHWISE = tuple(
    conv_layer(*shape, op=LayerOp.DWCONV) for shape in (
        (7, 13, 13, 3, 1, 1), (9, 30, 30, 3, 2, 1), (4, 45, 45, 3, 1, 1), (5, 21, 21, 5, 1, 2),
        (13, 56, 56, 5, 2, 2), (12, 48, 48, 5, 2, 2), (5, 66, 66, 3, 2, 1), (10, 40, 40, 5, 1, 2),
        (9, 24, 24, 7, 1, 3),
    )
)  # fmt: skip
STREAMED = (
    conv_layer(3, 1536, 32), conv_layer(2, 2048, 64), conv_layer(9, 128, 16, 7, 1, 3, rows=4),
    conv_layer(8, 180, 40, 3, 1, 1), conv_layer(30, 160, 32, 3, 1, 0, rows=5),
    conv_layer(13, 160, 378, rows=2),
)  # fmt: skip
UNALIGNED = (
    conv_layer(4, 301, 32), conv_layer(5, 275, 64), conv_layer(7, 21, 16), conv_layer(3, 403, 24),
    conv_layer(6, 5, 12, 3, 1, 1), conv_layer(5, 45, 20, 3, 1, 1), conv_layer(6, 9, 32, 3),
)  # fmt: skip
"""On tiles: code for bytes that begin at no word meets other code in the instruction cache."""
EVERY = (*[LayerOp.CONV] * 4, LayerOp.DENSE, *[Body.TIGHT] * 4, *[Body.LOOSE] * 4, LayerOp.DWCONV,
         LayerOp.MAXPOOL, LayerOp.AVGPOOL, LayerOp.GLOBAL_AVGPOOL)  # fmt: skip
DRAWN: tuple[tuple[int, tuple[ClusterConfig, ...], Sequence[LayerOp | Body]], ...] = (
    (0, NOMINAL, EVERY),
    (7, POST, [Body.TIGHT] * 4 + [Body.LOOSE] * 4),
    (11, (FIT_STREAMING[2], stream_machine(4)), [Body.STREAM] * 5),
)
"""(number of the first, machines, what is drawn on each); numbers are seeds."""


def wide_cases(taken: set[str]) -> list[Case]:
    """Cases of the fit; drawn layers are not those ``taken``, to which they are added."""
    cases: list[Case] = []
    for index, layer in enumerate((*FEW_CHANNELS, *WIDE)):
        for one in (machine(1), machine((2, 4, 8)[index % 3]), POST[index % 2]):
            cases += _on_tiles(layer, one, len(cases))
    for index, layer in enumerate((*POINTWISE, *FEW_CHANNELS, *WIDE, *TINY, *ODD_DEPTHWISE)):
        for harts in (1, (2, 4, 8)[index % 3]):
            cases.append(_case(layer, machine(harts), Body.DOT4, len(cases)))
    for layer in STREAMED:
        cases += [
            _case(layer, one, Body.STREAM, len(cases))
            for one in (stream_machine(1), stream_machine(4), FIT_STREAMING[2])
        ]
    taken |= {case.layer.name for case in cases}
    for first, machines, what in DRAWN:
        for number, one in enumerate(machines, first):
            cases += draw_cases(one, SEED + 1000 * number, what, taken)
    for layer in UNALIGNED:
        for one in (machine(1), machine(1, tile=TileConfig(adc_bits=8))):
            cases += _on_tiles(layer, one, len(cases))
    return cases


def _case(
    layer: Layer, machine: ClusterConfig, body: Body, index: int, split: TightSplit | None = None
) -> Case:
    steal = index % 2 and split is not TightSplit.CHANNELS
    return Case(
        layer=layer, machine=machine, body=body, split=split, seed=SEED + index,
        balance=Balance.STEAL if steal else Balance.STATIC,
    )  # fmt: skip


def _on_tiles(layer: Layer, machine: ClusterConfig, index: int) -> list[Case]:
    """On tight and loose tiles, where that does not take long to program."""
    ways = tile_ways() if machine.harts > 1 else tile_ways()[::2]
    cases = [
        _case(layer, machine, body, index + way, split) for way, (body, split) in enumerate(ways)
    ]
    return [case for case in cases if is_short_to_program(case)]
