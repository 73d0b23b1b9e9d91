import random

import pytest
from simulate import simulate
from tightrope.hw.bus.arbiter import RoundRobin


@pytest.mark.parametrize("count", [0, -1, 1.5, None])
def test_refuses_a_bad_count(count):
    with pytest.raises(ValueError, match=r"^Round-robin count must be a positive integer, not "):
        RoundRobin(count=count)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_all_requesters_are_served_in_turn(count):
    dut = RoundRobin(count=count)

    async def testbench(ctx):
        ctx.set(dut.requests, (1 << count) - 1)
        ctx.set(dut.take, 1)
        for turn in range(3 * count):
            assert ctx.get(dut.grant) == 1 << (turn % count)
            await ctx.tick()

    simulate(dut, testbench)


def test_a_grant_that_is_not_taken_stays():
    dut = RoundRobin(count=4)

    async def testbench(ctx):
        ctx.set(dut.requests, 0b1010)
        for _ in range(5):
            assert ctx.get(dut.grant) == 0b0010
            await ctx.tick()

    simulate(dut, testbench)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_who_is_free_gets_the_grant_by_asking(count):
    dut = RoundRobin(count=count)

    async def testbench(ctx):
        ctx.set(dut.take, 1)
        for last in range(count):
            ctx.set(dut.requests, 1 << last)
            await ctx.tick()
            ctx.set(dut.take, 0)
            for requests in range(1 << count):
                ctx.set(dut.requests, requests)
                free = ctx.get(dut.free)
                for i in range(count):
                    ctx.set(dut.requests, requests | 1 << i)
                    assert ctx.get(dut.grant) >> i & 1 == free >> i & 1
            ctx.set(dut.take, 1)

    simulate(dut, testbench)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_waits_more_than_his_turn(seed):
    count = 6
    dut = RoundRobin(count=count)
    rng = random.Random(seed)

    async def testbench(ctx):
        waiting = [None] * count
        for _ in range(1000):
            for i in range(count):
                if waiting[i] is None and rng.random() < 0.4:
                    waiting[i] = 0
            requests = sum(1 << i for i in range(count) if waiting[i] is not None)
            take = rng.random() < 0.7
            ctx.set(dut.requests, requests)
            ctx.set(dut.take, take)
            grant = ctx.get(dut.grant)
            assert grant & (grant - 1) == 0 and grant & ~requests == 0, f"seed {seed}"
            assert bool(grant) == bool(requests), f"seed {seed}"
            if take and grant:
                served = grant.bit_length() - 1
                waiting[served] = None
                for i in range(count):
                    if waiting[i] is not None:
                        waiting[i] += 1
                        assert waiting[i] < count, f"seed {seed}"
            await ctx.tick()

    simulate(dut, testbench)
