import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect
from amaranth.sim import Simulator
from crossbar_bench import ADDR_WIDTH, SIZE_WORDS, Bench
from tightrope.hw.bus.wide_arbiter import WideArbiter

WORDS = 4


class Top(wiring.Component):
    """``count`` requesters share a wide port; a second wide port makes conflicts."""

    def __init__(self, count):
        self.bench = Bench(words=[WORDS, WORDS], banks=4)
        self.arbiter = WideArbiter(count=count, words=WORDS, addr_width=ADDR_WIDTH)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.bench, m.submodules.arbiter = self.bench, self.arbiter
        connect(m, self.arbiter.request, self.bench.ports[0])
        return m


async def access(ctx, port, addr, count, data=None):
    """A request; its answer and the cycles it waited."""
    ctx.set(port.addr, addr)
    ctx.set(port.count, count)
    ctx.set(port.write, data is not None)
    ctx.set(port.data, sum(word << 32 * i for i, word in enumerate(data or [])))
    ctx.set(port.mask, -1)
    ctx.set(port.valid, 1)
    waited = 0
    while not (await ctx.tick().sample(port.ready))[2]:
        waited += 1
    ctx.set(port.valid, 0)
    assert ctx.get(port.rsp_valid)
    rdata = ctx.get(port.rdata)
    return [rdata >> 32 * i & 0xFFFF_FFFF for i in range(count)], waited


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_reads_what_it_wrote_and_waits_its_turn(count):
    top = Top(count)
    # Two cycles at most for each request: another port is there too.
    most = 2 * count + 1
    ended = []

    def requester(port, base):
        async def testbench(ctx):
            rng = random.Random(base)
            memory = {}
            for _ in range(60):
                if rng.random() < 0.3:
                    await ctx.tick().repeat(rng.randint(1, 4))
                n, addr = rng.randint(1, WORDS), base + rng.randrange(64 - WORDS)
                data = [rng.getrandbits(32) for _ in range(n)] if rng.random() < 0.5 else None
                words, waited = await access(ctx, port, addr, n, data)
                assert waited <= most
                if data is not None:
                    memory |= {addr + i: word for i, word in enumerate(data)}
                else:
                    assert words == [memory.get(addr + i, 0) for i in range(n)]
            ended.append(base)

        return testbench

    sim = Simulator(top)
    sim.add_clock(1e-6)
    for i in range(count):
        sim.add_testbench(requester(top.arbiter.ports[i], 64 * i))
    sim.add_testbench(requester(top.bench.ports[1], 512))
    sim.run_until(5e-3)
    assert len(ended) == count + 1


def test_answers_and_errors_reach_only_who_asked():
    top = Top(2)

    async def testbench(ctx):
        first, second = top.arbiter.ports
        for port, addr in ((first, SIZE_WORDS - 1), (second, 0)):
            ctx.set(port.addr, addr)
            ctx.set(port.count, 2)
            ctx.set(port.valid, 1)
        await ctx.tick()
        ctx.set(first.valid, 0)
        assert (ctx.get(first.rsp_valid), ctx.get(second.rsp_valid)) == (1, 0)
        assert ctx.get(first.error)
        await ctx.tick()
        ctx.set(second.valid, 0)
        assert (ctx.get(first.rsp_valid), ctx.get(second.rsp_valid)) == (0, 1)
        assert not ctx.get(second.error)
        await ctx.tick()
        assert (ctx.get(first.rsp_valid), ctx.get(second.rsp_valid)) == (0, 0)

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(testbench)
    sim.run()


def test_a_request_that_was_withdrawn_leaves_a_cycle_between():
    """What WideRequest asks of an initiator holds for the arbiter too."""
    arbiter = WideArbiter(count=2, words=WORDS, addr_width=ADDR_WIDTH)

    async def testbench(ctx):
        first, second = arbiter.ports
        for port, addr in ((first, 5), (second, 9)):
            ctx.set(port.addr, addr)
            ctx.set(port.valid, 1)
        assert ctx.get(arbiter.request.addr) == 5
        await ctx.tick()
        ctx.set(first.valid, 0)
        assert not ctx.get(arbiter.request.valid)
        await ctx.tick()
        assert ctx.get(arbiter.request.valid) and ctx.get(arbiter.request.addr) == 9

    sim = Simulator(arbiter)
    sim.add_clock(1e-6)
    sim.add_testbench(testbench)
    sim.run()
