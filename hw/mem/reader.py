"""Reads of one Wishbone initiator from main memory: words and lines."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus import wishbone
from .port import LINE_BYTES, LINE_WORDS, MemoryPort

__all__ = ["MemoryReader"]


class MemoryReader(wiring.Component):
    """Turn Wishbone reads into memory requests and hand out the words of the answer.

    Latency: the request is made in the cycle of ``stb``; a word is acknowledged in the cycle after
    its beat arrived, then one word per cycle. Back-pressure: ``memory.ready``. Reset: idle.
    Undefined: dropping ``stb`` before the acknowledgement, a burst that does not start at word 0
    of a line.

    Members
    -------
    bus : In(wishbone.Signature())
        Reads only; ``adr`` counts from the start of memory. INCR_BURST reads a line.
    memory : Out(MemoryPort)
    """

    def __init__(self, *, width_bytes):
        self._signature = MemoryPort(width_bytes=width_bytes)
        super().__init__({"bus": In(wishbone.Signature()), "memory": Out(self._signature)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(8 * LINE_BYTES)
        is_line = Signal()
        words_received = Signal(range(LINE_WORDS + 1))
        word_idx = self.bus.adr[:3]
        beat_words = self._signature.width_bytes // 4

        m.d.comb += [
            self.memory.addr.eq(self.bus.adr),
            self.memory.line.eq(self.bus.cti == wishbone.CycleType.INCR_BURST),
            self.bus.dat_r.eq(line.word_select(word_idx, 32)),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.memory.valid.eq(self.bus.cyc & self.bus.stb)
                with m.If(self.memory.valid & self.memory.ready):
                    m.d.sync += [is_line.eq(self.memory.line), words_received.eq(0)]
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                with m.If(self.memory.rsp_valid):
                    self._store_beat(m, line, is_line, words_received, word_idx)
                    m.d.sync += words_received.eq(words_received + beat_words)
                with m.If(is_line):
                    m.d.comb += self.bus.ack.eq(self.bus.stb & (word_idx < words_received))
                    with m.If(self.bus.ack & (word_idx == LINE_WORDS - 1)):
                        m.next = "IDLE"
                with m.Elif(words_received != 0):
                    m.d.comb += self.bus.ack.eq(self.bus.stb)
                    m.next = "IDLE"
        return m

    def _store_beat(self, m, line, is_line, words_received, word_idx):
        width = 8 * self._signature.width_bytes
        beats = self._signature.line_beats
        if beats == 1:
            m.d.sync += line.eq(self.memory.rsp_data)
            return
        words_log2 = (self._signature.width_bytes // 4 - 1).bit_length()
        beat_idx = Signal(range(beats))
        with m.If(is_line):
            m.d.comb += beat_idx.eq(words_received >> words_log2)
        with m.Else():
            m.d.comb += beat_idx.eq(word_idx >> words_log2)
        m.d.sync += line.word_select(beat_idx, width).eq(self.memory.rsp_data)
