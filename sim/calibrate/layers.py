"""Layers and machines that are measured, and the ways to run them."""

import dataclasses

from tightrope.hw.config import ClusterConfig
from tightrope.sim.experiment.machines import nominal_machine
from tightrope.sim.image.layout import Body
from tightrope.sim.mapping.plan import TightSplit
from tightrope.sim.workload.layers import Layer, LayerOp

__all__ = ["conv_layer", "dense_layer", "machine", "tile_ways", "ways_of"]


def machine(harts: int, **changes) -> ClusterConfig:
    """The calibrated machine: 256x256 tiles, one tight tile per hart, and loose tiles."""
    return dataclasses.replace(nominal_machine(ClusterConfig(harts=harts)), **changes)


def conv_layer(
    size: int, in_c: int, out_c: int, kernel: int = 1, stride: int = 1, pad: int = 0,
    op: LayerOp = LayerOp.CONV, rows: int | None = None,
) -> Layer:  # fmt: skip
    """A square layer of any operator; ``rows`` limits its height."""
    height = size if rows is None else rows
    out = [(side + 2 * pad - kernel) // stride + 1 for side in (height, size)]
    if op is LayerOp.GLOBAL_AVGPOOL:
        out, kernel_hw = [1, 1], (height, size)
    else:
        kernel_hw = (kernel, kernel)
    dims = f"{height}x{size}x{in_c}" + (f":{out_c}" if op is LayerOp.CONV else "")
    shape = f":{kernel}x{kernel}:s{stride}:p{pad}" if kernel > 1 or stride > 1 else ""
    return Layer(
        name=f"{op.value}:{dims}{shape}",
        op=op,
        source_op=op.value,
        in_shape=(height, size, in_c),
        out_shape=(out[0], out[1], out_c),
        kernel=kernel_hw,
        stride=(stride, stride),
        pads=(pad, pad, pad, pad),
        inputs=2 if op is LayerOp.ADD else 1,
    )


def dense_layer(inputs: int, outputs: int) -> Layer:
    """A dense layer."""
    return Layer(
        name=f"dense:{inputs}:{outputs}", op=LayerOp.DENSE, source_op="Gemm",
        in_shape=(1, 1, inputs), out_shape=(1, 1, outputs),
    )  # fmt: skip


def tile_ways() -> list[tuple[Body, TightSplit | None]]:
    """Both couplings; tight tiles in both ways."""
    return [
        (Body.TIGHT, TightSplit.REPLICATE), (Body.TIGHT, TightSplit.CHANNELS), (Body.LOOSE, None),
    ]  # fmt: skip


def ways_of(layer: Layer, harts: int) -> list[tuple[Body, TightSplit | None]]:
    """Every way that makes a difference to a layer on so many harts."""
    if layer.op not in (LayerOp.CONV, LayerOp.DENSE):
        return [(Body.DOT4, None)]
    ways = tile_ways()
    if harts == 1:
        ways.remove((Body.TIGHT, TightSplit.CHANNELS))
    return [(Body.DOT4, None), *ways]
