import random

import pytest
from tightrope.hw.config import TileConfig
from tightrope.hw.isa import TileStatus, TileStatusReg
from tile_bench import SMALL, Bench, random_bytes


def test_result_comes_after_the_latency_and_one_word_per_cycle():
    bench = Bench()
    bench.randomise(random.Random(1))
    inputs = random_bytes(random.Random(2), 16)

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        await bench.queue(ctx, inputs)
        await bench.process(ctx)
        got = [await bench.dequeue(ctx) for _ in range(16)]
        # One cycle from process to the start, then the latency, then the first word.
        assert [waited for _, waited in got] == [1 + SMALL.mvm_latency_cycles] + [0] * 15
        assert [word for word, _ in got] == bench.stub.model.mvm(inputs, 0, 16, 0, 16, 0)
        assert bench.status(ctx) == 0

    bench.run(testbench)


@pytest.mark.parametrize("latency", [1, 2, 3])
def test_result_comes_after_a_short_latency(latency):
    bench = Bench(TileConfig(rows=8, cols=8, mvm_latency_cycles=latency))

    async def testbench(ctx):
        await bench.window(ctx, 0, 8, 0, 8)
        for _ in range(3):
            await bench.queue(ctx, [1] * 8)
            await bench.process(ctx)
            assert [(await bench.dequeue(ctx))[1] for _ in range(8)] == [1 + latency] + [0] * 7
        assert bench.status(ctx, TileStatusReg.BUSY_CYCLES) == 3 * latency

    bench.run(testbench)


@pytest.mark.parametrize(("adc_bits", "words"), [(4, 2), (8, 2), (9, 4), (16, 4), (32, 8)])
def test_outputs_are_packed(adc_bits, words):
    bench = Bench(TileConfig(rows=16, cols=8, adc_bits=adc_bits, mvm_latency_cycles=2))
    rng = random.Random(adc_bits)
    bench.randomise(rng)
    inputs = random_bytes(rng, 16)

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 8, shift=6)
        await bench.queue(ctx, inputs)
        await bench.process(ctx)
        got = [(await bench.dequeue(ctx))[0] for _ in range(words)]
        assert got == bench.stub.model.mvm(inputs, 0, 16, 0, 8, 6)
        assert not ctx.get(bench.dut.result)
        assert (await bench.dequeue(ctx)) == (0, 0)

    bench.run(testbench)


def test_next_patch_is_queued_during_the_mvm_and_the_third_waits():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        for _ in range(2):
            assert await bench.queue(ctx, [1] * 16) == [0, 0]
            assert await bench.process(ctx) == 0
        # The first MVM computes: it started in the cycle after its process.
        assert bench.status(ctx) == TileStatus.BUSY | TileStatus.INPUT_FULL
        first, second = await bench.queue(ctx, [1] * 16)
        assert first == SMALL.mvm_latency_cycles - 2  # queueing the second took three cycles
        assert second == 0
        assert bench.status(ctx) == TileStatus.BUSY | TileStatus.RESULT

    bench.run(testbench)


def test_mvms_follow_each_other_without_a_gap():
    bench = Bench()
    count = 6

    async def producer(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        for _ in range(count):
            await bench.queue(ctx, [1] * 16)
            await bench.process(ctx)

    async def consumer(ctx):
        while not ctx.get(bench.dut.result):
            await ctx.tick()
        cycles = 0
        for _ in range(count * 16):
            cycles += 1 + (await bench.dequeue(ctx))[1]
        assert cycles == (count - 1) * SMALL.mvm_latency_cycles + 16
        assert bench.status(ctx, TileStatusReg.BUSY_CYCLES) == count * SMALL.mvm_latency_cycles

    bench.run(producer, consumer)


def test_mvm_waits_for_an_output_buffer():
    bench = Bench(TileConfig(rows=8, cols=8, mvm_latency_cycles=5))

    async def testbench(ctx):
        await bench.window(ctx, 0, 8, 0, 8)
        for _ in range(4):
            await bench.queue(ctx, [1] * 8)
            await bench.process(ctx)
        await ctx.tick().repeat(30)
        assert bench.status(ctx) == TileStatus.RESULT | TileStatus.INPUT_FULL
        assert bench.status(ctx, TileStatusReg.MVMS) == 2
        for _ in range(7):
            await bench.dequeue(ctx)
        await ctx.tick().repeat(3)
        assert bench.status(ctx, TileStatusReg.MVMS) == 2
        await bench.dequeue(ctx)
        await ctx.tick()
        assert bench.status(ctx, TileStatusReg.MVMS) == 3

    bench.run(testbench)


def test_window_and_shift_are_those_of_the_process():
    bench = Bench(TileConfig(rows=16, cols=16, adc_bits=8, mvm_latency_cycles=5))
    bench.randomise(random.Random(3))
    inputs = random_bytes(random.Random(4), 16)
    windows = [(0, 8, 0, 8, 4), (8, 8, 8, 8, 6)]

    async def testbench(ctx):
        for first, window in zip((0, 8), windows, strict=True):
            await bench.window(ctx, *window)
            await bench.queue(ctx, inputs[first : first + 8])
            await bench.process(ctx)
        await bench.window(ctx, 0, 0, 0, 0)
        for first, window in zip((0, 8), windows, strict=True):
            words = [(await bench.dequeue(ctx))[0] for _ in range(2)]
            assert words == bench.stub.model.mvm(inputs[first : first + 8], *window)

    bench.run(testbench)


def test_programming_takes_its_latency_and_delays_the_mvm():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        waits = [await bench.program(ctx, 3, 4 * i, 0x7F80_01FF) for i in range(4)]
        assert waits == [0] + [SMALL.program_latency_cycles - 1] * 3
        assert bench.status(ctx) == TileStatus.BUSY
        assert bench.stub.model.weights[3].tolist() == [-1, 1, -128, 127] * 4
        await bench.process(ctx)
        # One of the four cycles is over. The start shares the last one.
        _, waited = await bench.dequeue(ctx)
        assert waited == SMALL.program_latency_cycles - 1 + SMALL.mvm_latency_cycles
        assert bench.status(ctx, TileStatusReg.PROGRAM_WRITES) == 4

    bench.run(testbench)


def test_programming_waits_for_the_mvms_before_it():
    bench = Bench()

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 16)
        await bench.queue(ctx, [1] * 16)
        await bench.process(ctx)
        assert await bench.program(ctx, 0, 0, 1) == SMALL.mvm_latency_cycles + 1
        assert await bench.dequeue(ctx) == (0, 0)

    bench.run(testbench)
