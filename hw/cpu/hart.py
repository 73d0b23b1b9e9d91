"""One hart: core, custom function unit with its tight tiles, ports, counters."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus import wishbone
from ..bus.shared import RegisterBus
from ..coupling.cfu import Cfu
from ..mem.port import MemoryPort
from ..memmap import MAIN_MEMORY
from ..perf.hart_local import HartLocal
from ..regs import HartCounter
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

    Members
    -------
    fetch_memory, data_memory : Out(MemoryPort)
    sync : Out(RegisterBus)
    shared : Out(RegisterBus)
    asleep : In(1)
        Waiting at the barrier.
    beats : In(2)
        This hart's fetch (bit 0) or data port (bit 1) occupies the memory array.
    state : Out(HartState)
    tile_busy : Out(max(tight_tiles_per_hart, 1))
    """

    def __init__(self, *, hart, config):
        self._hart = hart
        self._config = config
        memory = MemoryPort(width_bytes=config.memory.bytes_per_cycle)
        super().__init__(
            {
                "fetch_memory": Out(memory),
                "data_memory": Out(memory),
                "sync": Out(RegisterBus(addr_width=12)),
                "shared": Out(RegisterBus(addr_width=SHARED_ADDR_WIDTH)),
                "asleep": In(1),
                "beats": In(2),
                "state": Out(HartState),
                "tile_busy": Out(max(config.tight_tiles_per_hart, 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.core = core = VexRiscv(reset_addr=MAIN_MEMORY.base_addr)
        m.submodules.cfu = cfu = Cfu(tile=config.tile, tile_count=config.tight_tiles_per_hart)
        m.submodules.fetch = fetch = FetchPort(config=config.memory)
        m.submodules.data = data = DataPort(config=config.memory, loose_tiles=config.loose_tiles)
        m.submodules.local = local = HartLocal(hart=self._hart, config=config)
        connect(m, core.ibus, fetch.bus)
        connect(m, core.dbus, data.bus)
        connect(m, core.cfu_cmd, cfu.cmd)
        connect(m, core.cfu_rsp, cfu.rsp)
        connect(m, data.local, local.bus)
        connect(m, flipped(self.fetch_memory), fetch.memory)
        connect(m, flipped(self.data_memory), data.memory)
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
            self.tile_busy.eq(cfu.tile_busy),
        ]
        self._events(m, core, data, local, cfu.tile_wait)
        return m

    def _events(self, m, core, data, local, cfu_wait):
        dbus_wait = Signal()
        ibus_wait = Signal()
        line_start = wishbone.CycleType.INCR_BURST
        uncached = core.dbus.adr[-1] & core.dbus.ack
        m.d.comb += [
            dbus_wait.eq(core.dbus.cyc & core.dbus.stb & ~core.dbus.ack & ~self.asleep),
            ibus_wait.eq(core.ibus.cyc & core.ibus.stb & ~core.ibus.ack),
        ]
        is_store = core.dbus.ack & core.dbus.we
        events = {
            HartCounter.CYCLES: Const(1),
            HartCounter.SLEEP_CYCLES: self.asleep,
            HartCounter.DBUS_WAIT_CYCLES: dbus_wait,
            HartCounter.IBUS_WAIT_CYCLES: ibus_wait,
            HartCounter.CFU_WAIT_CYCLES: cfu_wait,
            HartCounter.ICACHE_FILLS: core.ibus.ack & (core.ibus.adr[:3] == 0),
            HartCounter.DCACHE_FILLS: core.dbus.ack & (core.dbus.cti == line_start)
            & (core.dbus.adr[:3] == 0),
            HartCounter.STORES: is_store & ~data.local.stb & ~data.sync.stb & ~data.shared.stb
            & ~data.bad,
            HartCounter.UNCACHED: core.dbus.cyc & core.dbus.stb & uncached,
            HartCounter.CFU_COMMANDS: core.cfu_cmd.valid & core.cfu_cmd.ready,
            HartCounter.SHARED_ACCESSES: self.shared.stb & self.shared.ack,
            HartCounter.MEMORY_BEATS: Cat(self.beats.any()),
        }
        for event, amount in events.items():
            m.d.comb += local.events[event].eq(amount)
        with m.If(self.asleep):
            m.d.comb += self.state.eq(HartState.ASLEEP)
        with m.Elif(dbus_wait):
            m.d.comb += self.state.eq(HartState.DATA_BUS)
        with m.Elif(ibus_wait):
            m.d.comb += self.state.eq(HartState.FETCH)
        with m.Elif(cfu_wait):
            m.d.comb += self.state.eq(HartState.CFU)
