"""Cases that only judge the fit: layers drawn anew, half of them on machines that it never saw."""

from collections.abc import Sequence

from tightrope.hw.config import ClusterConfig, TileConfig
from tightrope.sim.experiment.case import Case
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import LayerOp

from .cases import fit_cases
from .drawn import draw_cases
from .layers import machine
from .machines import HELD_OUT, HELD_OUT_STREAMING, NOMINAL
from .stream_cases import stream_machine

__all__ = ["held_out_cases"]

SEED = 909_000
"""Changed whenever the model was improved with an eye on these cases."""
SIMPLE = (LayerOp.DWCONV, LayerOp.MAXPOOL, LayerOp.AVGPOOL, LayerOp.GLOBAL_AVGPOOL, LayerOp.ADD,
          LayerOp.CLIP)  # fmt: skip
EVERY = (*[LayerOp.CONV] * 3, LayerOp.DENSE, *[Body.TIGHT] * 5, *[Body.LOOSE] * 5, *SIMPLE)
"""On each machine with tiles of both kinds."""
TILES = (*[Body.TIGHT] * 5, *[Body.LOOSE] * 5)


def held_out_cases() -> list[Case]:
    """Cases of layers that are not in the fit."""
    lists: list[tuple[ClusterConfig, Sequence[LayerOp | Body]]] = []
    lists += [(one, EVERY) for one in NOMINAL]
    lists += [(machine(8, tile=TileConfig(post_lanes=4)), TILES)]
    lists += [(one, EVERY) for one in HELD_OUT]
    lists += [(stream_machine(harts), [Body.STREAM] * 5) for harts in (1, 4)]
    lists += [(one, [Body.STREAM] * 6) for one in HELD_OUT_STREAMING]
    taken = {case.layer.name for case in fit_cases()}
    return [
        case
        for number, (one, what) in enumerate(lists)
        for case in draw_cases(one, SEED + 1000 * number, what, taken)
    ]
