# amaranth: UnusedElaboratable=no
"""The body of main memory in block RAM, at both of its ports, against an array of bytes."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator
from small_array import SmallArray
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.config import MemoryConfig
from tightrope.hw.mem.block_memory import BlockRamArray
from tightrope.hw.mem.main_memory import MainMemory

OPERATIONS = 400
BEATS = 24
"""Addresses that tests use: few, so that they meet."""


def make(bytes_per_cycle, latency_cycles=8):
    config = MemoryConfig(
        size_bytes=64 << 10, bytes_per_cycle=bytes_per_cycle, latency_cycles=latency_cycles
    )
    return BlockRamArray(config=config)


def run(dut, testbench):
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    # Neither half nor twice as fast: the two ports have nothing to do with each other.
    sim.add_clock(0.7e-6, domain=BOARD_DOMAIN)
    sim.add_testbench(testbench)
    sim.run()


async def write_beat(ctx, dut, addr, data, mask):
    for name, value in (("en", 1), ("we", 1), ("addr", addr), ("wdata", data), ("wmask", mask)):
        ctx.set(getattr(dut, name), value)
    await ctx.tick()
    ctx.set(dut.en, 0)


async def settle(ctx, dut):
    """Until what was asked for before is done, so that the other port may go on."""
    await ctx.tick().repeat(dut.read_cycles)


async def read_beat(ctx, dut, addr):
    ctx.set(dut.en, 1)
    ctx.set(dut.we, 0)
    ctx.set(dut.addr, addr)
    await ctx.tick()
    ctx.set(dut.en, 0)
    if dut.read_cycles > 1:
        await ctx.tick().repeat(dut.read_cycles - 1)
    return ctx.get(dut.rdata)


async def host_access(ctx, host, addr, *, data=None):
    """One access of the host; returns the word, or None for a write."""
    ctx.set(host.valid, 1)
    ctx.set(host.addr, addr)
    ctx.set(host.we, data is not None)
    ctx.set(host.wdata, data or 0)
    taken = False
    while not taken:
        _, _, taken = await ctx.tick(BOARD_DOMAIN).sample(host.ready)
    ctx.set(host.valid, 0)
    assert ctx.get(host.rsp_valid) == (data is None)
    return ctx.get(host.rdata) if data is None else None


@pytest.mark.parametrize("bytes_per_cycle", [4, 8, 16, 32])
@pytest.mark.parametrize("latency_cycles", [1, 3, 8])
def test_both_ports_see_the_same_bytes(bytes_per_cycle, latency_cycles):
    seed = 10 * bytes_per_cycle + latency_cycles
    print(f"seed {seed}")
    rng = random.Random(seed)
    dut = make(bytes_per_cycle, latency_cycles)
    words = bytes_per_cycle // 4
    model = bytearray(BEATS * bytes_per_cycle)

    def word(addr, count):
        return int.from_bytes(model[4 * addr : 4 * (addr + count)], "little")

    async def testbench(ctx):
        for _ in range(OPERATIONS):
            beat, place = rng.randrange(BEATS), rng.randrange(words)
            match rng.randrange(4):
                case 0:
                    data = rng.randbytes(bytes_per_cycle)
                    mask = rng.getrandbits(bytes_per_cycle)
                    await write_beat(ctx, dut, beat, int.from_bytes(data, "little"), mask)
                    await settle(ctx, dut)
                    for lane in range(bytes_per_cycle):
                        if mask >> lane & 1:
                            model[beat * bytes_per_cycle + lane] = data[lane]
                case 1:
                    assert await read_beat(ctx, dut, beat) == word(beat * words, words)
                case 2:
                    data, addr = rng.randbytes(4), beat * words + place
                    await host_access(
                        ctx, dut.host, addr, data=int.from_bytes(data, "little")
                    )
                    model[4 * addr : 4 * addr + 4] = data
                case 3:
                    addr = beat * words + place
                    assert await host_access(ctx, dut.host, addr) == word(addr, 1)

    run(dut, testbench)


def test_answer_stays_while_nothing_is_read():
    dut = make(8)

    async def testbench(ctx):
        await write_beat(ctx, dut, 3, 0x1122334455667788, 0xFF)
        assert await read_beat(ctx, dut, 3) == 0x1122334455667788
        await write_beat(ctx, dut, 3, 0, 0xFF)
        assert ctx.get(dut.rdata) == 0x1122334455667788
        await ctx.tick()
        assert ctx.get(dut.rdata) == 0x1122334455667788

    run(dut, testbench)


def requests(rng, port_count, cycles):
    """Random requests at all ports, cycle by cycle."""
    fields = {"valid": 1, "addr": 4, "we": 1, "line": 1, "data": 64, "mask": 8}
    for _ in range(cycles):
        yield [
            {name: rng.getrandbits(bits) for name, bits in fields.items()}
            for _ in range(port_count)
        ]


@pytest.mark.parametrize("latency_cycles", [1, 2, 3, 4, 5, 9])
def test_behind_the_controller_it_is_any_other_array_in_every_cycle(latency_cycles):
    print(f"seed {latency_cycles}")
    rng = random.Random(latency_cycles)
    config = MemoryConfig(
        size_bytes=64 << 10, bytes_per_cycle=8, latency_cycles=latency_cycles
    )
    bodies = BlockRamArray(config=config), SmallArray(config=config, size_words=64)
    assert bodies[0].read_cycles == min(latency_cycles, 4)
    top = Module()
    memories = [MainMemory(config=config, port_count=3, array=body) for body in bodies]
    top.submodules += memories
    answers = []

    async def testbench(ctx):
        for ports in requests(rng, 3, 600):
            for memory in memories:
                for port, values in zip(memory.ports, ports, strict=True):
                    # A line begins at its first word, and nobody writes one.
                    values["line"] &= not values["we"]
                    if values["line"]:
                        values["addr"] &= 8
                    for name, value in values.items():
                        ctx.set(getattr(port, name), value)
            await ctx.tick()
            for first, second in zip(*(memory.ports for memory in memories), strict=True):
                assert ctx.get(first.rsp_valid) == ctx.get(second.rsp_valid)
                assert ctx.get(first.ready) == ctx.get(second.ready)
                if ctx.get(first.rsp_valid):
                    answers.append(ctx.get(first.rsp_data))
                    assert answers[-1] == ctx.get(second.rsp_data)

    run(top, testbench)
    assert len(set(answers)) > 100


def test_nothing_happens_without_enable():
    dut = make(4)

    async def testbench(ctx):
        ctx.set(dut.we, 1)
        ctx.set(dut.wmask, 0xF)
        ctx.set(dut.wdata, 0xFFFF_FFFF)
        await ctx.tick()
        ctx.set(dut.we, 0)
        assert await read_beat(ctx, dut, 0) == 0
        assert not ctx.get(dut.late)

    run(dut, testbench)


def test_last_word_of_a_memory_that_is_no_power_of_two():
    dut = BlockRamArray(config=MemoryConfig(size_bytes=68 << 10, bytes_per_cycle=8))
    last = (68 << 10) // 4 - 1

    async def testbench(ctx):
        await host_access(ctx, dut.host, last, data=0xCAFE)
        assert await read_beat(ctx, dut, last // 2) == 0xCAFE << 32
        assert await host_access(ctx, dut.host, 0) == 0

    run(dut, testbench)


def test_config_of_another_kind_is_refused():
    with pytest.raises(TypeError, match=r"^config must be a MemoryConfig, not 5$"):
        BlockRamArray(config=5)
