import random

from simulate import register_access, simulate
from tightrope.hw.regs import SYNC_REGS
from tightrope.hw.sync.unit import SyncUnit

OFFSET = {reg.name: reg.offset_bytes for reg in SYNC_REGS}


def test_fetch_add_gives_every_hart_another_ticket():
    harts = 4
    dut = SyncUnit(hart_count=harts)
    tickets = []

    def hart(i):
        async def testbench(ctx):
            rng = random.Random(i)
            for _ in range(20):
                await ctx.tick().repeat(rng.randrange(1, 4))
                value, _ = await register_access(ctx, dut.ports[i], OFFSET["FETCH_ADD"] + 8)
                tickets.append(value)

        return testbench

    simulate(dut, *(hart(i) for i in range(harts)))
    assert sorted(tickets) == list(range(20 * harts))


def test_fetch_add_is_set_by_a_write():
    dut = SyncUnit(hart_count=1)

    async def testbench(ctx):
        await register_access(ctx, dut.ports[0], OFFSET["FETCH_ADD"], write=41)
        assert (await register_access(ctx, dut.ports[0], OFFSET["FETCH_ADD"]))[0] == 41
        assert (await register_access(ctx, dut.ports[0], OFFSET["FETCH_ADD"]))[0] == 42
        assert (await register_access(ctx, dut.ports[0], OFFSET["FETCH_ADD"] + 4))[0] == 0

    simulate(dut, testbench)


def test_mutex_has_one_owner_until_it_is_freed():
    dut = SyncUnit(hart_count=2)
    addr = OFFSET["MUTEX"] + 4 * 3

    async def testbench(ctx):
        assert (await register_access(ctx, dut.ports[0], addr))[0] == 1
        assert (await register_access(ctx, dut.ports[1], addr))[0] == 0
        assert (await register_access(ctx, dut.ports[1], addr + 4))[0] == 1
        await register_access(ctx, dut.ports[0], addr, write=0)
        assert (await register_access(ctx, dut.ports[1], addr))[0] == 1

    simulate(dut, testbench)


def test_barrier_releases_all_harts_in_the_same_cycle_and_again():
    harts = 3
    dut = SyncUnit(hart_count=harts)
    released = {round_idx: [] for round_idx in range(5)}
    clock = [0]

    def hart(i):
        async def testbench(ctx):
            rng = random.Random(i)
            for round_idx in range(5):
                await ctx.tick().repeat(rng.randrange(1, 30))
                await register_access(ctx, dut.ports[i], OFFSET["BARRIER"])
                released[round_idx].append(clock[0])

        return testbench

    async def count(ctx):
        while True:
            await ctx.tick()
            clock[0] += 1

    simulate(dut, *(hart(i) for i in range(harts)), processes=[count])
    for times in released.values():
        assert len(times) == harts and len(set(times)) == 1


def test_a_hart_at_the_barrier_is_asleep_and_does_not_disturb_the_others():
    dut = SyncUnit(hart_count=2)

    async def sleeper(ctx):
        await register_access(ctx, dut.ports[1], OFFSET["BARRIER"])

    async def testbench(ctx):
        await ctx.tick().repeat(2)
        assert ctx.get(dut.asleep) == 0b10
        for expected in range(10):
            value, waited = await register_access(ctx, dut.ports[0], OFFSET["FETCH_ADD"])
            assert (value, waited) == (expected, 0)
        await register_access(ctx, dut.ports[0], OFFSET["BARRIER"])
        await ctx.tick()
        assert ctx.get(dut.asleep) == 0

    simulate(dut, testbench, sleeper)


def test_a_hart_that_arrives_goes_on_and_is_told_when_all_have_come():
    dut = SyncUnit(hart_count=3)

    async def testbench(ctx):
        for _ in range(3):
            # A second arrival before the others does nothing.
            for hart in (0, 2, 0):
                arrival = register_access(ctx, dut.ports[hart], OFFSET["ARRIVE"], write=1)
                assert (await arrival)[1] == 0
            value, waited = await register_access(ctx, dut.ports[2], OFFSET["FETCH_ADD"] + 4)
            assert waited == 0
            assert ctx.get(dut.met) == 0 and ctx.get(dut.asleep) == 0
            waiting = ctx.tick().sample(dut.met)
            ctx.set(dut.ports[1].addr, OFFSET["BARRIER"])
            ctx.set(dut.ports[1].we, 0)
            ctx.set(dut.ports[1].stb, 1)
            assert (await waiting)[2] == 0
            assert ctx.get(dut.met) == 0b101 and ctx.get(dut.ports[1].ack)
            await ctx.tick()
            ctx.set(dut.ports[1].stb, 0)
            assert ctx.get(dut.met) == 0

    simulate(dut, testbench)


def test_a_hart_may_arrive_and_then_wait():
    dut = SyncUnit(hart_count=2)
    passed = []

    async def sleeper(ctx):
        await register_access(ctx, dut.ports[0], OFFSET["ARRIVE"], write=0)
        await register_access(ctx, dut.ports[0], OFFSET["BARRIER"])
        passed.append(0)

    async def testbench(ctx):
        await ctx.tick().repeat(10)
        assert ctx.get(dut.asleep) == 0b01 and not passed
        await register_access(ctx, dut.ports[1], OFFSET["ARRIVE"], write=0)
        await ctx.tick().repeat(3)
        assert passed and ctx.get(dut.asleep) == 0

    simulate(dut, testbench, sleeper)


def test_a_read_of_arrive_is_no_arrival():
    dut = SyncUnit(hart_count=1)

    async def testbench(ctx):
        assert (await register_access(ctx, dut.ports[0], OFFSET["ARRIVE"]))[0] == 0
        for _ in range(3):
            assert ctx.get(dut.met) == 0
            await ctx.tick()

    simulate(dut, testbench)
