"""How fast kernels are on RTL."""

from collections.abc import Iterator, Sequence

from tightrope.sim.calibrate.layers import conv_layer, machine
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.image.layout import Body

from .rows import Message, Progress, Row, checked, hart_count

__all__ = ["SIZE", "kernel_rows", "rows_of_kernels"]

MAC_BAR = 1.0
MAC_LIMIT = 4.0
"""DOT4 multiplies four bytes per cycle."""

SIZE = 14
"""Height and width of the pointwise layers, as in the second half of a CNN."""
CHANNELS = (64, 128, 256)
COMPARED_CHANNELS = 128
"""Of the layer that is also run on tiles and on 8 harts; it fits one tile."""


def kernel_rows(*, on_message: Message, on_progress: Progress) -> list[Row]:
    """Pointwise convolutions on RTL: DOT4 on one hart and on eight, tiles beside DOT4."""
    cases = [_pointwise(channels, 1, Body.DOT4) for channels in CHANNELS]
    for harts in (1, 8):
        cases += [_pointwise(COMPARED_CHANNELS, harts, body) for body in (Body.TIGHT, Body.LOOSE)]
    cases.append(_pointwise(COMPARED_CHANNELS, 8, Body.DOT4))
    found = measure(
        cases,
        on_message=on_message,
        on_progress=lambda done, total: on_progress("kernels on RTL", done, total),
    )
    return list(rows_of_kernels(found))


def _pointwise(channels: int, harts: int, body: Body) -> Case:
    return Case(layer=conv_layer(SIZE, channels, channels), machine=machine(harts), body=body)


def rows_of_kernels(found: Sequence[Measurement]) -> Iterator[Row]:
    """What was measured, as rows."""
    digital: dict[int, Measurement] = {}
    for one in found:
        case = one.case
        harts, channels = case.machine.harts, case.layer.in_shape[2]
        if case.body is not Body.DOT4:
            continue
        if channels == COMPARED_CHANNELS:
            digital[harts] = one
        rate = case.layer.macs / one.rtl_cycles / harts
        yield checked(
            one,
            name=f"DOT4 pointwise, {channels} channels, {hart_count(harts)}",
            value=rate,
            unit="MAC/cycle/hart",
            bar=MAC_BAR if harts == 1 else None,
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
