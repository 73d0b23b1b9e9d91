"""Makes one read of reads that continue each other in memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig, check_kind
from .step import Step, StepKind

__all__ = ["StepMerger"]


class StepMerger(wiring.Component):
    """Joins neighbouring READ steps of one MVM that have no gap in memory between them.

    So the pixels of a kernel row are read as one if they lie side by side, whatever the number of
    their channels. Throughput: one step per cycle in, and out if nothing can be joined. Latency: a
    READ that is not the last step of its MVM leaves when the next step is there, any other step in
    the cycle after it came. Back-pressure: one step is held. Reset: none.

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
        check_kind("config", config, TileConfig)
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
        m.d.comb += [
            closed.eq(held.last | (held.kind != StepKind.READ)),
            continues.eq(~closed & (step.kind == StepKind.READ) & (step.value == held_end)),
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
