"""Cuts steps into what one cycle can move, and asks the memory for it."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig, check_kind
from .step import Beat, ReadRequest, Step, StepKind

__all__ = ["StepFetcher"]


class StepFetcher(wiring.Component):
    """Turns a step into beats, each with a request if it is to be read.

    Throughput: one beat per cycle, also from one step to the next; a read that begins within a word
    has up to three bytes less in its first beat. Latency: a step is asked for in the cycle after it
    was taken. Back-pressure: a read waits for ``ready``, ``room`` and ``beats``, everything else
    for ``beats``. Reset: no step.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    words : int
        The most that a request may ask for.
    addr_width : int
        Of word addresses.

    Members
    -------
    steps : In(stream.Signature(Step(config=config)))
    beats : Out(stream.Signature(Beat(words=words)))
        In order. ``ready`` must not fall before a beat was taken.
    reads : Out(stream.Signature(ReadRequest(words=words, addr_width=addr_width)))
    taken_bytes : Out(range(4 * words + 1))
        Bytes wanted of the read that is taken in this cycle, or 0.
    busy : Out(1)
        There is a step.
    """

    def __init__(self, *, config, words, addr_width):
        check_kind("config", config, TileConfig)
        self._step = Step(config=config)
        self._words = words
        super().__init__(
            {
                "steps": In(stream.Signature(self._step)),
                "beats": Out(stream.Signature(Beat(words=words))),
                "reads": Out(stream.Signature(ReadRequest(words=words, addr_width=addr_width))),
                "taken_bytes": Out(range(4 * words + 1)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        step = Signal(self._step)
        beat = self.beats.payload
        is_read = Signal()
        is_data = Signal()
        space = Signal(range(4 * self._words + 1))
        finishes = Signal()
        moved = Signal()
        m.d.comb += [
            is_read.eq(step.kind == StepKind.READ),
            is_data.eq(is_read | (step.kind == StepKind.FILL)),
            space.eq(4 * self._words - beat.shift),
            finishes.eq(~is_data | (step.length <= space)),
            beat.kind.eq(step.kind),
            beat.last.eq(step.last & finishes),
            beat.shift.eq(Mux(is_read, step.value[:2], 0)),
            beat.count.eq(Mux(finishes, step.length, space)),
            beat.value.eq(step.value),
            self.reads.payload.addr.eq(step.value >> 2),
            self.reads.payload.count.eq((beat.shift + beat.count + 3) >> 2),
            self.reads.valid.eq(self.busy & is_read & self.beats.ready),
            self.beats.valid.eq(self.busy & (~is_read | self.reads.ready)),
            moved.eq(self.beats.valid & self.beats.ready),
            self.steps.ready.eq(~self.busy | (moved & finishes)),
            self.taken_bytes.eq(Mux(is_read & moved, beat.count, 0)),
        ]
        with m.If(self.steps.ready):
            m.d.sync += [self.busy.eq(self.steps.valid), step.eq(self.steps.payload)]
        with m.Elif(moved):
            m.d.sync += step.length.eq(step.length - space)
            with m.If(is_read):
                m.d.sync += step.value.eq(step.value + space)
        return m
