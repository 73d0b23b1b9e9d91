"""How steadily a loose tile computes that streams."""

from collections.abc import Iterator, Sequence

from tightrope.hw.isa import TileStatusReg
from tightrope.sim.calibrate.layers import conv_layer
from tightrope.sim.calibrate.stream_cases import stream_machine
from tightrope.sim.experiment.case import Case, Measurement
from tightrope.sim.experiment.measure import measure
from tightrope.sim.image.layout import Body

from .rows import Message, Progress, Row, checked

__all__ = ["stream_cases", "stream_row_list", "stream_rows"]

LAYER = (28, 256, 256)
"""Size and channels: every MVM reads and writes 256 bytes."""
WIDTHS = (64, 16, 4)
"""Bytes per cycle of the stream port."""
BAR = 0.95


def stream_rows(*, on_message: Message, on_progress: Progress) -> list[Row]:
    """A long pointwise layer on one tile, measured on RTL."""
    found = measure(
        stream_cases(),
        on_message=on_message,
        on_progress=lambda done, total: on_progress("streams on RTL", done, total),
    )
    return list(stream_row_list(found))


def stream_cases() -> list[Case]:
    """One hart that drives one tile, at each width."""
    return [
        Case(
            layer=conv_layer(*LAYER),
            machine=stream_machine(1, stream_bytes_per_cycle=width),
            body=Body.STREAM,
        )
        for width in WIDTHS
    ]


def stream_row_list(found: Sequence[Measurement]) -> Iterator[Row]:
    """The share of the time with a job in which the tile, or its port, is as busy as can be."""
    for one in found:
        machine = one.case.machine
        width = machine.stream_bytes_per_cycle
        mvms = int(one.tile(TileStatusReg.MVMS).sum())
        moved = int(
            one.tile(TileStatusReg.STREAM_BYTES_IN).sum()
            + one.tile(TileStatusReg.STREAM_BYTES_OUT).sum()
        )
        bound = max(mvms * machine.tile.mvm_latency_cycles, moved / width)
        yield checked(
            one,
            name=f"streaming tile of 256x256, {width} bytes per cycle",
            value=bound / int(one.tile(TileStatusReg.STREAM_BUSY_CYCLES).sum()),
            unit="of max(MVM, in + out)",
            bar=BAR,
            limit=1.0,
        )
