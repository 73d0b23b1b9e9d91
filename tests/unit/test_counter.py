import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from simulate import simulate
from tightrope.hw.perf.counter import counted


class Counter(wiring.Component):
    event: In(6)
    value: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.value.eq(counted(m, self.event, "events"))
        return m


@pytest.mark.parametrize("seed", range(3))
def test_all_events_before_this_cycle_are_in_the_value(seed):
    rng = random.Random(seed)
    dut = Counter()

    async def testbench(ctx):
        total = 0
        for _ in range(200):
            event = rng.choice([0, 1, rng.randrange(64)])
            ctx.set(dut.event, event)
            assert ctx.get(dut.value) == total, f"seed {seed}"
            total += event
            await ctx.tick()

    simulate(dut, testbench)
