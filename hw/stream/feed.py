"""Puts a job's input into the tile."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..tile.ports import QueueWord
from .step import Beat, StepKind

__all__ = ["TileFeeder"]


class TileFeeder(wiring.Component):
    """Brings what was read, and what need not be, to the tile in order.

    Throughput: one beat per cycle; the last one of an MVM also starts it. Latency: none.
    Back-pressure: ``queue``. Reset: zero point 0.

    Parameters
    ----------
    words : int
        Of a beat.

    Members
    -------
    beats : In(stream.Signature(Beat(words=words)))
    answers : In(stream.Signature(32 * words))
        What the memory said to the READ beats.
    queue, process, drop, config_en, config_index, config_data
        To the ports of the tile's names.
    feeding : Out(1)
        The input of an MVM goes to the tile: from its first beat to its last. For waveforms.
    """

    def __init__(self, *, words):
        self._words = words
        super().__init__(
            {
                "beats": In(stream.Signature(Beat(words=words))),
                "answers": In(stream.Signature(32 * words)),
                "queue": Out(stream.Signature(QueueWord(port_bytes=4 * words))),
                "process": Out(stream.Signature(1)),
                "drop": Out(1),
                "config_en": Out(1),
                "config_index": Out(3),
                "config_data": Out(32),
                "feeding": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat = self.beats.payload
        zero_point = Signal(8)
        begun = Signal()  # part of the input is in the tile
        moved = self.queue.valid & self.queue.ready
        shifted = Array(self.answers.payload >> 8 * shift for shift in range(4))[beat.shift]
        filling = Cat(zero_point for _ in range(4 * self._words))
        m.d.comb += [
            self.queue.payload.count.eq(beat.count),
            self.queue.payload.data.eq(Mux(beat.kind == StepKind.READ, shifted, filling)),
            # The tile is ready for both or for none of them.
            self.process.valid.eq(self.queue.valid & beat.last),
            self.config_index.eq(beat.count),
            self.config_data.eq(beat.value),
            self.feeding.eq(begun | moved),
        ]
        with m.If(self.drop):
            m.d.sync += begun.eq(0)
        with m.Elif(moved):
            m.d.sync += begun.eq(~beat.last)
        with m.Switch(beat.kind):
            with m.Case(StepKind.READ):
                m.d.comb += [
                    self.queue.valid.eq(self.beats.valid & self.answers.valid),
                    self.answers.ready.eq(self.beats.valid & self.queue.ready),
                    self.beats.ready.eq(self.answers.valid & self.queue.ready),
                ]
            with m.Case(StepKind.FILL):
                m.d.comb += [
                    self.queue.valid.eq(self.beats.valid),
                    self.beats.ready.eq(self.queue.ready),
                ]
            with m.Case(StepKind.CONFIG):
                m.d.comb += [self.config_en.eq(self.beats.valid), self.beats.ready.eq(1)]
            with m.Case(StepKind.RESTART):
                m.d.comb += [self.drop.eq(self.beats.valid), self.beats.ready.eq(1)]
                with m.If(self.beats.valid):
                    m.d.sync += zero_point.eq(beat.value)
        return m
