"""How fast kernels are on RTL."""

from collections.abc import Iterator, Sequence

from tightrope.sim.calibrate.layers import conv_layer, machine
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.image.layout import Body
from tightrope.sim.workload.layers import LayerOp

from .rows import Message, Progress, Row, checked, hart_count

__all__ = ["SIZE", "kernel_rows", "rows_of_kernels"]

MAC_BARS = {1: 1.6, 8: 1.45}
"""By harts."""
DEPTHWISE_BAR = 0.5
MAC_LIMIT = 4.0
"""DOT4 multiplies four bytes per cycle."""

SIZE = 14
"""Height and width of the pointwise layers, as in the second half of a CNN."""
CHANNELS = (64, 128, 256)
COMPARED_CHANNELS = 128
"""Of the layer that is also run on tiles; it fits one tile."""
DEPTHWISE = (
    (112, 32, 1, 32), (56, 144, 1, 24), (56, 144, 2, None), (14, 384, 1, None), (7, 960, 1, None),
)  # fmt: skip
"""Side, channels, stride and rows (all if None) of MobileNetV2's depth-wise layers."""


def kernel_rows(*, on_message: Message, on_progress: Progress) -> list[Row]:
    """Digital convolutions on RTL, on one hart and on eight, and tiles beside them."""
    cases = []
    for harts in (1, 8):
        cases += [_pointwise(channels, harts, Body.DOT4) for channels in CHANNELS]
        cases += [_pointwise(COMPARED_CHANNELS, harts, body) for body in (Body.TIGHT, Body.LOOSE)]
        cases += [_depthwise(*shape, harts) for shape in DEPTHWISE]
    found = measure(
        cases,
        on_message=on_message,
        on_progress=lambda done, total: on_progress("kernels on RTL", done, total),
    )
    return list(rows_of_kernels(found))


def _pointwise(channels: int, harts: int, body: Body) -> Case:
    return Case(layer=conv_layer(SIZE, channels, channels), machine=machine(harts), body=body)


def _depthwise(side: int, channels: int, stride: int, rows: int | None, harts: int) -> Case:
    layer = conv_layer(side, channels, channels, 3, stride, 1, LayerOp.DWCONV, rows)
    return Case(layer=layer, machine=machine(harts))


def rows_of_kernels(found: Sequence[Measurement]) -> Iterator[Row]:
    """What was measured, as rows."""
    digital: dict[int, Measurement] = {}
    for one in found:
        case = one.case
        harts, channels = case.machine.harts, case.layer.in_shape[2]
        if case.body is not Body.DOT4:
            continue
        depthwise = case.layer.op is LayerOp.DWCONV
        if channels == COMPARED_CHANNELS and not depthwise:
            digital[harts] = one
        name = f"DOT4 pointwise, {channels} channels"
        if depthwise:
            height, width, _ = case.layer.in_shape
            name = f"depth-wise 3x3, {height}x{width}x{channels}, stride {case.layer.stride[0]}"
        yield checked(
            one,
            name=f"{name}, {hart_count(harts)}",
            value=case.layer.macs / one.rtl_cycles / harts,
            unit="MAC/cycle/hart",
            bar=DEPTHWISE_BAR if depthwise else MAC_BARS[harts],
            limit=MAC_LIMIT,
        )
    for one in found:
        body, harts = one.case.body, one.case.machine.harts
        if body is not Body.DOT4:
            layer = f"{COMPARED_CHANNELS} channels, {hart_count(harts)}"
            yield checked(
                one,
                name=f"{body.name.lower()} / DOT4, {layer}",
                value=digital[harts].rtl_cycles / one.rtl_cycles,
                unit="speed-up",
            )
