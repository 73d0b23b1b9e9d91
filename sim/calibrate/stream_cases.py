"""Microbenchmarks of layers on loose tiles that stream."""

import dataclasses

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.experiment.machines import streaming_machine
from tightrope.sim.image.layout import Balance, Body

from .layers import conv_layer

__all__ = ["stream_fit_cases", "stream_machine"]


def stream_machine(harts: int, **changes) -> ClusterConfig:
    """As ``tightrope run --stream`` has it: four loose tiles that stream and requantise."""
    bare = ClusterConfig(harts=harts, tight_tiles_per_hart=0, loose_tiles=4)
    return dataclasses.replace(streaming_machine(bare), **changes)


STREAMED = (
    (8, 64, 64), (28, 64, 128), (20, 256, 256), (14, 128, 512), (9, 100, 36), (7, 24, 10),
    (17, 64, 32, 1, 2), (24, 16, 32, 3, 1, 1), (16, 3, 16, 3, 2, 1), (14, 20, 120, 3, 1, 1),
    (12, 300, 48), (8, 64, 40, 3, 1, 1), (10, 500, 100), (5, 12, 7, 3, 1, 1),
)  # fmt: skip


def stream_fit_cases(seed: int) -> list[Case]:
    """Tiles that stream: with and without post-processing, for results of 1 and 4 bytes."""
    ways = [
        (harts, changes)
        for harts in (1, 4)
        for changes in ({}, {"tile": TileConfig(adc_bits=8)}, {"tile": TileConfig()})
        if harts == 1 or not changes
    ]
    cases = []
    for harts, changes in ways:
        for shape in STREAMED:
            cases.append(
                Case(
                    layer=conv_layer(*shape), machine=stream_machine(harts, **changes),
                    body=Body.STREAM, seed=seed + len(cases),
                    balance=Balance.STEAL if len(cases) % 4 == 3 else Balance.STATIC,
                )
            )  # fmt: skip
    return cases
