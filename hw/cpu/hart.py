"""One hart: core, custom function unit with its tight tiles, ports, counters."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus import wishbone
from ..bus.shared import RegisterBus
from ..bus.word_port import WordPort
from ..coupling.cfu import Cfu
from ..dma.block import DmaBlock, DmaError
from ..mem.port import MemoryPort
from ..mem.scratchpad import word_addr_width
from ..memmap import MAIN_MEMORY
from ..perf.hart_local import HartLocal
from ..regs import Event, HartCounter
from ..sync.events import EVENT_BITS
from ..tile.array import BehaviouralArray
from .bus_port import SHARED_ADDR_WIDTH, DataPort, FetchPort
from .vexriscv import VexRiscv

__all__ = ["Hart", "HartState"]


class HartState(enum.Enum, shape=3):
    """What a hart does in a cycle, for the timeline; the first that applies, from below."""

    COMPUTE = 0
    ASLEEP = 1
    DATA_BUS = 2
    FETCH = 3
    CFU = 4


class Hart(wiring.Component):
    """A core with everything that is private to it.

    Parameters
    ----------
    hart : int
        Its number.
    config : ClusterConfig
    array : callable
        See :class:`Tile`.

    Members
    -------
    fetch_memory, data_memory : Out(MemoryPort)
    scratchpad : Out(WordPort)
        If there is one.
    sync : Out(RegisterBus)
    shared : Out(RegisterBus)
    asleep : In(1)
        Waiting at the barrier.
    beats : In(2)
        This hart's fetch (bit 0) or data port (bit 1) occupies the memory array.
    happened : In(EVENT_BITS)
        Event bits for this hart, but TILE.
    dma, dma_busy, dma_done, dma_error
        As of HartLocal.
    state : Out(HartState)
    tile_busy : Out(max(tight_tiles_per_hart, 1))
    late : Out(1)
        Of any of its tiles, see ArrayInterface.
    """

    def __init__(self, *, hart, config, array=BehaviouralArray):
        self._hart = hart
        self._config = config
        self._array = array
        memory = MemoryPort(width_bytes=config.memory.bytes_per_cycle)
        options = {}
        if config.scratchpad.size_bytes:
            addr_width = word_addr_width(config.scratchpad.size_bytes)
            options["scratchpad"] = Out(WordPort(addr_width=addr_width))
        if config.dma_bytes_per_cycle:
            options |= {
                "dma": Out(stream.Signature(DmaBlock)),
                "dma_busy": In(1),
                "dma_done": In(1),
                "dma_error": In(DmaError),
            }
        super().__init__(
            {
                **options,
                "fetch_memory": Out(memory),
                "data_memory": Out(memory),
                "sync": Out(RegisterBus(addr_width=12)),
                "shared": Out(RegisterBus(addr_width=SHARED_ADDR_WIDTH)),
                "asleep": In(1),
                "beats": In(2),
                "happened": In(EVENT_BITS),
                "state": Out(HartState),
                "tile_busy": Out(max(config.tight_tiles_per_hart, 1)),
                "late": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.core = core = VexRiscv(reset_addr=MAIN_MEMORY.base_addr)
        m.submodules.cfu = cfu = Cfu(
            tile=config.tile, tile_count=config.tight_tiles_of(self._hart), array=self._array
        )
        m.submodules.fetch = fetch = FetchPort(config=config.memory)
        m.submodules.data = data = DataPort(
            config=config.memory,
            loose_tiles=config.loose_tiles,
            scratchpad_bytes=config.scratchpad.size_bytes,
        )
        m.submodules.local = local = HartLocal(hart=self._hart, config=config)
        connect(m, core.ibus, fetch.bus)
        connect(m, core.dbus, data.bus)
        connect(m, core.cfu_cmd, cfu.cmd)
        connect(m, core.cfu_rsp, cfu.rsp)
        connect(m, data.local, local.bus)
        connect(m, flipped(self.fetch_memory), fetch.memory)
        connect(m, flipped(self.data_memory), data.memory)
        if config.scratchpad.size_bytes:
            connect(m, flipped(self.scratchpad), data.scratchpad)
        if config.dma_bytes_per_cycle:
            connect(m, local.dma, flipped(self.dma))
            for name in ("dma_busy", "dma_done", "dma_error"):
                m.d.comb += getattr(local, name).eq(getattr(self, name))
        for inner, outer in ((data.sync, self.sync), (data.shared, self.shared)):
            m.d.comb += [
                outer.stb.eq(inner.stb), outer.we.eq(inner.we), outer.addr.eq(inner.addr),
                outer.sel.eq(inner.sel), outer.dat_w.eq(inner.dat_w), outer.hart.eq(self._hart),
                inner.ack.eq(outer.ack), inner.dat_r.eq(outer.dat_r),
            ]
        m.d.comb += [
            local.bad.eq(data.bad),
            local.bad_addr.eq(data.bad_addr),
            core.software_interrupt.eq(local.interrupt),
            core.timer_interrupt.eq(local.wake),
            self.tile_busy.eq(cfu.tile_busy),
            self.late.eq(cfu.tile_late.any()),
        ]
        had_result = Signal.like(cfu.tile_result)
        m.d.sync += had_result.eq(cfu.tile_result)
        with m.If((cfu.tile_result & ~had_result).any()):
            m.d.comb += local.happened.eq(self.happened | Event.TILE)
        with m.Else():
            m.d.comb += local.happened.eq(self.happened)
        self._events(m, core, data, local, cfu.tile_wait)
        return m

    def _events(self, m, core, data, local, cfu_wait):
        asleep = Signal()
        dbus_wait = Signal()
        ibus_wait = Signal()
        line_start = wishbone.CycleType.INCR_BURST
        uncached = core.dbus.adr[-1] & core.dbus.ack
        m.d.comb += [
            asleep.eq(self.asleep | local.asleep),
            dbus_wait.eq(core.dbus.cyc & core.dbus.stb & ~core.dbus.ack & ~asleep),
            ibus_wait.eq(core.ibus.cyc & core.ibus.stb & ~core.ibus.ack & ~local.asleep),
        ]
        events = {
            HartCounter.CYCLES: Const(1),
            HartCounter.SLEEP_CYCLES: asleep,
            HartCounter.DBUS_WAIT_CYCLES: dbus_wait,
            HartCounter.IBUS_WAIT_CYCLES: ibus_wait,
            HartCounter.CFU_WAIT_CYCLES: cfu_wait,
            HartCounter.ICACHE_FILLS: core.ibus.ack & (core.ibus.adr[:3] == 0),
            HartCounter.DCACHE_FILLS: core.dbus.ack & (core.dbus.cti == line_start)
            & (core.dbus.adr[:3] == 0),
            HartCounter.STORES: data.stores,
            HartCounter.UNCACHED: core.dbus.cyc & core.dbus.stb & uncached,
            HartCounter.CFU_COMMANDS: core.cfu_cmd.valid & core.cfu_cmd.ready,
            HartCounter.SHARED_ACCESSES: self.shared.stb & self.shared.ack,
            HartCounter.MEMORY_BEATS: Cat(self.beats.any()),
        }
        if self._config.scratchpad.size_bytes:
            asks, granted = self.scratchpad.valid, self.scratchpad.ready
            events[HartCounter.SCRATCHPAD_ACCESSES] = asks & granted
            events[HartCounter.SCRATCHPAD_CONFLICTS] = asks & ~granted
        for event, amount in events.items():
            m.d.comb += local.events[event].eq(amount)
        with m.If(asleep):
            m.d.comb += self.state.eq(HartState.ASLEEP)
        with m.Elif(dbus_wait):
            m.d.comb += self.state.eq(HartState.DATA_BUS)
        with m.Elif(ibus_wait):
            m.d.comb += self.state.eq(HartState.FETCH)
        with m.Elif(cfu_wait):
            m.d.comb += self.state.eq(HartState.CFU)
