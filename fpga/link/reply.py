"""From an answer and its payload to the bytes of the line."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .checksum import ChecksumPort
from .protocol import REPLY_MARK, VERSION
from .request import COUNT_BITS

__all__ = ["ReplySender"]


class ReplySender(wiring.Component):
    """Sends one reply at a time.

    Members
    -------
    start : In(1)
        Send a reply; its fields stay as they are until ``done``.
    answer, number, count : In(8), In(8), In
    word_idx : Out
        The next word of the payload that is needed, for many cycles before it is.
    word : In(32)
        That word, at the latest in the second cycle after ``word_idx`` names it.
    done : Out(1)
        In the cycle in which the line takes the last byte.
    valid, data, ready : Out(1), Out(8), In(1)
        The line, as UartTransmitter's.
    checksum : Out(ChecksumPort)
    """

    start: In(1)
    answer: In(8)
    number: In(8)
    count: In(COUNT_BITS)
    word_idx: Out(COUNT_BITS)
    word: In(32)
    done: Out(1)
    valid: Out(1)
    data: Out(8)
    ready: In(1)
    checksum: Out(ChecksumPort())

    def elaborate(self, platform):
        m = Module()
        bits = Signal(32)
        byte_idx = Signal(2)
        ends = Signal()
        begins = Signal()
        m.d.comb += self.data.eq(bits[:8])
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    bits.eq(Cat(Const(REPLY_MARK, 8), self.answer, self.number, Const(VERSION, 8))),
                    self.word_idx.eq(0),
                    begins.eq(1),
                    ends.eq(0),
                ]
                m.d.comb += self.checksum.start.eq(self.start)
                with m.If(self.start):
                    m.next = "BYTES"
            with m.State("BYTES"):
                m.d.comb += self.valid.eq(1)
                with m.If(self.ready):
                    m.d.sync += [bits.eq(bits[8:]), byte_idx.eq(byte_idx + 1)]
                    with m.If(~ends):
                        m.d.comb += [
                            self.checksum.valid.eq(1), self.checksum.data.eq(self.data),
                        ]  # fmt: skip
                    with m.If(byte_idx == 3):
                        m.d.comb += self.done.eq(ends)
                        m.next = "WORD"
            with m.State("WORD"):
                m.next = "BYTES"
                with m.If(ends):
                    m.next = "IDLE"
                with m.Elif(begins):
                    m.d.sync += [bits.eq(self.count), begins.eq(0)]
                with m.Elif(self.word_idx == self.count):
                    m.d.sync += [bits.eq(self.checksum.value), ends.eq(1)]
                with m.Else():
                    m.d.sync += [bits.eq(self.word), self.word_idx.eq(self.word_idx + 1)]
        return m
