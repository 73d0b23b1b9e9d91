"""Where a hart's bus accesses go: memories, its own registers, shared ones, nowhere."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus import wishbone
from ..bus.shared import RegisterBus
from ..bus.word_port import WordPort
from ..mem.port import MemoryPort
from ..mem.reader import MemoryReader
from ..mem.scratchpad import word_addr_width
from ..mem.scratchpad_reader import ScratchpadReader
from ..memmap import HART_LOCAL, HOST, LOOSE_TILE, MAIN_MEMORY, SCRATCHPAD, SYNC
from .write_buffer import WriteBuffer

__all__ = ["DataPort", "FetchPort", "SHARED_ADDR_WIDTH"]

SHARED_ADDR_WIDTH = 25
"""Byte address within the shared register window; bit 24 separates host and tiles."""


def _in_region(adr, region):
    """Whether word address ``adr`` lies in a region (a power of two, aligned)."""
    low = (region.size_bytes // 4 - 1).bit_length()
    return adr[low:] == region.base_addr >> (low + 2)


def _in_memory(adr, size_bytes, region=MAIN_MEMORY):
    """Whether word address ``adr`` is in a memory, cached or by its uncached alias."""
    region_low = (region.size_bytes // 4 - 1).bit_length()
    in_region = adr[region_low:29] == (region.base_addr & 0x7FFF_FFFF) >> (region_low + 2)
    return in_region & (adr[:region_low] < size_bytes // 4)


class FetchPort(wiring.Component):
    """Instruction fetches: main memory, or a bad access.

    Timing is that of :class:`MemoryReader`. A fetch from anywhere else answers 0 (an illegal
    instruction) in the same cycle.

    Members
    -------
    bus : In(wishbone.Signature())
    memory : Out(MemoryPort)
    """

    def __init__(self, *, config):
        self._config = config
        width = config.bytes_per_cycle
        super().__init__(
            {"bus": In(wishbone.Signature()), "memory": Out(MemoryPort(width_bytes=width))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = MemoryReader(width_bytes=self._config.bytes_per_cycle)
        connect(m, flipped(self.memory), reader.memory)
        in_memory = _in_memory(self.bus.adr, self._config.size_bytes)
        m.d.comb += [
            reader.bus.adr.eq(self.bus.adr[:27]),
            reader.bus.cti.eq(self.bus.cti),
            reader.bus.cyc.eq(self.bus.cyc & in_memory),
            reader.bus.stb.eq(self.bus.stb & in_memory),
        ]
        with m.If(in_memory):
            m.d.comb += [self.bus.dat_r.eq(reader.bus.dat_r), self.bus.ack.eq(reader.bus.ack)]
        with m.Else():
            m.d.comb += self.bus.ack.eq(self.bus.cyc & self.bus.stb)
        return m


class DataPort(wiring.Component):
    """Loads and stores of one hart.

    Stores to a memory are acknowledged at once while :class:`WriteBuffer` has room; loads and
    register accesses wait until it is empty. Reads of main memory have the timing of
    :class:`MemoryReader`, of the scratchpad that of :class:`ScratchpadReader`; register accesses
    that of their target. Anything else is answered with 0 in the same cycle and reported.
    Back-pressure: no acknowledgement. Reset: buffer empty.

    Parameters
    ----------
    config : MemoryConfig
    loose_tiles : int
        Tiles that exist on the shared bus.
    scratchpad_bytes : int
        Size of the scratchpad, 0 if there is none.

    Members
    -------
    bus : In(wishbone.Signature())
    memory : Out(MemoryPort)
    scratchpad : Out(WordPort)
        If there is one.
    local : Out(RegisterBus)
        Hart-local registers (``hart`` is not driven: nobody else can get there).
    sync : Out(RegisterBus)
    shared : Out(RegisterBus)
    stores : Out(1)
        A store to main memory is acknowledged in this cycle.
    bad : Out(1)
        A bad access in this cycle, ``bad_addr`` its byte address.
    """

    def __init__(self, *, config, loose_tiles, scratchpad_bytes=0):
        self._config = config
        self._loose_tiles = loose_tiles
        self._scratchpad_bytes = scratchpad_bytes
        scratchpad = {}
        if scratchpad_bytes:
            addr_width = word_addr_width(scratchpad_bytes)
            scratchpad["scratchpad"] = Out(WordPort(addr_width=addr_width))
        super().__init__(
            {
                **scratchpad,
                "bus": In(wishbone.Signature()),
                "memory": Out(MemoryPort(width_bytes=config.bytes_per_cycle)),
                "local": Out(RegisterBus(addr_width=12)),
                "sync": Out(RegisterBus(addr_width=12)),
                "shared": Out(RegisterBus(addr_width=SHARED_ADDR_WIDTH)),
                "stores": Out(1),
                "bad": Out(1),
                "bad_addr": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = MemoryReader(width_bytes=self._config.bytes_per_cycle)
        m.submodules.buffer = buffer = WriteBuffer(config=self._config)
        request = Signal()
        adr = self.bus.adr
        tile_idx = adr[10:22]
        is_tile = (adr[22:] == LOOSE_TILE.base_addr >> 24) & (tile_idx < self._loose_tiles)
        in_memory = _in_memory(adr, self._config.size_bytes)
        in_scratchpad = _in_memory(adr, self._scratchpad_bytes, SCRATCHPAD)
        scratchpad = self._add_scratchpad(m, buffer)

        m.d.comb += [
            request.eq(self.bus.cyc & self.bus.stb),
            self.stores.eq(self.bus.ack & self.bus.we & in_memory),
            reader.bus.adr.eq(adr[:27]),
            reader.bus.cti.eq(self.bus.cti),
            reader.memory.ready.eq(self.memory.ready & ~buffer.full),
            reader.memory.rsp_valid.eq(self.memory.rsp_valid),
            reader.memory.rsp_data.eq(self.memory.rsp_data),
        ]
        with m.If(in_memory):
            self._to_memory(m, reader, request, buffer.full, buffer.room | buffer.joins)
        if scratchpad is not None:
            with m.Elif(in_scratchpad):
                self._to_memory(m, scratchpad, request, buffer.full, buffer.room)
        with m.Elif(_in_region(adr, HART_LOCAL)):
            self._to_register(m, self.local, request & ~buffer.full)
        with m.Elif(_in_region(adr, SYNC)):
            self._to_register(m, self.sync, request & ~buffer.full)
        with m.Elif(_in_region(adr, HOST) | is_tile):
            self._to_register(m, self.shared, request & ~buffer.full)
        with m.Else():
            m.d.comb += [self.bus.ack.eq(request), self.bad.eq(request)]
            m.d.comb += self.bad_addr.eq(Cat(Const(0, 2), adr))
        self._connect_buffer(m, buffer, reader, request, in_memory, in_scratchpad)
        for target in (self.local, self.sync, self.shared):
            m.d.comb += [
                target.we.eq(self.bus.we),
                target.addr.eq(Cat(Const(0, 2), self.bus.adr)),
                target.sel.eq(self.bus.sel),
                target.dat_w.eq(self.bus.dat_w),
            ]
        return m

    def _add_scratchpad(self, m, buffer):
        """Its reader, which shares the port with the write buffer; or None."""
        if not self._scratchpad_bytes:
            return None
        addr_width = word_addr_width(self._scratchpad_bytes)
        m.submodules.scratchpad_reader = reader = ScratchpadReader(addr_width=addr_width)
        port, write = self.scratchpad, buffer.word_valid
        m.d.comb += [
            reader.bus.adr.eq(self.bus.adr[: addr_width - 1]),
            reader.bus.cti.eq(self.bus.cti),
            port.data.eq(buffer.word),
            port.mask.eq(buffer.word_mask),
            port.write.eq(write),
            port.valid.eq(write | reader.memory.valid),
            port.addr.eq(Mux(write, buffer.addr, reader.memory.addr)),
            buffer.word_ready.eq(port.ready),
            reader.memory.ready.eq(port.ready & ~write),
            reader.memory.rdata.eq(port.rdata),
        ]
        return reader

    def _to_memory(self, m, reader, request, full, room):
        """Loads wait until the buffer is empty, stores only until there is room in it."""
        with m.If(~self.bus.we):
            m.d.comb += [
                reader.bus.cyc.eq(request & ~full),
                reader.bus.stb.eq(request & ~full),
                self.bus.dat_r.eq(reader.bus.dat_r),
                self.bus.ack.eq(reader.bus.ack),
            ]
        with m.Else():
            m.d.comb += self.bus.ack.eq(request & room)

    def _to_register(self, m, target, request):
        """Pass the access on; the other members of every register bus are driven always."""
        m.d.comb += [
            target.stb.eq(request),
            self.bus.ack.eq(target.ack & target.stb),
            self.bus.dat_r.eq(target.dat_r),
        ]

    def _connect_buffer(self, m, buffer, reader, request, in_memory, in_scratchpad):
        write = buffer.memory_valid
        m.d.comb += [
            buffer.store.eq(self.bus.ack & self.bus.we & (in_memory | in_scratchpad)),
            buffer.adr.eq(self.bus.adr[:27]),
            buffer.data.eq(self.bus.dat_w),
            buffer.sel.eq(self.bus.sel),
            buffer.to_scratchpad.eq(~in_memory),
            buffer.wanted.eq(request & ~(self.bus.we & in_memory & buffer.joins)),
            buffer.memory_ready.eq(self.memory.ready),
            self.memory.data.eq(buffer.beat),
            self.memory.mask.eq(buffer.mask),
            self.memory.we.eq(write),
            self.memory.line.eq(reader.memory.line & ~write),
            self.memory.valid.eq(write | reader.memory.valid),
            self.memory.addr.eq(Mux(write, buffer.addr, reader.memory.addr)),
        ]
