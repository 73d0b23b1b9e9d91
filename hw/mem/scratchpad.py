"""The scratchpad: banks of words, interleaved by the crossbar in front of them."""

from pathlib import Path

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, connect, flipped
from amaranth.utils import ceil_log2

from ..bus.word_port import BankPort
from ..config import check_power_of_two

__all__ = ["BehaviouralBank", "MemoryBank", "Scratchpad", "bank_sources", "word_addr_width"]


def bank_sources(config):
    """Verilog that :class:`BehaviouralBank` needs; none for a ScratchpadConfig without bytes."""
    return [Path(__file__).parent / "scratchpad_bank.sv"] if config.size_bytes else []


def word_addr_width(size_bytes):
    """Bits of a word address at the ports of a scratchpad: with one bit for what is beyond it."""
    return ceil_log2(size_bytes // 4) + 1


class MemoryBank(wiring.Component):
    """A bank as Amaranth's memory, for Amaranth's simulator: in Verilog, a line for each word."""

    def __init__(self, *, words):
        self._words = words
        super().__init__({"port": In(BankPort(words=words))})

    def elaborate(self, platform):
        m = Module()
        port = self.port
        m.submodules.words = words = Memory(shape=32, depth=self._words, init=[])
        read = words.read_port()
        write = words.write_port(granularity=8)
        writes = port.en & port.write
        m.d.comb += [
            read.en.eq(port.en & ~port.write), read.addr.eq(port.addr),
            write.en.eq(port.mask & writes.replicate(4)), write.addr.eq(port.addr),
            write.data.eq(port.data), port.rdata.eq(read.data),
        ]  # fmt: skip
        return m


class BehaviouralBank(wiring.Component):
    """The same bank in Verilog, for Verilator and synthesis: see ``scratchpad_bank.sv``."""

    def __init__(self, *, words):
        self._words = words
        super().__init__({"port": In(BankPort(words=words))})

    def elaborate(self, platform):
        m = Module()
        port = self.port
        m.submodules.words = Instance(
            "scratchpad_bank",
            p_WORDS=self._words,
            i_clk=ClockSignal(),
            i_en=port.en,
            i_write=port.write,
            i_addr=port.addr,
            i_data=port.data,
            i_mask=port.mask,
            o_rdata=port.rdata,
        )
        return m


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
    bank : callable
        Called in ``elaborate`` with ``words``; returns a component with ``port``, an
        ``In(BankPort(words=words))``.

    Members
    -------
    ports : In(BankPort(words=bank_words)) * banks

    Raises
    ------
    HwConfigError
    """

    def __init__(self, *, size_bytes, banks, bank=MemoryBank):
        check_power_of_two("scratchpad.size_bytes", size_bytes, 16 << 10, 512 << 10)
        check_power_of_two("scratchpad.banks", banks, 4, 32)
        self._banks = banks
        self._bank = bank
        self._bank_words = size_bytes // 4 // banks
        super().__init__({"ports": In(BankPort(words=self._bank_words)).array(banks)})

    @property
    def bank_words(self):
        """Words of a bank."""
        return self._bank_words

    def elaborate(self, platform):
        m = Module()
        for i in range(self._banks):
            m.submodules[f"bank_{i}"] = bank = self._bank(words=self._bank_words)
            connect(m, flipped(self.ports[i]), bank.port)
        return m
