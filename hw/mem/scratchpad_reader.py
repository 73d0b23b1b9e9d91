"""Reads of one Wishbone initiator from the scratchpad: words and lines."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..bus import wishbone
from ..bus.word_port import WordPort
from .port import LINE_WORDS

__all__ = ["ScratchpadReader"]


class ScratchpadReader(wiring.Component):
    """Turn Wishbone reads into requests for words, those of a line ahead of their addresses.

    Latency: without a conflict a word is acknowledged in the cycle after it was first asked for,
    the following ones of a line one per cycle. Back-pressure: ``memory.ready``. Reset: idle.
    Undefined: a read that is dropped before its last acknowledgement, a burst that does not start
    at word 0 of a line.

    Parameters
    ----------
    addr_width : int
        Of word addresses in the scratchpad.

    Members
    -------
    bus : In(wishbone.Signature())
        Reads only; ``adr`` counts from the start of the scratchpad. INCR_BURST reads a line.
    memory : Out(WordPort(addr_width=addr_width))
    """

    def __init__(self, *, addr_width):
        super().__init__(
            {"bus": In(wishbone.Signature()), "memory": Out(WordPort(addr_width=addr_width))}
        )

    def elaborate(self, platform):
        m = Module()
        bus, memory = self.bus, self.memory
        offset_bits = ceil_log2(LINE_WORDS)
        granted = Signal(range(LINE_WORDS + 1))  # words of the line
        answered = Signal()  # what was granted in the last cycle
        taken = Signal()
        line_begins = Signal()
        m.d.comb += [
            line_begins.eq(bus.cti == wishbone.CycleType.INCR_BURST),
            memory.addr.eq(
                Mux(granted == 0, bus.adr, Cat(granted[:offset_bits], bus.adr[offset_bits:]))
            ),
            memory.valid.eq(
                bus.cyc & bus.stb & ~granted[offset_bits] & ((granted != 0) | ~answered)
            ),
            taken.eq(memory.valid & memory.ready),
            bus.ack.eq(answered),
            bus.dat_r.eq(memory.rdata),
        ]
        m.d.sync += answered.eq(taken)
        with m.If(taken & ((granted != 0) | line_begins)):
            m.d.sync += granted.eq(granted + 1)
        with m.Elif(granted[offset_bits]):
            m.d.sync += granted.eq(0)
        return m
