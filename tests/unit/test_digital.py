import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from cfu_bench import WORD, CfuBench, DigitalModel, acc, dot, random_scale, random_value
from tightrope.hw.isa import AccOp, DotOp
from tile_bench import run

IDENTITY = (1 << 32) - 64 | 32
"""A scale that leaves every value that fits a byte as it is."""

ANY_BYTE = 0x7F_80_00
"""An activation that only clips to int8."""


def digital(*testbenches):
    bench = CfuBench(tile_count=0, config=None)

    async def started(ctx):
        ctx.set(bench.dut.rsp.ready, 1)
        for testbench in testbenches:
            await testbench(ctx, bench)

    bench.run(started)


async def run_commands(ctx, bench, commands, model=None):
    """Execute, compare each result with the model's; the cycles each waited."""
    model = model or DigitalModel()
    waits = []
    for command in commands:
        waits.append(await bench.issue(ctx, *command))
        assert ctx.get(bench.dut.rsp.payload) == model.execute(*command)
    return waits


async def prepare(ctx, bench, model=None, scales=(IDENTITY,) * 4):
    """Element i of row r is 10 * r + i, the bias of channel i is -100 - i."""
    commands = [(*acc(AccOp.ACTIVATION), ANY_BYTE)]
    commands += [(*acc(AccOp.CHANNEL, i), scales[i], (-100 - i) & WORD) for i in range(4)]
    commands += [(*acc(AccOp.SWAP, 4 * row + i), 10 * row + i) for row in range(4)
                 for i in range(4)]  # fmt: skip
    await run_commands(ctx, bench, commands, model)


@pytest.mark.parametrize("member", DotOp)
def test_one_product_per_cycle(member):
    rng = random.Random(1)
    commands = [(*dot(member, 5), rng.getrandbits(32), rng.getrandbits(32)) for _ in range(100)]
    commands += [acc(AccOp.SWAP, i) for i in range(16)]

    async def testbench(ctx, bench):
        assert await run_commands(ctx, bench, commands) == [0] * 116

    digital(testbench)


def test_extreme_products_and_wrapping():
    async def testbench(ctx, bench):
        most = (*dot(DotOp.DOT4, 0), 0x80808080, 0x80808080)
        assert await bench.call(ctx, *most) == 4 * 128 * 128
        least = (*dot(DotOp.DOT4, 0), 0x80808080, 0x7F7F7F7F)
        assert await bench.call(ctx, *least) == 4 * 128
        assert await bench.call(ctx, *acc(AccOp.SWAP), 0x7FFF_FFFF) == 4 * 128
        assert await bench.call(ctx, *dot(DotOp.DOT4, 0), 1, 1) == 0x8000_0000
        assert await bench.call(ctx, *dot(DotOp.MAC4, 0), 0xFF, 1) == 0
        assert await bench.call(ctx, *acc(AccOp.SWAP)) == 0x7FFF_FFFF

    digital(testbench)


def test_a_row_becomes_its_biases_in_a_cycle_and_no_other_row_does():
    async def testbench(ctx, bench):
        model = DigitalModel()
        await prepare(ctx, bench, model)
        commands = [acc(AccOp.BIAS_ROW, 2), *(acc(AccOp.SWAP, i) for i in range(16))]
        assert await run_commands(ctx, bench, commands, model) == [0] * 17

    digital(testbench)


def test_requantise_takes_a_value_per_cycle_and_take_waits_for_the_last():
    rng = random.Random(2)

    async def testbench(ctx, bench):
        for count in range(1, 9):
            model = DigitalModel()
            activation = (*acc(AccOp.ACTIVATION), ANY_BYTE)
            commands = [activation, *((*acc(AccOp.REQUANTISE), random_value(rng), random_scale(rng))
                                      for _ in range(count))]  # fmt: skip
            commands += [acc(AccOp.TAKE)] * 3
            if count < 4:
                model.packed = await bench.call(ctx, *acc(AccOp.TAKE))
            waits = await run_commands(ctx, bench, commands, model)
            assert waits == [0] * (1 + count) + [3, 0, 0], "seed 2"

    digital(testbench)


@pytest.mark.parametrize("row", range(4))
def test_a_row_is_taken_seven_cycles_after_its_command(row):
    async def testbench(ctx, bench):
        model = DigitalModel()
        await prepare(ctx, bench, model)
        commands = [acc(AccOp.OUT_ROW, row), acc(AccOp.TAKE)]
        commands += [acc(AccOp.SWAP, i) for i in range(16)]
        assert await run_commands(ctx, bench, commands, model) == [0, 6] + [0] * 16

    digital(testbench)


def test_rows_follow_each_other_every_four_cycles():
    async def testbench(ctx, bench):
        model = DigitalModel()
        scales = [1 << 31 | 32, IDENTITY, 0, 1 << 31 | 33]
        await prepare(ctx, bench, model, scales)
        rows = [acc(AccOp.OUT_ROW, row) for row in (1, 1, 3, 0)]
        assert await run_commands(ctx, bench, rows, model) == [0, 3, 3, 3]
        assert await run_commands(ctx, bench, [acc(AccOp.TAKE)], model) == [6]

    digital(testbench)


@pytest.mark.parametrize("i", range(4))
def test_a_product_at_once_after_out_row_finds_the_bias(i):
    async def testbench(ctx, bench):
        model = DigitalModel()
        await prepare(ctx, bench, model)
        commands = [acc(AccOp.OUT_ROW, 2), (*dot(DotOp.DOT4, 8 + i), 1, 1), acc(AccOp.TAKE)]
        assert await run_commands(ctx, bench, commands, model) == [0, 3, 2]
        assert model.accumulators[8 + i] == (-100 - i + 1) & WORD

    digital(testbench)


def test_what_is_on_its_way_keeps_its_scale_and_activation():
    async def testbench(ctx, bench):
        model = DigitalModel()
        await prepare(ctx, bench, model)
        commands = [acc(AccOp.OUT_ROW, 3), (*acc(AccOp.CHANNEL, 3), 0, 0)]
        commands += [(*acc(AccOp.ACTIVATION), 0x05_05_00), acc(AccOp.TAKE)]
        assert await run_commands(ctx, bench, commands, model) == [0, 3, 2, 0]

    digital(testbench)


def test_members_that_do_not_exist_answer_0_and_change_nothing():
    async def testbench(ctx, bench):
        model = DigitalModel()
        await prepare(ctx, bench, model)
        await run_commands(ctx, bench, [acc(AccOp.OUT_ROW, 3), acc(AccOp.TAKE)], model)
        missing = [dot(member, i) for member in range(len(DotOp), 8) for i in range(16)]
        missing += [acc(AccOp.TILE_BASE, i) for i in range(16)]  # not for this unit
        waits = await run_commands(ctx, bench, [(*c, WORD, WORD) for c in missing], model)
        assert waits == [0] * 7 * 16
        state = [acc(AccOp.TAKE), *(acc(AccOp.SWAP, i) for i in range(16))]
        assert await run_commands(ctx, bench, state, model) == [0] * 17

    digital(testbench)


def test_reset_empties_the_requantiser_and_keeps_the_rest():
    bench = CfuBench(tile_count=0, config=None)
    reset = Signal()

    async def testbench(ctx):
        model = DigitalModel()
        ctx.set(bench.dut.rsp.ready, 1)
        await prepare(ctx, bench, model)
        await run_commands(ctx, bench, [acc(AccOp.OUT_ROW, 3), acc(AccOp.TAKE)], model)
        await bench.issue(ctx, *acc(AccOp.OUT_ROW, 2))
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        # A column in the cycle of the command, one in that of the reset.
        model.accumulators[8:10] = model.biases[:2]
        state = [acc(AccOp.TAKE), *(acc(AccOp.SWAP, i) for i in range(16))]
        assert await run_commands(ctx, bench, state, model) == [0] * 17
        again = [acc(AccOp.BIAS_ROW), acc(AccOp.OUT_ROW), acc(AccOp.TAKE)]
        assert await run_commands(ctx, bench, again, model) == [0, 0, 6]

    run(ResetInserter(reset)(bench.dut), [], testbench)


@pytest.mark.parametrize("seed", range(4))
def test_random_sums_see_all_earlier_ones_whenever_answers_are_taken(seed):
    rng = random.Random(seed)
    kinds = [dot(DotOp.DOT4, 0), dot(DotOp.MAC4, 0), acc(AccOp.SWAP), acc(AccOp.BIAS_ROW)]

    async def testbench(ctx):
        model = DigitalModel()
        dut = bench.dut
        ctx.set(dut.rsp.ready, 1)
        await prepare(ctx, bench, model)
        for _ in range(400):
            op, funct7 = rng.choice(kinds)
            # Two rows: most operations find one of the row on its way.
            command = (op, funct7 | rng.randrange(8), rng.getrandbits(32), rng.getrandbits(32))
            expected = model.execute(*command)
            await bench.issue(ctx, *command)
            while rng.random() < 0.3:
                ctx.set(dut.rsp.ready, 0)
                assert ctx.get(dut.rsp.payload) == expected, f"seed {seed}"
                await ctx.tick()
                ctx.set(dut.rsp.ready, 1)
            assert ctx.get(dut.rsp.payload) == expected, f"seed {seed}"

    bench = CfuBench(tile_count=0, config=None)
    bench.run(testbench)


@pytest.mark.parametrize("command", [dot(DotOp.DOT4, 5), dot(DotOp.MAC4, 1), acc(AccOp.SWAP, 5)])
def test_reset_ends_no_sum_that_was_begun(command):
    bench = CfuBench(tile_count=0, config=None)
    reset = Signal()

    async def testbench(ctx):
        model = DigitalModel()
        ctx.set(bench.dut.rsp.ready, 1)
        await prepare(ctx, bench, model)
        for before in (0, 1):
            # In the cycle of the command, and in the one after it.
            model.execute(*command, 0x01020304, 0x05060708)
            ctx.set(reset, 1 - before)
            await bench.issue(ctx, *command, 0x01020304, 0x05060708)
            ctx.set(reset, before)
            await ctx.tick()
            ctx.set(reset, 0)
            state = [acc(AccOp.SWAP, i) for i in range(16)]
            await run_commands(ctx, bench, state, model)

    run(ResetInserter(reset)(bench.dut), [], testbench)
