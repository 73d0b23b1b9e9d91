"""How fast tight tiles are that requantise their results themselves."""

from collections.abc import Iterator, Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.image.layout import Balance, Body
from tightrope.sim.workload.layers import Layer, LayerOp

from .rows import Message, Progress, Row, checked

__all__ = [
    "mixed_cases",
    "mixed_rows",
    "mvm_cases",
    "mvm_rows",
    "scaling_cases",
    "scaling_rows",
    "tile_rows",
]

POST_LANES = 4
SIDE = 256
"""Inputs and outputs of an MVM."""
MVM_BAR = 300.0
MVM_LIMIT = 64 + 32 + 64 + 64
"""Loads of words, CM_QUEUE, CM_DEQUEUE and stores of words, one per cycle."""
SCALING_BAR = 7.2
SCALING_HARTS = 8
SCALED_LAYER = (56, 256, 128)
"""Size and channels of the pointwise layer that harts share: it begins ResNet-50's third stage."""
STEAL_BAR = 1.5
STOLEN_LAYER = (14, 256, 256)


def _machine(harts: int, tight_harts: int | None = None) -> ClusterConfig:
    return ClusterConfig(
        harts=harts, tight_harts=tight_harts, tile=TileConfig(post_lanes=POST_LANES)
    )


def tile_rows(*, on_message: Message, on_progress: Progress) -> list[Row]:
    """All of them, measured on RTL."""
    parts = (
        (mvm_cases(), mvm_rows),
        (scaling_cases(), scaling_rows),
        (mixed_cases(), mixed_rows),
    )
    cases = [case for members, _ in parts for case in members]
    found = iter(
        measure(
            cases,
            on_message=on_message,
            on_progress=lambda done, total: on_progress("tiles on RTL", done, total),
        )
    )
    return [row for members, rows in parts for row in rows([next(found) for _ in members])]


def mvm_cases() -> list[Case]:
    """One hart and a row of pixels whose patches overlap, so that loads find them in the cache."""
    kernel, channels = 64, SIDE // 64
    layer = Layer(
        name=f"conv:1x{kernel}",
        op=LayerOp.CONV,
        source_op="Conv",
        in_shape=(1, SIDE + kernel - 1, channels),
        out_shape=(1, SIDE, SIDE),
        kernel=(1, kernel),
    )
    return [Case(layer=layer, machine=_machine(1), body=Body.TIGHT)]


def mvm_rows(found: Sequence[Measurement]) -> Iterator[Row]:
    """Cycles of a whole layer by its pixels: set-up and constants included."""
    (one,) = found
    yield checked(
        one,
        name=f"tight MVM of {SIDE}x{SIDE}, int8 in and out",
        value=one.rtl_cycles / one.case.layer.pixels,
        unit="cycles",
        bar=MVM_BAR,
        limit=MVM_LIMIT,
        lower_is_better=True,
    )


def scaling_cases() -> list[Case]:
    """A pointwise layer with resident weights on one tile, and on a tile of each of 8 harts."""
    layer = conv_layer(*SCALED_LAYER)
    return [
        Case(layer=layer, machine=_machine(harts), body=Body.TIGHT)
        for harts in (1, SCALING_HARTS)
    ]


def scaling_rows(found: Sequence[Measurement]) -> Iterator[Row]:
    """How many times faster the eight are."""
    one, many = found
    yield checked(
        max(found, key=lambda each: each.mismatches),
        name=f"{SCALING_HARTS} tight tiles / 1, {one.case.layer.name}",
        value=one.rtl_cycles / many.rtl_cycles,
        unit="speed-up",
        bar=SCALING_BAR,
        limit=SCALING_HARTS,
    )


def mixed_cases() -> list[Case]:
    """A pointwise layer where the last of the harts has no tile, shared out and stolen."""
    layer = conv_layer(*STOLEN_LAYER)
    mixed = _machine(SCALING_HARTS, SCALING_HARTS - 1)
    return [
        Case(layer=layer, machine=mixed, body=Body.TIGHT, balance=balance)
        for balance in (Balance.STATIC, Balance.STEAL)
    ]


def mixed_rows(found: Sequence[Measurement]) -> Iterator[Row]:
    """How many times faster stealing is."""
    static, steal = found
    yield checked(
        max(found, key=lambda each: each.mismatches),
        name=f"steal / static, one hart of {SCALING_HARTS} without a tile",
        value=static.rtl_cycles / steal.rtl_cycles,
        unit="speed-up",
        bar=STEAL_BAR,
    )
