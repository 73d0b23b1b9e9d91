"""The array of main memory for pysim: small, in Amaranth."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["SmallArray"]


class SmallArray(wiring.Component):
    """``init`` holds beats; ``memory.data`` is what a test may look into."""

    def __init__(self, *, config, size_words, init=()):
        self._words = config.bytes_per_cycle // 4
        self.memory = Memory(
            shape=32 * self._words, depth=size_words // self._words, init=list(init)
        )
        super().__init__(
            {
                "en": In(1), "addr": In(32), "we": In(1), "wdata": In(32 * self._words),
                "wmask": In(4 * self._words), "rdata": Out(32 * self._words),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self.memory
        read = memory.read_port()
        write = memory.write_port(granularity=8)
        m.d.comb += [
            read.addr.eq(self.addr),
            read.en.eq(self.en & ~self.we),
            self.rdata.eq(read.data),
            write.addr.eq(self.addr),
            write.data.eq(self.wdata),
        ]
        with m.If(self.en & self.we):
            m.d.comb += write.en.eq(self.wmask)
        return m
