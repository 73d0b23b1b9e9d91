import random

import pytest
from tightrope.hw.isa import TileConfigReg, TileStatus, TileStatusReg
from tile_bench import SMALL, Bench, random_bytes


@pytest.mark.parametrize(
    "window",
    [(0, 0, 0, 16), (0, 16, 0, 0), (1, 16, 0, 16), (0, 17, 0, 16), (0, 16, 4, 16), (16, 1, 0, 4),
     (0, 16, 2, 4), (0, 16, 0, 6), (0xFFFF, 0xFFFF, 0, 16), (0xFFFF, 1, 0, 16), (0, 16, 0xFFFC, 4)],
)  # fmt: skip
def test_a_bad_window_drops_the_input_and_leaves_no_result(window):
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, *window)
        await bench.queue(ctx, [1] * 16)
        await bench.process(ctx)
        assert bench.status(ctx) == TileStatus.ERROR_WINDOW
        assert not ctx.get(bench.dut.pending)
        assert await bench.dequeue(ctx) == (0, 0)
        assert bench.status(ctx) == TileStatus.ERROR_WINDOW | TileStatus.ERROR_EMPTY
        assert bench.status(ctx, TileStatusReg.MVMS) == 0

        await bench.configure(ctx, TileConfigReg.RESET, 0)
        await bench.window(ctx, 0, 16, 0, 16)
        await bench.queue(ctx, [1] * 16)
        await bench.process(ctx)
        await bench.dequeue(ctx)
        assert bench.status(ctx) == TileStatus.RESULT

    bench.run(testbench)


@pytest.mark.parametrize("count", [0, 5, 15, 16])
def test_an_mvm_with_missing_or_surplus_bytes(count):
    bench = Bench()
    bench.randomise(random.Random(5))
    inputs = [3] * count

    async def testbench(ctx):
        await bench.window(ctx, 0, 15, 0, 16)
        await bench.queue(ctx, [99] * 15)
        await bench.process(ctx)
        for _ in range(16):
            await bench.dequeue(ctx)
        await bench.queue(ctx, [77] * 15)
        await bench.process(ctx)
        for _ in range(16):
            await bench.dequeue(ctx)
        await bench.queue(ctx, inputs)
        await bench.process(ctx)
        words = [(await bench.dequeue(ctx))[0] for _ in range(16)]
        assert words == bench.stub.model.mvm(inputs, 0, 15, 0, 16, 0)
        assert bench.status(ctx) == (0 if count == 15 else TileStatus.ERROR_SHORT)

    bench.run(testbench)


def test_a_queue_beyond_the_array_is_ignored():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        await bench.queue(ctx, [1] * 12)
        assert bench.status(ctx) == 0
        await bench.send(ctx, bench.dut.queue, data=0x55555, count=5)
        assert bench.status(ctx) == TileStatus.ERROR_RANGE
        await bench.send(ctx, bench.dut.queue, data=0x01010101, count=4)
        await bench.process(ctx)
        assert bench.status(ctx, TileStatusReg.BYTES_IN) == 16
        assert bench.status(ctx) == TileStatus.ERROR_RANGE

    bench.run(testbench)


@pytest.mark.parametrize(("row", "col"), [(16, 0), (0, 16), (0, 13), (0xFFFF, 0), (0, 0xFFFC)])
def test_a_weight_outside_the_array_is_ignored(row, col):
    bench = Bench()

    async def testbench(ctx):
        await bench.program(ctx, row, col, 0xFFFF_FFFF)
        assert bench.status(ctx) == TileStatus.ERROR_RANGE
        assert bench.status(ctx, TileStatusReg.PROGRAM_WRITES) == 0
        assert not bench.stub.model.weights.any()

    bench.run(testbench)


@pytest.mark.parametrize("cycles", [1, 5, 11, 20, 21, 22, 23, 40, 41, 42])
def test_reset_drops_everything_at_any_time(cycles):
    bench = Bench(extra_cycles=3, seed=cycles)
    bench.randomise(random.Random(6))
    inputs = random_bytes(random.Random(7), 16)

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        for _ in range(2):
            await bench.queue(ctx, [1] * 16)
            await bench.process(ctx)
        await ctx.tick().repeat(cycles)
        await bench.configure(ctx, TileConfigReg.RESET, 0)
        assert bench.status(ctx) & ~TileStatus.BUSY == 0
        assert await bench.dequeue(ctx) == (0, 0)
        assert bench.status(ctx) & ~TileStatus.BUSY == TileStatus.ERROR_EMPTY
        await bench.configure(ctx, TileConfigReg.RESET, 0)

        await bench.queue(ctx, inputs)
        await bench.process(ctx)
        words = [(await bench.dequeue(ctx))[0] for _ in range(16)]
        assert words == bench.stub.model.mvm(inputs, 0, 16, 0, 16, 0)
        assert bench.status(ctx) == 0

    bench.run(testbench)


def test_reset_stops_an_mvm_but_not_a_weight_write():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        await bench.queue(ctx, [1] * 16)
        await bench.process(ctx)
        await ctx.tick().repeat(3)
        await bench.configure(ctx, TileConfigReg.RESET, 0)
        assert bench.status(ctx) == 0
        assert await bench.program(ctx, 0, 0, 1) == 0
        await bench.configure(ctx, TileConfigReg.RESET, 0)
        assert bench.status(ctx) == TileStatus.BUSY
        await bench.queue(ctx, [1] * 16)
        await bench.process(ctx)
        assert (await bench.dequeue(ctx)) == (1, 1 + SMALL.mvm_latency_cycles)

    bench.run(testbench)


def test_counters_count_and_survive_a_reset_of_the_tile():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 12, 0, 8)
        for _ in range(3):
            await bench.queue(ctx, [1] * 12)
            await bench.process(ctx)
            for _ in range(8):
                await bench.dequeue(ctx)
        await bench.dequeue(ctx)
        ctx.set(bench.dut.waiting, 1)
        await ctx.tick().repeat(7)
        ctx.set(bench.dut.waiting, 0)
        await bench.configure(ctx, TileConfigReg.RESET, 0)
        expected = {
            TileStatusReg.STATUS: 0,
            TileStatusReg.GEOMETRY: 16 | 16 << 16,
            TileStatusReg.MVMS: 3,
            TileStatusReg.BUSY_CYCLES: 3 * SMALL.mvm_latency_cycles,
            TileStatusReg.BYTES_IN: 36,
            TileStatusReg.BYTES_OUT: 96,
            TileStatusReg.ROWS_USED: 36,
            TileStatusReg.COLS_USED: 24,
            TileStatusReg.WAIT_CYCLES: 7,
            TileStatusReg.PROGRAM_WRITES: 0,
            TileStatusReg.CELLS_USED: 3 * 12 * 8 // 64,
            **{reg: 0 for reg in TileStatusReg if reg.name.startswith("STREAM_")},
        }
        assert {reg: bench.status(ctx, reg) for reg in TileStatusReg} == expected
        assert bench.status(ctx, 15) == 0

    bench.run(testbench)
