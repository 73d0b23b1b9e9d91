"""The memory controller, with an array in Amaranth in place of the simulator's."""

import random

import pytest
from simulate import simulate
from small_array import SmallArray
from tightrope.hw.config import MemoryConfig
from tightrope.hw.mem.main_memory import MainMemory
from tightrope.hw.mem.port import LINE_WORDS

WORDS = 256


def make(port_count, *, writer_count=0, **kwargs):
    config = MemoryConfig(**kwargs)
    array = SmallArray(config=config, size_words=WORDS)
    return MainMemory(config=config, port_count=port_count, array=array, writer_count=writer_count)


async def request(ctx, port, *, addr, line=0, we=0, data=0, mask=0xF):
    """Make a request, a write of a word; returns once it is taken."""
    place = addr % (len(port.mask) // 4)
    data, mask = data << 32 * place, mask << 4 * place
    ctx.set(port.valid, 1)
    for name, value in (("addr", addr), ("line", line), ("we", we), ("data", data), ("mask", mask)):
        ctx.set(getattr(port, name), value)
    taken = False
    while not taken:
        _, _, taken = await ctx.tick().sample(port.ready)
    ctx.set(port.valid, 0)


async def response(ctx, port):
    """Wait for a beat; returns (cycles waited, data)."""
    waited = 0
    while not ctx.get(port.rsp_valid):
        await ctx.tick()
        waited += 1
    data = ctx.get(port.rsp_data)
    await ctx.tick()
    return waited, data


async def write_beat(ctx, port, *, addr, data, mask):
    """Write a beat; returns once it is taken."""
    for name, value in (("valid", 1), ("addr", addr), ("data", data), ("mask", mask)):
        ctx.set(getattr(port, name), value)
    while not (await ctx.tick().sample(port.ready))[2]:
        pass
    ctx.set(port.valid, 0)


def lanes_of(mask):
    """The bits of the bytes that a mask names."""
    return sum(0xFF << 8 * lane for lane in range(32) if mask >> lane & 1)


@pytest.mark.parametrize("latency_cycles", [1, 2, 9])
@pytest.mark.parametrize("bytes_per_cycle", [4, 16, 32])
def test_a_line_arrives_in_order_after_the_latency(latency_cycles, bytes_per_cycle):
    dut = make(1, latency_cycles=latency_cycles, bytes_per_cycle=bytes_per_cycle)
    port = dut.ports[0]

    async def testbench(ctx):
        for i in range(LINE_WORDS):
            await request(ctx, port, addr=64 + i, we=1, data=0x100 + i)
        await request(ctx, port, addr=64, line=1)
        words = []
        for beat in range(32 // bytes_per_cycle):
            waited, data = await response(ctx, port)
            # The request was taken in the cycle before, so its latency has one cycle less to go.
            assert waited == (latency_cycles - 1 if beat == 0 else 0)
            words += [data >> 32 * i & 0xFFFF_FFFF for i in range(bytes_per_cycle // 4)]
        assert words == [0x100 + i for i in range(LINE_WORDS)]

    simulate(dut, testbench)


@pytest.mark.parametrize("seed", range(4))
def test_random_traffic_of_three_ports_matches_a_list(seed):
    dut = make(3, latency_cycles=3, bytes_per_cycle=8)
    share = WORDS // 3 // LINE_WORDS * LINE_WORDS

    def hart(i):
        async def testbench(ctx):
            rng = random.Random(10 * seed + i)
            model = [0] * share
            port = dut.ports[i]
            for _ in range(60):
                word = rng.randrange(share)
                if rng.random() < 0.5:
                    value, mask = rng.getrandbits(32), rng.randrange(16)
                    model[word] = model[word] & ~lanes_of(mask) | value & lanes_of(mask)
                    await request(ctx, port, addr=i * share + word, we=1, data=value, mask=mask)
                else:
                    await request(ctx, port, addr=i * share + word)
                    _, data = await response(ctx, port)
                    assert data >> 32 * (word % 2) & 0xFFFF_FFFF == model[word], f"seed {seed}"

        return testbench

    simulate(dut, *(hart(i) for i in range(3)))


def test_a_line_keeps_the_array_from_others_for_its_beats():
    dut = make(2, latency_cycles=1, bytes_per_cycle=8)

    async def line(ctx):
        await request(ctx, dut.ports[0], addr=0, line=1)

    async def word(ctx):
        await ctx.tick()
        ctx.set(dut.ports[1].valid, 1)
        ready = []
        for _ in range(4):
            ready.append(ctx.get(dut.ports[1].ready))
            await ctx.tick()
        assert ready == [0, 0, 0, 1]

    simulate(dut, line, word)


@pytest.mark.parametrize("bytes_per_cycle", [4, 8, 16, 32])
def test_beats_and_words_of_two_writers_and_a_hart_match_a_list(bytes_per_cycle):
    dut = make(2, writer_count=2, latency_cycles=2, bytes_per_cycle=bytes_per_cycle)
    words = bytes_per_cycle // 4
    beats = WORDS // words // 2
    rng = random.Random(bytes_per_cycle)
    model = [0] * (2 * beats)

    def writer(i):
        async def testbench(ctx):
            for _ in range(60):
                beat = rng.randrange(beats)
                data, mask = rng.getrandbits(32 * words), rng.getrandbits(4 * words)
                addr = beat * words + rng.randrange(words)
                if i == 2:
                    # A hart writes among the second writer's beats.
                    beat += beats
                    word = rng.randrange(words)
                    data, mask = data & 0xFFFF_FFFF, mask & 0xF
                    addr = beat * words + word
                    await request(ctx, dut.ports[1], addr=addr, we=1, data=data, mask=mask)
                    data, mask = data << 32 * word, mask << 4 * word
                else:
                    await write_beat(ctx, dut.writers[i], addr=addr, data=data, mask=mask)
                model[beat] = model[beat] & ~lanes_of(mask) | data & lanes_of(mask)
                if i == 0 and rng.random() < 0.3:
                    # What was taken is seen by a read that is taken later.
                    await request(ctx, dut.ports[0], addr=addr)
                    assert (await response(ctx, dut.ports[0]))[1] == model[beat]

        return testbench

    async def check(ctx):
        await ctx.tick().repeat(1000)
        for beat, value in enumerate(model):
            await request(ctx, dut.ports[0], addr=beat * words)
            assert (await response(ctx, dut.ports[0]))[1] == value

    simulate(dut, writer(0), writer(2), check)


def test_many_reads_may_be_on_their_way():
    dut = make(1, latency_cycles=9, bytes_per_cycle=8)
    port = dut.ports[0]
    lines = WORDS // LINE_WORDS
    beats = []

    async def write_then_ask(ctx):
        for i in range(WORDS):
            await request(ctx, port, addr=i, we=1, data=i)
        for line in range(lines):
            await request(ctx, port, addr=line * LINE_WORDS, line=1)

    async def listen(ctx):
        cycle = 0
        while len(beats) < WORDS // 2:
            _, _, valid, data = await ctx.tick().sample(port.rsp_valid, port.rsp_data)
            cycle += 1
            if valid:
                beats.append((cycle, data))

    simulate(dut, write_then_ask, listen)
    first = beats[0][0]
    assert beats == [(first + i, 2 * i | 2 * i + 1 << 32) for i in range(WORDS // 2)]
