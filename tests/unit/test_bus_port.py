"""A hart's data port, with the test in place of the core, the memory and the registers."""

from simulate import simulate
from tightrope.hw.bus.wishbone import CycleType
from tightrope.hw.config import MemoryConfig
from tightrope.hw.cpu.bus_port import DataPort, FetchPort
from tightrope.hw.memmap import HART_LOCAL, HOST, LOOSE_TILE, MAIN_MEMORY, SYNC, UNCACHED_BIT

CONFIG = MemoryConfig(size_bytes=1 << 16, bytes_per_cycle=16)


async def access(ctx, bus, addr, *, write=None, cti=CycleType.CLASSIC, limit_cycles=40):
    """One Wishbone transfer; returns (data, cycles waited)."""
    ctx.set(bus.cyc, 1)
    ctx.set(bus.stb, 1)
    ctx.set(bus.we, write is not None)
    ctx.set(bus.dat_w, write or 0)
    ctx.set(bus.sel, 0xF)
    ctx.set(bus.adr, addr >> 2)
    ctx.set(bus.cti, cti)
    for waited in range(limit_cycles):
        _, _, ack, data = await ctx.tick().sample(bus.ack, bus.dat_r)
        if ack:
            ctx.set(bus.cyc, 0)
            ctx.set(bus.stb, 0)
            return data, waited
    raise AssertionError(f"no acknowledgement of {addr:#x}")


def memory(port, log, *, accept_after=0):
    """A memory whose every word holds its address plus 1; logs the requests it takes."""

    async def testbench(ctx):
        while True:
            if not ctx.get(port.valid):
                await ctx.tick()
                continue
            await ctx.tick().repeat(accept_after) if accept_after else None
            ctx.set(port.ready, 1)
            _, _, addr, we, line, data = await ctx.tick().sample(
                port.addr, port.we, port.line, port.data
            )
            ctx.set(port.ready, 0)
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
        assert (await access(ctx, dut.bus, base + 4, write=8))[1] >= 5
        data, _ = await access(ctx, dut.bus, base + 8)
        assert data == 9
        assert log == [(0, "write", 7), (4, "write", 8), (8, "read", 0)]

    run(dut, testbench, memory(dut.memory, log, accept_after=5))


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
