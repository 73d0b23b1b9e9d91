# amaranth: UnusedElaboratable=no
"""Hold, reset and the host's port of a board's machine, with a cluster that only counts."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out
from amaranth.sim import Simulator
from tightrope.fpga import machine
from tightrope.fpga.gate import NoGate
from tightrope.fpga.machine import RESET_CYCLES, BoardMachine
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.config import ClusterConfig, HwConfigError, MemoryConfig, TileConfig
from tightrope.hw.mem.block_memory import BlockRamArray

MEMORY = MemoryConfig(size_bytes=64 << 10, bytes_per_cycle=8)
CONFIG = ClusterConfig(harts=1, tight_tiles_per_hart=0, memory=MEMORY)
TILED = ClusterConfig(harts=1, tile=TileConfig(rows=16, cols=16), memory=MEMORY)


class CountingCluster(wiring.Component):
    """Counts its cycles; ``is_late`` is what it says of itself."""

    is_late = Signal()

    def __init__(self, *, config, array, memory):
        self._storage = memory(config=config.memory)
        members = {"done": Out(1), "exit_status": Out(8), "cycles": Out(32), "late": Out(1)}
        members |= {f"fault_{name}": Out(32) for name in machine.FAULTS}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = self._storage
        m.d.sync += self.cycles.eq(self.cycles + 1)
        m.d.comb += self.late.eq(self.is_late)
        return m


class SteppedMemory(BlockRamArray):
    """Not the body of a chip, so the machine has a gate."""


def simulate(testbench, monkeypatch, *, memory=BlockRamArray):
    monkeypatch.setattr(machine, "Cluster", CountingCluster)
    monkeypatch.setattr(CountingCluster, "is_late", Signal(name="is_late"))
    dut = BoardMachine(config=CONFIG, lanes=None, gate=NoGate, memory=memory)
    sim = Simulator(dut)
    sim.add_clock(1e-6, domain=BOARD_DOMAIN)

    async def run(ctx):
        await testbench(ctx, dut)

    sim.add_testbench(run)
    sim.run_until(1e-3)


async def tick(ctx, count=1):
    for _ in range(count):
        await ctx.tick(BOARD_DOMAIN)


async def cycles_in_reset(ctx, dut, limit=100):
    """Cycles until the machine has counted its first one."""
    waited = 0
    while ctx.get(dut.cycles) == 0:
        await tick(ctx)
        waited += 1
        assert waited < limit
    return waited


def test_reset_lasts_its_cycles_after_power_on_and_after_the_shortest_hold(monkeypatch):
    ended = []

    async def testbench(ctx, dut):
        assert await cycles_in_reset(ctx, dut) >= RESET_CYCLES
        await tick(ctx, 5)
        ctx.set(dut.hold, 1)
        await tick(ctx)
        ctx.set(dut.hold, 0)
        await tick(ctx)
        assert ctx.get(dut.cycles) == 0
        assert await cycles_in_reset(ctx, dut) >= RESET_CYCLES - 1
        ended.append(True)

    simulate(testbench, monkeypatch)
    assert ended


def test_machine_stays_in_reset_while_held(monkeypatch):
    async def testbench(ctx, dut):
        ctx.set(dut.hold, 1)
        await tick(ctx, 50)
        assert ctx.get(dut.cycles) == 0
        ctx.set(dut.hold, 0)
        await cycles_in_reset(ctx, dut)

    simulate(testbench, monkeypatch)


def test_reset_waits_until_a_late_machine_has_a_clock(monkeypatch):
    async def testbench(ctx, dut):
        ctx.set(CountingCluster.is_late, 1)
        await tick(ctx, 50)
        assert ctx.get(dut.cycles) == 0
        assert not ctx.get(dut.memory.ready)
        ctx.set(CountingCluster.is_late, 0)
        assert await cycles_in_reset(ctx, dut) >= RESET_CYCLES - 1

    simulate(testbench, monkeypatch, memory=SteppedMemory)


def test_memory_is_the_hosts_only_while_the_machine_is_held(monkeypatch):
    async def testbench(ctx, dut):
        port = dut.memory
        ctx.set(dut.hold, 1)
        ctx.set(port.valid, 1)
        ctx.set(port.we, 1)
        ctx.set(port.addr, 5)
        ctx.set(port.wdata, 0x1234)
        assert not ctx.get(port.ready)
        await tick(ctx, 2)
        assert ctx.get(port.ready)
        await tick(ctx)
        ctx.set(port.we, 0)
        await tick(ctx)
        assert ctx.get(port.rsp_valid) and ctx.get(port.rdata) == 0x1234
        ctx.set(dut.hold, 0)
        while ctx.get(dut.cycles) == 0:
            await tick(ctx)
        assert not ctx.get(port.ready)
        await tick(ctx, 3)
        assert not ctx.get(port.rsp_valid)

    simulate(testbench, monkeypatch)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="^config must be a ClusterConfig, not 3$"):
        BoardMachine(config=3, lanes=4)
    with pytest.raises(HwConfigError, match="^lanes must be a power of two from 4 to 16, not None"):
        BoardMachine(config=TILED, lanes=None)
