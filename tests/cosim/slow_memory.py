"""The machine with main memory behind a slow bus, as RTL for the simulator."""

import functools
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import ClockSignal, Const, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from tightrope.fpga.litex.wishbone_memory import WishboneArray
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.cluster import Cluster
from tightrope.hw.cpu.vexriscv import core_sources
from tightrope.hw.mem.main_memory import memory_sources, storage_members
from tightrope.hw.mem.scratchpad import bank_sources
from tightrope.hw.tile.synth.array import SynthesizableArray

__all__ = ["generate_slow"]

_DRIVEN = ("cyc", "stb", "we", "adr", "dat_w", "sel")


class SlowMemory(wiring.Component):
    """A body of main memory: the simulator's, behind a bus that answers when it likes."""

    def __init__(self, *, config):
        self._config = config
        super().__init__({**storage_members(config), "late": Out(1)})

    def elaborate(self, platform):
        m = Module()
        config = self._config
        m.submodules.array = array = WishboneArray(config=config)
        for name in ("en", "addr", "we", "wdata", "wmask"):
            m.d.comb += getattr(array, name).eq(getattr(self, name))
        m.d.comb += [self.rdata.eq(array.rdata), self.late.eq(array.late)]
        bus = array.bus
        m.submodules.target = Instance(
            "slow_wishbone",
            p_WIDTH_BYTES=config.bytes_per_cycle,
            p_SIZE_BYTES=Const(config.size_bytes, 64),
            i_clk=ClockSignal(BOARD_DOMAIN),
            **{f"i_{name}": getattr(bus, name) for name in _DRIVEN},
            o_dat_r=bus.dat_r,
            o_ack=bus.ack,
        )
        return m


def generate_slow(config, out_dir, *, lanes):
    """As tightrope.hw.generate.generate, with :class:`SlowMemory`."""
    array = functools.partial(SynthesizableArray, lanes=lanes)
    cluster = Cluster(config=config, array=array, memory=SlowMemory)
    path = out_dir / "cluster.v"
    path.write_text(verilog.convert(cluster, name="cluster", emit_src=False))
    slow = Path(__file__).with_name("slow_wishbone.sv")
    return [path, *core_sources(), slow, *memory_sources(), *bank_sources(config.scratchpad)]
