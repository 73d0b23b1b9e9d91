"""Main memory as blocks of an FPGA: the array of main memory that a board holds on its chip."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ..board import BLOCK_RAM, BOARD_DOMAIN
from ..config import MemoryConfig, check_kind
from .host_port import HostMemoryPort
from .main_memory import storage_members

__all__ = ["BlockRamArray"]

MAX_READ_CYCLES = 4
"""To the blocks, into them, behind the choice among them, and on the way back."""


class BlockRamArray(wiring.Component):
    """The memory array in block RAM, with a second port for the host.

    Machine's port: one access per cycle, ``rdata`` is valid ``read_cycles`` after ``en``. Blocks
    lie all over a chip, so what goes there and comes from there has registers of its own, as far as
    the memory's latency has room for them. Never late. An address beyond the memory is undefined.
    Reset ends an access that has not reached the blocks.
    Host's port: one request per cycle, a read answers in the next one. Both at a time, one of
    them writing the word that the other one uses, is undefined: the host's must wait while the
    machine runs, which is for whoever connects it to see to.
    Contents are 0 at power-on and survive reset.

    Parameters
    ----------
    config : MemoryConfig

    Members
    -------
    en, addr, we, wdata, wmask, rdata
        As of BehaviouralArray.
    late : Out(1)
        See :func:`storage_members`; always 0.
    host : In(HostMemoryPort())
        In the domain of the board.

    Raises
    ------
    TypeError
        If ``config`` is not a MemoryConfig.
    """

    def __init__(self, *, config):
        check_kind("config", config, MemoryConfig)
        self._width_bytes = config.bytes_per_cycle
        self.read_cycles = min(config.latency_cycles, MAX_READ_CYCLES)
        self._depth = config.size_bytes // config.bytes_per_cycle
        super().__init__(
            {**storage_members(config), "late": Out(1), "host": In(HostMemoryPort())}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = memory.Memory(
            shape=data.ArrayLayout(8, self._width_bytes),
            depth=self._depth,
            init=[],
            attrs=BLOCK_RAM,
        )
        addr_bits = bits_for(self._depth - 1)
        found = Signal(8 * self._width_bytes, reset_less=True)
        # As in BlockMemory: Yosys makes a port of the block of read, register and write.
        read = words.read_port(domain="comb")
        write = words.write_port(granularity=1)
        access = self._arriving(m, addr_bits)
        with m.If(access.en & ~access.we):
            m.d.sync += found.eq(read.data.as_value())
        m.d.comb += [
            self.rdata.eq(self._leaving(m, found)),
            read.addr.eq(access.addr),
            write.addr.eq(access.addr),
            write.en.eq(access.wmask & (access.en & access.we).replicate(self._width_bytes)),
            write.data.as_value().eq(access.wdata),
        ]
        self._add_host(m, words, addr_bits)
        return m

    def _arriving(self, m, addr_bits):
        """The access at the blocks: this cycle's, or that of the cycle before."""
        access = Signal(
            data.StructLayout(
                {
                    "en": 1, "we": 1, "addr": addr_bits,
                    "wdata": 8 * self._width_bytes, "wmask": self._width_bytes,
                }
            )
        )  # fmt: skip
        domain = m.d.sync if self.read_cycles > 1 else m.d.comb
        domain += [access[name].eq(getattr(self, name)) for name in access.shape().members]
        return access

    def _leaving(self, m, found):
        """What was found, as many cycles later as are left."""
        for i in range(self.read_cycles - 2):
            later = Signal.like(found, name=f"found_{i}", reset_less=True)
            m.d.sync += later.eq(found)
            found = later
        return found

    def _add_host(self, m, words, addr_bits):
        """The second port of the blocks: a word of a beat."""
        host = self.host
        place_bits = exact_log2(self._width_bytes // 4)
        place, beat_addr = host.addr[:place_bits], host.addr[place_bits : place_bits + addr_bits]
        asked_place = Signal.like(place, name="asked_place", reset_less=True)
        found = Signal(8 * self._width_bytes, reset_less=True)
        read = words.read_port(domain="comb")
        write = words.write_port(domain=BOARD_DOMAIN, granularity=1)
        with m.If(host.valid & ~host.we):
            m.d[BOARD_DOMAIN] += found.eq(read.data.as_value())
        m.d[BOARD_DOMAIN] += [
            host.rsp_valid.eq(host.valid & ~host.we),
            asked_place.eq(place),
        ]
        m.d.comb += [
            host.ready.eq(1),
            read.addr.eq(beat_addr),
            write.addr.eq(beat_addr),
            write.en.eq((host.valid & host.we).replicate(4) << (place << 2)),
            write.data.as_value().eq(Cat([host.wdata] * (self._width_bytes // 4))),
            host.rdata.eq(found.word_select(asked_place, 32)),
        ]
