"""The table of operations: what each is called, what computes it, and what says if it is right.

Everything that must know all operations asks here: the reference, the image, and the firmware,
whose table of kernels is generated (``kernel_table.h``).
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from tightrope.sim.golden import kernels
from tightrope.sim.image.layout import Body, Op
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = ["OPERATIONS", "Operation", "kernel_names"]


def _both(name: str) -> dict[Body, str]:
    """One kernel, which is its own reference."""
    return {Body.DOT4: name, Body.SCALAR: name}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """One entry of the table."""

    code: Op
    """In the image."""
    kernels: Mapping[Body, str]
    """C functions (sw/kernels) by body; a body that is missing can't compute it."""
    golden: Callable[..., np.ndarray]
    """``(qlayer, *inputs)``, each (h, w, c) int8, to (h, w, c) int8; if the weights fit tiles, plan
    and TileConfig follow."""
    inputs: int = 1
    """Activations that it reads."""
    scales: Callable[[Layer], int] = lambda layer: 1
    """How many multipliers and shifts there are."""
    in_place: bool = False
    """Every output is computed from the inputs at its own place, and from nothing else."""


def _no_scale(layer: Layer) -> int:
    return 0


def _scale_per_channel(layer: Layer) -> int:
    return layer.out_shape[2]


def _scale_per_count(layer: Layer) -> int:
    return layer.kernel[0] * layer.kernel[1]


_CONV = Operation(
    code=Op.CONV,
    kernels={
        Body.DOT4: "conv_dot4_s8",
        Body.TIGHT: "conv_tight_s8",
        Body.LOOSE: "conv_loose_s8",
        Body.SCALAR: "conv_scalar_s8",
        Body.STREAM: "conv_stream_s8",
    },
    golden=kernels.conv,
    scales=_scale_per_channel,
)

OPERATIONS: Mapping[LayerOp, Operation] = {
    LayerOp.CONV: _CONV,
    LayerOp.DENSE: _CONV,
    LayerOp.DWCONV: Operation(
        code=Op.DWCONV,
        kernels={Body.DOT4: "dwconv_dot4_s8", Body.SCALAR: "dwconv_scalar_s8"},
        golden=kernels.dwconv,
        scales=_scale_per_channel,
    ),
    LayerOp.MAXPOOL: Operation(
        code=Op.MAXPOOL,
        kernels=_both("maxpool_s8"),
        golden=kernels.maxpool,
        scales=_no_scale,
    ),
    LayerOp.AVGPOOL: Operation(
        code=Op.AVGPOOL,
        kernels=_both("avgpool_s8"),
        golden=kernels.avgpool,
        scales=_scale_per_count,
    ),
    LayerOp.GLOBAL_AVGPOOL: Operation(
        code=Op.GLOBAL_AVGPOOL,
        kernels=_both("global_avgpool_s8"),
        golden=kernels.global_avgpool,
    ),
    LayerOp.ADD: Operation(
        code=Op.ADD,
        kernels=_both("add_s8"),
        golden=kernels.add,
        inputs=2,
        scales=_no_scale,
        in_place=True,
    ),
    LayerOp.CLIP: Operation(
        code=Op.CLIP,
        kernels=_both("clip_s8"),
        golden=kernels.clip,
        in_place=True,
    ),
}
"""All but ELEMENTWISE, which has no kernel."""

PROGRAM_KERNELS = {Body.TIGHT: "program_tight", Body.LOOSE: "program_loose"}
"""Of Op.PROGRAM, which is no layer of a network."""


def kernel_names() -> list[tuple[Op, Body, str]]:
    """Every kernel of the firmware, once for each operation and body that it computes."""
    found = {
        (operation.code, body): name
        for operation in OPERATIONS.values()
        for body, name in operation.kernels.items()
    }
    found |= {(Op.PROGRAM, body): name for body, name in PROGRAM_KERNELS.items()}
    return [(op, body, name) for (op, body), name in found.items()]
