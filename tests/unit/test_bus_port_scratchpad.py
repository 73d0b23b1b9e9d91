"""A hart's data port at a scratchpad: main memory and registers are the test's."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped
from test_bus_port import access, memory, run
from tightrope.hw.bus import wishbone
from tightrope.hw.bus.wishbone import CycleType
from tightrope.hw.config import ClusterConfig, MemoryConfig, ScratchpadConfig
from tightrope.hw.cpu.bus_port import DataPort
from tightrope.hw.mem.scratchpad import MemoryBank
from tightrope.hw.mem.scratchpad_system import ScratchpadSystem
from tightrope.hw.memmap import MAIN_MEMORY, SCRATCHPAD, SYNC, UNCACHED_BIT

SIZE_BYTES = 16 << 10
CONFIG = MemoryConfig(size_bytes=1 << 16, bytes_per_cycle=16)
MACHINE = ClusterConfig(
    harts=2, memory=CONFIG, scratchpad=ScratchpadConfig(size_bytes=SIZE_BYTES, banks=4)
)
BASE = SCRATCHPAD.base_addr


class Top(wiring.Component):
    """Hart 0's data port; the port of hart 1 is free."""

    def __init__(self):
        self.port = DataPort(config=CONFIG, loose_tiles=0, scratchpad_bytes=SIZE_BYTES)
        self.system = ScratchpadSystem(config=MACHINE, bank=MemoryBank)
        super().__init__({"bus": In(wishbone.Signature())})

    def elaborate(self, platform):
        m = Module()
        m.submodules.port, m.submodules.system = self.port, self.system
        connect(m, flipped(self.bus), self.port.bus)
        connect(m, self.port.scratchpad, self.system.harts[0])
        return m


async def line(ctx, bus, addr):
    """A line fill: the words, and the cycles each waited."""
    words = []
    for i in range(8):
        cti = CycleType.INCR_BURST if i < 7 else CycleType.END_OF_BURST
        words.append(await access(ctx, bus, addr + 4 * i, cti=cti))
    return zip(*words, strict=True)


def intruder(port):
    """Another requester that takes a random bank in most cycles."""

    async def testbench(ctx):
        rng = random.Random(1)
        while True:
            ctx.set(port.valid, rng.random() < 0.8)
            ctx.set(port.addr, rng.randrange(SIZE_BYTES // 4))
            await ctx.tick()

    return testbench


def test_a_line_comes_at_a_word_per_cycle():
    top = Top()

    async def testbench(ctx):
        for i in range(24):
            await access(ctx, top.bus, BASE + 4 * i, write=100 + i)
        for start in (0, 16, 8):
            words, waited = await line(ctx, top.bus, BASE + 4 * start)
            assert words == tuple(range(100 + start, 108 + start))
            # The buffer's last store first.
            assert waited[0] <= 2
            assert waited[1:] == (0,) * 7

    run(top, testbench)


def test_words_are_the_same_by_both_aliases():
    top = Top()

    async def testbench(ctx):
        last = BASE + SIZE_BYTES - 4
        for addr in (BASE, BASE + 0x100, last):
            await access(ctx, top.bus, addr | UNCACHED_BIT, write=addr + 1)
            assert await access(ctx, top.bus, addr) == (addr + 1, 2)
            assert await access(ctx, top.bus, addr | UNCACHED_BIT) == (addr + 1, 1)

    run(top, testbench)


def test_beside_another_requester_nothing_is_lost_or_mixed_up():
    top = Top()

    async def testbench(ctx):
        rng = random.Random(2)
        model = {}
        for _ in range(150):
            addr = 4 * rng.randrange(64)
            kind = rng.randrange(3)
            if kind == 0:
                model[addr] = rng.getrandbits(32)
                await access(ctx, top.bus, BASE + addr, write=model[addr])
            elif kind == 1:
                assert (await access(ctx, top.bus, BASE + addr))[0] == model.get(addr, 0)
            else:
                start = addr & ~31
                words, waited = await line(ctx, top.bus, BASE + start)
                assert words == tuple(model.get(start + 4 * i, 0) for i in range(8))
                assert max(waited[1:]) <= 2

    run(top, testbench, intruder(top.system.harts[1]))


def test_stores_to_both_memories_and_registers_keep_their_order():
    top = Top()
    log, order = [], []

    async def watch(ctx):
        granted = top.port.scratchpad
        signals = (granted.valid, granted.ready, granted.write, top.port.sync.stb)
        async for _, _, valid, ready, write, register in ctx.tick().sample(*signals):
            order.extend(["scratchpad"] * (valid and ready and write))
            order.extend(["register"] * register)
            order.extend(["memory"] * (len(log) - order.count("memory")))

    async def testbench(ctx):
        ctx.set(top.port.sync.ack, 1)
        await access(ctx, top.bus, MAIN_MEMORY.base_addr, write=1)
        await access(ctx, top.bus, BASE, write=2)
        await access(ctx, top.bus, MAIN_MEMORY.base_addr + 4, write=3)
        await access(ctx, top.bus, BASE + 4, write=4)
        await access(ctx, top.bus, SYNC.base_addr)
        await ctx.tick()
        assert order == ["memory", "scratchpad", "memory", "scratchpad", "register"]
        assert [data for _, _, data in log] == [1, 3]
        assert (await access(ctx, top.bus, BASE))[0] == 2
        assert (await access(ctx, top.bus, MAIN_MEMORY.base_addr + 8))[0] == 9

    run(top, testbench, memory(top.port.memory, log, accept_after=5), watch)


@pytest.mark.parametrize("size_bytes", [0, SIZE_BYTES, 512 << 10])
def test_what_is_beyond_the_scratchpad_is_a_bad_access(size_bytes):
    dut = DataPort(config=CONFIG, loose_tiles=0, scratchpad_bytes=size_bytes)
    reported = []

    async def watch(ctx):
        async for _, _, bad, addr in ctx.tick().sample(dut.bad, dut.bad_addr):
            reported.extend([addr] * bad)

    beyond = (BASE + size_bytes, BASE + SCRATCHPAD.size_bytes - 4, BASE - 4, BASE + (1 << 20))
    bad = [addr | alias for addr in beyond for alias in (0, UNCACHED_BIT)]

    async def testbench(ctx):
        for addr in bad:
            assert await access(ctx, dut.bus, addr) == (0, 0)
            await access(ctx, dut.bus, addr, write=1)
        await ctx.tick()
        assert reported == [addr for addr in bad for _ in range(2)]

    run(dut, testbench, watch)
