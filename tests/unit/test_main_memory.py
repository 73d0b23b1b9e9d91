"""The memory controller, with an array in Amaranth in place of the simulator's."""

import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from simulate import simulate
from tightrope.hw.config import MemoryConfig
from tightrope.hw.mem.main_memory import MainMemory
from tightrope.hw.mem.port import LINE_WORDS

WORDS = 256


class SmallArray(wiring.Component):
    def __init__(self, *, config):
        self._words = config.bytes_per_cycle // 4
        super().__init__(
            {
                "en": In(1), "addr": In(32), "we": In(1), "wdata_word": In(32), "wmask": In(4),
                "word_idx": In(3), "rdata": Out(32 * self._words),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=32 * self._words, depth=WORDS // self._words, init=[]
        )
        read = memory.read_port()
        write = memory.write_port(granularity=8)
        m.d.comb += [
            read.addr.eq(self.addr), read.en.eq(self.en & ~self.we), self.rdata.eq(read.data),
            write.addr.eq(self.addr), write.data.eq(self.wdata_word.replicate(self._words)),
        ]
        with m.If(self.en & self.we):
            m.d.comb += write.en.eq(self.wmask << (4 * self.word_idx))
        return m


def make(port_count, **kwargs):
    config = MemoryConfig(**kwargs)
    return MainMemory(config=config, port_count=port_count, array=SmallArray(config=config))


async def request(ctx, port, *, addr, line=0, we=0, data=0, mask=0xF):
    """Make a request; returns once it is taken."""
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
                    lanes = sum(0xFF << 8 * lane for lane in range(4) if mask >> lane & 1)
                    model[word] = model[word] & ~lanes | value & lanes
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
