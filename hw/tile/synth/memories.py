"""Memories of a shape that FPGAs have as blocks."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...board import BLOCK_RAM

__all__ = ["BlockMemory"]


class BlockMemory(wiring.Component):
    """Words of ``parts`` parts; one write, of any of them, and one read per cycle.

    A read answers in the next cycle, undefined if the word is written in its own. Contents are 0 at
    power-on and survive reset.

    Parameters
    ----------
    part_bits, parts, depth : int

    Members
    -------
    write_en : In(parts)
    write_addr, read_addr : In(bits_for(depth - 1))
    write_data : In(ArrayLayout(part_bits, parts))
    read_data : Out(ArrayLayout(part_bits, parts))
        Of the address of the cycle before.
    """

    def __init__(self, *, part_bits, parts, depth):
        self._shape = data.ArrayLayout(part_bits, parts)
        self._depth = depth
        super().__init__(
            {
                "write_en": In(parts),
                "write_addr": In(bits_for(depth - 1)),
                "write_data": In(self._shape),
                "read_addr": In(bits_for(depth - 1)),
                "read_data": Out(self._shape),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=self._shape, depth=self._depth, init=[], attrs=BLOCK_RAM
        )
        write = words.write_port(granularity=1)
        # Yosys makes one of read and register; a synchronous port of Amaranth's would promise the
        # old word while a new one is written.
        read = words.read_port(domain="comb")
        found = Signal(self._shape, reset_less=True)
        m.d.sync += found.eq(read.data)
        m.d.comb += [
            write.en.eq(self.write_en),
            write.addr.eq(self.write_addr),
            write.data.eq(self.write_data),
            read.addr.eq(self.read_addr),
            self.read_data.eq(found),
        ]
        return m
