"""Makes one step of steps that continue each other."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig
from .step import Step, StepKind

__all__ = ["StepMerger"]


class StepMerger(wiring.Component):
    """Joins neighbouring steps of one MVM: reads without a gap in memory, and fills.

    So the pixels of a kernel row are read as one if they lie side by side, whatever the number of
    their channels. Throughput: one step per cycle in, and out if nothing can be joined. Latency: a
    step leaves when the next one is there, or when it is sure to be the last of its kind.
    Back-pressure: one step is held. Reset: none.

    Parameters
    ----------
    config : TileConfig
        Geometry.

    Members
    -------
    i : In(stream.Signature(Step(config=config)))
    o : Out(stream.Signature(Step(config=config)))
    """

    def __init__(self, *, config):
        if not isinstance(config, TileConfig):
            raise TypeError(f"config must be a TileConfig, not {config!r}")
        self._step = Step(config=config)
        super().__init__(
            {"i": In(stream.Signature(self._step)), "o": Out(stream.Signature(self._step))}
        )

    def elaborate(self, platform):
        m = Module()
        step = self.i.payload
        held = Signal(self._step)
        held_valid = Signal()
        held_end = Signal(32)
        closed = Signal()
        continues = Signal()
        reads = (held.kind == StepKind.READ) & (step.kind == StepKind.READ)
        fills = (held.kind == StepKind.FILL) & (step.kind == StepKind.FILL)
        m.d.comb += [
            closed.eq(held.last | (held.kind == StepKind.CONFIG) | (held.kind == StepKind.RESTART)),
            continues.eq(~closed & (fills | (reads & (held_end == step.value)))),
            self.o.payload.eq(held),
            self.o.valid.eq(held_valid & (closed | (self.i.valid & ~continues))),
            self.i.ready.eq(~held_valid | continues | self.o.ready),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held_valid.eq(1), held_end.eq(step.value + step.length)]
            with m.If(held_valid & continues):
                m.d.sync += [held.length.eq(held.length + step.length), held.last.eq(step.last)]
            with m.Else():
                m.d.sync += held.eq(step)
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += held_valid.eq(0)
        return m
