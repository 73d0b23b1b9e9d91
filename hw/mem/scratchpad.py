"""The scratchpad: banks of words, interleaved by the crossbar in front of them."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from ..bus.word_port import BankPort, check_power_of_two

__all__ = ["Scratchpad"]


class Scratchpad(wiring.Component):
    """Single-ported banks with byte-granular writes.

    Word ``w`` of the scratchpad is word ``w // banks`` of bank ``w % banks``. Latency: a read
    answers in the next cycle. Throughput: one access per bank and cycle. Back-pressure: none.
    Reset: the contents stay, also what is written during it; before the first write, 0.

    Parameters
    ----------
    size_bytes : int
        16 to 512 KiB, a power of two.
    banks : int
        4, 8, 16 or 32.

    Members
    -------
    ports : In(BankPort(words=bank_words)) * banks

    Raises
    ------
    HwConfigError
    """

    def __init__(self, *, size_bytes, banks):
        check_power_of_two("scratchpad.size_bytes", size_bytes, 16 << 10, 512 << 10)
        check_power_of_two("scratchpad.banks", banks, 4, 32)
        self._banks = banks
        self._bank_words = size_bytes // 4 // banks
        super().__init__({"ports": In(BankPort(words=self._bank_words)).array(banks)})

    @property
    def bank_words(self):
        """Words of a bank."""
        return self._bank_words

    def elaborate(self, platform):
        m = Module()
        for i in range(self._banks):
            port = self.ports[i]
            m.submodules[f"bank_{i}"] = bank = Memory(shape=32, depth=self._bank_words, init=[])
            read = bank.read_port()
            write = bank.write_port(granularity=8)
            writes = port.en & port.write
            m.d.comb += [
                read.en.eq(port.en & ~port.write), read.addr.eq(port.addr),
                write.en.eq(port.mask & writes.replicate(4)), write.addr.eq(port.addr),
                write.data.eq(port.data), port.rdata.eq(read.data),
            ]  # fmt: skip
        return m
