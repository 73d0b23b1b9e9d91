"""Microbenchmarks of layers on tiles that requantise."""

from tightrope.hw.config import TileConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.image.layout import Balance
from tightrope.sim.mapping.plan import TightSplit

from .layers import conv_layer, dense_layer, machine, ways_of

__all__ = ["post_fit_cases"]

CONVS = (
    (8, 64, 64), (6, 256, 128), (9, 128, 256), (7, 24, 12), (9, 64, 32, 1, 2), (10, 36, 20),
    (7, 10, 9), (8, 16, 32, 3, 1, 1), (14, 3, 32, 7, 2, 3), (6, 192, 100), (5, 320, 64),
    (16, 3, 16, 3, 2, 1), (9, 28, 20, 3, 1, 1), (11, 5, 14, 3, 1), (10, 44, 22), (11, 12, 18, 1, 2),
)  # fmt: skip
DENSES = ((256, 64), (100, 33))


def post_fit_cases(seed: int) -> list[Case]:
    """Every way on 1 hart, and some on 8. Layers of several blocks too, which are added up."""
    layers = [conv_layer(*shape) for shape in CONVS] + [dense_layer(*shape) for shape in DENSES]
    cases: list[Case] = []
    for harts in (1, 8):
        other = machine(harts, tile=TileConfig(post_lanes=4))
        for index, layer in enumerate(layers if harts == 1 else layers[::2]):
            for way, (body, split) in enumerate(ways_of(layer, harts)[1:]):
                steal = split is not TightSplit.CHANNELS and (index + way) % 2
                cases.append(
                    Case(
                        layer=layer, machine=other, body=body, split=split,
                        balance=Balance.STEAL if steal else Balance.STATIC, seed=seed + len(cases),
                    )
                )
    return cases
