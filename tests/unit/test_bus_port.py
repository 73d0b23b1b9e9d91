# amaranth: UnusedElaboratable=no
"""A hart's data port, with the test in place of the core, the memory and the registers."""

import random

import pytest
from simulate import simulate
from tightrope.hw.bus.wishbone import CycleType
from tightrope.hw.config import MemoryConfig
from tightrope.hw.cpu.bus_port import DataPort, FetchPort
from tightrope.hw.cpu.write_buffer import JOIN_CYCLES, WriteBuffer
from tightrope.hw.memmap import HART_LOCAL, HOST, LOOSE_TILE, MAIN_MEMORY, SYNC, UNCACHED_BIT

CONFIG = MemoryConfig(size_bytes=1 << 16, bytes_per_cycle=16)


async def access(ctx, bus, addr, *, write=None, cti=CycleType.CLASSIC, sel=0xF, limit_cycles=40):
    """One Wishbone transfer; returns (data, cycles waited)."""
    ctx.set(bus.cyc, 1)
    ctx.set(bus.stb, 1)
    ctx.set(bus.we, write is not None)
    ctx.set(bus.dat_w, write or 0)
    ctx.set(bus.sel, sel)
    ctx.set(bus.adr, addr >> 2)
    ctx.set(bus.cti, cti)
    for waited in range(limit_cycles):
        _, _, ack, data = await ctx.tick().sample(bus.ack, bus.dat_r)
        if ack:
            ctx.set(bus.cyc, 0)
            ctx.set(bus.stb, 0)
            return data, waited
    raise AssertionError(f"no acknowledgement of {addr:#x}")


def lanes_of(mask):
    """The bits of the bytes that a mask names."""
    return sum(0xFF << 8 * lane for lane in range(16) if mask >> lane & 1)


def memory(port, log, *, accept_after=0):
    """A memory whose every word holds its address plus 1; logs the requests it takes."""

    async def testbench(ctx):
        while True:
            if not ctx.get(port.valid):
                await ctx.tick()
                continue
            await ctx.tick().repeat(accept_after) if accept_after else None
            ctx.set(port.ready, 1)
            _, _, addr, we, line, data, mask = await ctx.tick().sample(
                port.addr, port.we, port.line, port.data, port.mask
            )
            ctx.set(port.ready, 0)
            if we:
                # The address of the lowest byte that is written, and the bytes from there on.
                low = (mask & -mask).bit_length() - 1
                addr = (4 * addr // 16 * 16 + low) // 4
                data = data >> 8 * low & lanes_of(mask >> low)
            log.append((4 * addr, "write" if we else "line" if line else "read", data if we else 0))
            if we:
                continue
            await ctx.tick().repeat(3)
            first = addr & ~3
            for beat in range(2 if line else 1):
                words = [4 * (first + 4 * beat + i) + 1 for i in range(4)]
                ctx.set(port.rsp_valid, 1)
                ctx.set(port.rsp_data, sum(word << 32 * i for i, word in enumerate(words)))
                await ctx.tick()
            ctx.set(port.rsp_valid, 0)

    return testbench


def run(dut, testbench, *background):
    from amaranth.sim import Simulator

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    finished = []

    async def body(ctx):
        await testbench(ctx)
        finished.append(1)

    sim.add_testbench(body)
    for other in background:
        sim.add_testbench(other, background=True)
    sim.run_until(1e-3)
    assert finished


def test_reads_of_words_and_lines_by_both_aliases():
    dut = DataPort(config=CONFIG, loose_tiles=0)
    log = []

    async def testbench(ctx):
        base = MAIN_MEMORY.base_addr
        for word in range(5, 8):
            data, _ = await access(ctx, dut.bus, base + 4 * word)
            assert data == 4 * word + 1
        data, _ = await access(ctx, dut.bus, (base | UNCACHED_BIT) + 0x40)
        assert data == 0x41
        for word in range(8):
            cti = CycleType.INCR_BURST if word < 7 else CycleType.END_OF_BURST
            data, _ = await access(ctx, dut.bus, base + 0x80 + 4 * word, cti=cti)
            assert data == 0x80 + 4 * word + 1
        assert [kind for _, kind, _ in log] == ["read"] * 4 + ["line"]

    run(dut, testbench, memory(dut.memory, log))


def test_a_store_is_taken_at_once_and_a_second_one_waits():
    dut = DataPort(config=CONFIG, loose_tiles=0)
    log = []

    async def testbench(ctx):
        base = MAIN_MEMORY.base_addr
        assert (await access(ctx, dut.bus, base, write=7))[1] == 0
        assert (await access(ctx, dut.bus, base + 20, write=8))[1] >= 5
        data, _ = await access(ctx, dut.bus, base + 8)
        assert data == 9
        assert log == [(0, "write", 7), (20, "write", 8), (8, "read", 0)]

    run(dut, testbench, memory(dut.memory, log, accept_after=5))


def test_stores_to_the_beat_that_waits_join_it():
    dut = DataPort(config=CONFIG, loose_tiles=0)
    log = []

    async def testbench(ctx):
        base = MAIN_MEMORY.base_addr
        for word, value in ((4, 7), (6, 8), (5, 9), (6, 10)):
            assert (await access(ctx, dut.bus, base + 4 * word, write=value))[1] == 0
        assert (await access(ctx, dut.bus, base + 32, write=1))[1] >= 3
        await access(ctx, dut.bus, base)
        assert log == [(16, "write", 7 | 9 << 32 | 10 << 64), (32, "write", 1), (0, "read", 0)]

    run(dut, testbench, memory(dut.memory, log, accept_after=8))


def test_a_beat_goes_to_memory_when_it_is_complete_or_nothing_follows():
    dut = DataPort(config=CONFIG, loose_tiles=0)
    log = []

    async def testbench(ctx):
        base = MAIN_MEMORY.base_addr
        for word in range(8):
            assert (await access(ctx, dut.bus, base + 4 * word, write=word + 1))[1] == 0
        await ctx.tick().repeat(2)
        assert log == [
            (16 * beat, "write", sum(4 * beat + i + 1 << 32 * i for i in range(4)))
            for beat in range(2)
        ]
        await access(ctx, dut.bus, base + 36, write=5)
        await ctx.tick().repeat(JOIN_CYCLES - 1)
        assert len(log) == 2
        await ctx.tick().repeat(2)
        assert log[2:] == [(36, "write", 5)]

    run(dut, testbench, memory(dut.memory, log))


def test_a_write_buffer_is_made_for_a_memory():
    with pytest.raises(TypeError, match="^config must be a MemoryConfig, not 16$"):
        WriteBuffer(config=16)


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_random_stores_to_a_busy_memory_leave_what_they_wrote(width):
    rng = random.Random(width)
    dut = DataPort(config=MemoryConfig(size_bytes=1 << 16, bytes_per_cycle=width), loose_tiles=0)
    expected, found = bytearray(128), bytearray(128)

    async def slow_memory(ctx):
        port = dut.memory
        while True:
            ready = rng.random() < 0.3
            ctx.set(port.ready, ready)
            _, _, valid, addr, data, mask = await ctx.tick().sample(
                port.valid, port.addr, port.data, port.mask
            )
            for lane in range(width if valid and ready else 0):
                if mask >> lane & 1:
                    found[4 * addr // width * width + lane] = data >> 8 * lane & 0xFF

    async def testbench(ctx):
        word = 0
        for _ in range(200):
            word = rng.choice([word, (word + 1) % 32, rng.randrange(32)])
            value, sel = rng.getrandbits(32), rng.choice([15, 15, 3, 12, 1, 2, 4, 8])
            addr = MAIN_MEMORY.base_addr + 4 * word
            await access(ctx, dut.bus, addr, write=value, sel=sel)
            for lane in range(4):
                if sel >> lane & 1:
                    expected[4 * word + lane] = value >> 8 * lane & 0xFF
        await ctx.tick().repeat(40)
        assert found == expected

    run(dut, testbench, slow_memory)


def test_registers_wait_until_the_store_before_them_is_in_memory():
    dut = DataPort(config=CONFIG, loose_tiles=1)
    log = []

    async def registers(ctx):
        for bus in (dut.sync, dut.local, dut.shared):
            ctx.set(bus.ack, 1)
            ctx.set(bus.dat_r, 0x5A)
        while True:
            await ctx.tick()
            if any(ctx.get(bus.stb) for bus in (dut.sync, dut.local, dut.shared)):
                assert log and log[-1][1] == "write"

    async def testbench(ctx):
        for addr in (SYNC.base_addr, HART_LOCAL.base_addr, HOST.base_addr, LOOSE_TILE.base_addr):
            before = len(log)
            await access(ctx, dut.bus, MAIN_MEMORY.base_addr, write=1)
            data, waited = await access(ctx, dut.bus, addr)
            assert data == 0x5A and waited >= 4
            assert len(log) == before + 1

    run(dut, testbench, memory(dut.memory, log, accept_after=5), registers)


def test_bad_addresses_are_answered_with_zero_and_reported():
    dut = DataPort(config=CONFIG, loose_tiles=2)
    reported = []

    async def watch(ctx):
        while True:
            _, _, bad, addr = await ctx.tick().sample(dut.bad, dut.bad_addr)
            if bad:
                reported.append(addr)

    bad = [
        0,
        0x1000_0000,
        MAIN_MEMORY.base_addr + CONFIG.size_bytes,
        LOOSE_TILE.base_addr + 2 * LOOSE_TILE.stride_bytes,
        HOST.base_addr + HOST.size_bytes,
        HART_LOCAL.base_addr + 0x2_0000,
        0xFFFF_FFFC,
    ]

    async def testbench(ctx):
        for addr in bad:
            assert await access(ctx, dut.bus, addr) == (0, 0)
            await access(ctx, dut.bus, addr, write=1)
        await ctx.tick()
        assert reported == [addr for addr in bad for _ in range(2)]

    run(dut, testbench, watch)


def test_a_fetch_from_nowhere_is_an_illegal_instruction():
    dut = FetchPort(config=CONFIG)

    async def testbench(ctx):
        assert await access(ctx, dut.bus, 0x2000_0000, cti=CycleType.INCR_BURST) == (0, 0)

    simulate(dut, testbench)
