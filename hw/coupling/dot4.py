"""The digital dot product: what a hart computes with when no tile does."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..isa import ACCUMULATOR_COUNT

__all__ = ["Dot4"]


class Dot4(wiring.Component):
    """Accumulators of 32 bits and a multiplier of four int8 pairs.

    ``result`` answers in the same cycle, the accumulator changes at its end; one operation per
    cycle. Sums wrap. Accumulators are 0 at power-on and keep their values over a reset.

    Members
    -------
    en : In(1)
        Do it.
    swap : In(1)
        ACC_SWAP instead of DOT4.
    index : In(4)
        Accumulator.
    a, b : In(32)
        Four int8 each; ``a`` is the new value of a swap.
    result : Out(32)
        The new value, or for a swap the old one.
    """

    en: In(1)
    swap: In(1)
    index: In(ceil_log2(ACCUMULATOR_COUNT))
    a: In(32)
    b: In(32)
    result: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.accumulators = accumulators = memory.Memory(
            shape=32, depth=ACCUMULATOR_COUNT, init=[]
        )
        read = accumulators.read_port(domain="comb")
        write = accumulators.write_port()

        total = Signal(32)
        products = [
            self.a.word_select(i, 8).as_signed() * self.b.word_select(i, 8).as_signed()
            for i in range(4)
        ]
        m.d.comb += [
            total.eq(read.data + sum(products)),
            read.addr.eq(self.index),
            write.addr.eq(self.index),
            write.en.eq(self.en),
        ]
        with m.If(self.swap):
            m.d.comb += [write.data.eq(self.a), self.result.eq(read.data)]
        with m.Else():
            m.d.comb += [write.data.eq(total), self.result.eq(total)]
        return m
