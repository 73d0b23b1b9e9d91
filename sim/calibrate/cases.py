"""What is measured for the fit: microbenchmarks, and layers such as CNNs have."""

import dataclasses

from tightrope.hw.config import TileConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.mapping.chunks import plan_layer
from tightrope.sim.mapping.groups import single_layer_groups
from tightrope.sim.mapping.plan import LayerPlan, TightSplit
from tightrope.sim.workload.layers import LayerOp

from .layers import conv_layer, dense_layer, machine, ways_of
from .post_cases import post_fit_cases
from .real_cases import real_cases
from .stream_cases import stream_fit_cases
from .wide_cases import wide_cases

__all__ = ["fit_cases"]


CONVS = (
    (8, 16, 32), (8, 64, 64), (8, 128, 64), (6, 256, 128), (4, 512, 64), (10, 36, 20), (7, 24, 10),
    (9, 64, 32, 1, 2), (8, 16, 32, 3, 1, 1), (8, 64, 32, 3, 1, 1), (6, 128, 64, 3, 1, 1),
    (16, 3, 16, 3, 2, 1), (14, 3, 32, 7, 2, 3), (7, 10, 12, 3, 1, 1), (9, 32, 24, 3, 2, 1),
    (9, 24, 16, 5, 1, 2), (5, 6, 9, 2, 3, 0),
)  # fmt: skip
"""(size, in_c, out_c, kernel, stride, pad) of the fit."""
DENSES = ((256, 64), (512, 128), (1024, 40), (100, 33))
OTHERS = (
    (LayerOp.DWCONV, (8, 32, 32, 3, 1, 1)), (LayerOp.DWCONV, (10, 96, 96, 3, 1, 1)),
    (LayerOp.DWCONV, (9, 64, 64, 3, 2, 1)), (LayerOp.DWCONV, (8, 48, 48, 5, 1, 2)),
    (LayerOp.DWCONV, (6, 10, 10, 3, 1, 1)), (LayerOp.DWCONV, (5, 128, 128, 3, 1, 0)),
    (LayerOp.DWCONV, (21, 32, 32, 3, 1, 1)), (LayerOp.DWCONV, (26, 16, 16, 3, 2, 1)),
    (LayerOp.MAXPOOL, (12, 32, 32, 2, 2, 0)), (LayerOp.MAXPOOL, (11, 64, 64, 3, 2, 1)),
    (LayerOp.MAXPOOL, (8, 128, 128, 3, 1, 1)), (LayerOp.MAXPOOL, (9, 10, 10, 3, 2, 0)),
    (LayerOp.AVGPOOL, (12, 32, 32, 2, 2, 0)), (LayerOp.AVGPOOL, (8, 64, 64, 3, 1, 1)),
    (LayerOp.AVGPOOL, (9, 10, 10, 3, 2, 1)), (LayerOp.AVGPOOL, (14, 96, 96, 2, 2, 0)),
    (LayerOp.GLOBAL_AVGPOOL, (7, 64, 64)), (LayerOp.GLOBAL_AVGPOOL, (5, 320, 320)),
    (LayerOp.GLOBAL_AVGPOOL, (14, 128, 128)), (LayerOp.GLOBAL_AVGPOOL, (6, 30, 30)),
    (LayerOp.ADD, (8, 64, 64)), (LayerOp.ADD, (12, 32, 32)), (LayerOp.ADD, (7, 10, 10)),
    (LayerOp.ADD, (5, 256, 256)),
    (LayerOp.CLIP, (8, 64, 64)), (LayerOp.CLIP, (12, 32, 32)), (LayerOp.CLIP, (7, 10, 10)),
    (LayerOp.CLIP, (5, 256, 256)),
)  # fmt: skip


MORE = (
    *(conv_layer(*shape) for shape in (
        (6, 112, 40), (8, 44, 52), (7, 160, 24), (10, 20, 36), (5, 352, 40), (6, 28, 44, 3, 1, 1),
        (6, 72, 28, 3, 1, 1), (12, 5, 14, 3, 1, 1), (20, 3, 20, 5, 2, 2), (13, 40, 24, 3, 2, 1),
        (7, 48, 72), (9, 16, 100), (5, 11, 30, 3, 1, 1), (14, 64, 16),
    )),
    *(dense_layer(*shape) for shape in ((640, 72), (333, 90))),
    *(conv_layer(*shape, op=LayerOp.AVGPOOL) for shape in (
        (9, 32, 32, 3, 1, 0), (10, 128, 128, 3, 2, 1), (8, 40, 40, 5, 1, 2), (7, 64, 64, 2, 1, 0),
        (8, 13, 13, 2, 2, 0),
    )),
    *(conv_layer(*shape, op=LayerOp.MAXPOOL) for shape in (
        (9, 32, 32, 3, 1, 0), (10, 80, 80, 3, 2, 1), (8, 40, 40, 5, 1, 2), (8, 13, 13, 2, 2, 0),
    )),
    *(conv_layer(*shape, op=LayerOp.DWCONV) for shape in (
        (7, 40, 40, 3, 1, 1), (11, 72, 72, 3, 2, 1), (14, 24, 24, 3, 1, 1), (6, 256, 256, 3, 1, 1),
        (9, 32, 32, 5, 2, 2), (7, 7, 7, 3, 1, 1), (19, 64, 64, 3, 1, 1), (23, 48, 48, 3, 2, 1),
        (18, 32, 32, 5, 1, 2), (3, 64, 64, 3, 1, 1), (2, 48, 48, 3, 2, 1), (11, 128, 128, 3, 1, 1),
        (17, 24, 24, 3, 3, 1),
    )),
    *(conv_layer(*shape, op=LayerOp.GLOBAL_AVGPOOL) for shape in (
        (4, 96, 96), (8, 512, 512), (10, 40, 40), (5, 22, 22),
    )),
)  # fmt: skip
"""Measured on one hart only: how caches behave depends on shapes more than on harts."""


def fit_cases() -> list[Case]:
    """The microbenchmarks: every kernel on 1 hart; a third of them each on 2, 4 and 8."""
    layers = [conv_layer(*shape) for shape in CONVS]
    layers += [dense_layer(*shape) for shape in DENSES]
    layers += [conv_layer(*shape, op=op) for op, shape in OTHERS]
    cases: list[Case] = []
    for harts in (1, 2, 4, 8):
        for index, layer in enumerate(layers):
            if harts > 1 and index % 3 != (2, 4, 8).index(harts) and harts != 8:
                continue
            for way, (body, split) in enumerate(ways_of(layer, harts)):
                for balance in Balance:
                    if balance is Balance.STEAL and (split is TightSplit.CHANNELS or index % 2):
                        continue
                    if harts == 8 and split is not TightSplit.CHANNELS and index % 2 == 0 and (
                        (balance is Balance.STEAL) != bool((index // 2 + way) % 2)
                    ):
                        # Twice would take long: the other balancing is in other layers.
                        continue
                    cases.append(
                        Case(
                            layer=layer, machine=machine(harts), body=body, balance=balance,
                            split=split, seed=len(cases),
                        )
                    )
    for layer in MORE:
        cases += [
            Case(layer=layer, machine=machine(1), body=body, split=split, seed=len(cases) + way)
            for way, (body, split) in enumerate(ways_of(layer, 1))
        ]
    cases += _reprogrammed(len(cases))
    cases += _small_chunks(len(cases))
    cases += _narrow_converter(len(cases))
    cases += post_fit_cases(len(cases))
    cases += stream_fit_cases(len(cases))
    cases += real_cases({case.layer.name for case in cases})
    return cases + wide_cases({case.layer.name for case in cases})


def _narrow_converter(seed: int) -> list[Case]:
    """Converters of 8 and 12 bits pack their outputs; one hart shows what that costs."""
    cases = []
    for adc_bits in (8, 12):
        other = machine(1, tile=TileConfig(adc_bits=adc_bits))
        for shape in ((8, 64, 64), (7, 24, 10), (8, 16, 32, 3, 1, 1), (6, 40, 128), (5, 300, 36)):
            for body, split in ways_of(conv_layer(*shape), 1)[1:]:
                cases.append(
                    Case(
                        layer=conv_layer(*shape), machine=other, body=body, split=split,
                        seed=seed + len(cases),
                    )
                )
    return cases


def _reprogrammed(seed: int) -> list[Case]:
    """Layers of more blocks than there are tiles, which are programmed in turn."""
    layers = [conv_layer(3, 256, 256, 3, 1, 1), conv_layer(2, 300, 132, 3, 1, 1)]
    return [
        Case(layer=layer, machine=machine(1), body=body, split=split, seed=seed + 2 * i + j)
        for i, layer in enumerate(layers)
        for j, (body, split) in enumerate(ways_of(layer, 1)[1:])
    ]


def _small_chunks(seed: int) -> list[Case]:
    """One hart on the chunk tables that several stealing harts would share."""
    cases = []
    for index in (0, 1, 3, 5, 6, 8, 9, 13):
        layer = conv_layer(*CONVS[index])
        for body in (Body.TIGHT, Body.LOOSE):
            groups = single_layer_groups(layer, machine(8), body, None)
            plan = plan_layer(layer, machine(8), body, Balance.STEAL, groups=groups)
            cases.append(
                Case(
                    layer=layer, machine=machine(1), body=body, balance=Balance.STEAL,
                    plan=_of_one_hart(plan), seed=seed + len(cases),
                )
            )
    layers = [conv_layer(*CONVS[i]) for i in (0, 1, 3, 5, 8, 9, 11, 13)]
    layers += [dense_layer(*DENSES[1]), dense_layer(*DENSES[3])]
    layers += [conv_layer(*shape, op=op) for op, shape in OTHERS[::3]]
    for layer in layers:
        for harts in (8, 3):
            plan = plan_layer(layer, machine(harts), Body.DOT4, Balance.STEAL)
            cases.append(
                Case(
                    layer=layer, machine=machine(1), balance=Balance.STEAL,
                    plan=_of_one_hart(plan), seed=seed + len(cases),
                )
            )
    return cases


def _of_one_hart(plan: LayerPlan) -> LayerPlan:
    return dataclasses.replace(plan, hart_first=(0, len(plan.chunks)))

