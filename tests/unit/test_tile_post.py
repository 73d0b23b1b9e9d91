import random

import pytest
from post_bench import PostModel
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.isa import TILE_SHIFT_POST, TileConfigReg, TileStatus, TileStatusReg
from tile_bench import Bench, random_bytes

LANES = [1, 2, 4, 8]
WIDTHS = [4, 8, 16, 32, 64]
POST_CYCLES = 5
"""From a raw result's first word to that of one whose first word is a single group."""


class PostBench(Bench):
    """A tile with weights and constants."""

    def __init__(self, config, rng, **options):
        super().__init__(config, **options)
        self.randomise(rng)
        self.model = PostModel(self.stub.model, rng)

    async def set_up(self, ctx, columns=None):
        for index, value in self.model.writes(columns):
            await self.configure(ctx, index, value)

    async def give(self, ctx, patch, window):
        await self.window(ctx, *window)
        await self.queue(ctx, patch)
        await self.process(ctx)

    async def result(self, ctx, patch, window):
        """Dequeue a result and compare; the cycles each beat took to come."""
        expected = self.model.mvm(patch, *window)
        waits, last = [], False
        while not last:
            words, last, waited = await self.dequeue_beat(ctx)
            assert words == expected[: len(words)]
            waits.append(waited)
            expected = expected[len(words) :]
        assert not expected
        return waits


@pytest.mark.parametrize("lanes", [-1, 3, 16, 4.0, None, True])
def test_refuses_a_bad_number_of_lanes(lanes):
    with pytest.raises(HwConfigError, match="^tile.post_lanes must be 0, 1, 2, 4 or 8, not "):
        TileConfig(post_lanes=lanes)


def test_a_tile_without_lanes_ignores_all_of_it():
    rng = random.Random(1)
    bench = PostBench(TileConfig(rows=8, cols=8, mvm_latency_cycles=2), rng)
    patch = random_bytes(rng, 8)

    async def testbench(ctx):
        await bench.set_up(ctx)
        await bench.give(ctx, patch, (0, 8, 0, 8, TILE_SHIFT_POST | 3))
        assert await bench.result(ctx, patch, (0, 8, 0, 8, 3)) == [3] + [0] * 7
        assert bench.status(ctx) == 0

    bench.run(testbench)


def random_window(rng, config):
    row, col = rng.randrange(config.rows), rng.randrange(0, config.cols, 4)
    cols = rng.randrange(4, config.cols - col + 1, 4)
    shift = rng.choice([rng.randrange(12), rng.randrange(32)])
    post = rng.choice([0, TILE_SHIFT_POST, TILE_SHIFT_POST])
    return row, rng.randint(1, config.rows - row), col, cols, post | shift


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("adc_bits", [8, 12, 16, 32])
@pytest.mark.parametrize("lanes", LANES)
def test_raw_and_post_processed_results_follow_golden(lanes, adc_bits, seed):
    rng = random.Random(f"{seed} {lanes} {adc_bits}")
    config = TileConfig(
        rows=8 * rng.randint(1, 4),
        cols=8 * rng.randint(1, 6),
        adc_bits=adc_bits,
        mvm_latency_cycles=rng.choice([1, 2, 9, 30]),
        post_lanes=lanes,
    )
    widths = {"port_bytes": rng.choice(WIDTHS), "port_bytes_out": rng.choice(WIDTHS)}
    bench = PostBench(config, rng, extra_cycles=seed, seed=seed, **widths)
    windows = [random_window(rng, config) for _ in range(24)]
    patches = [random_bytes(rng, window[1]) for window in windows]
    slow_input, slow_output = rng.choice([0, 0.3]), rng.choice([0, 0.1, 0.5])
    ready = False

    async def producer(ctx):
        nonlocal ready
        await bench.set_up(ctx)
        ready = True
        for patch, window in zip(patches, windows, strict=True):
            await bench.give(ctx, patch, window)
            if rng.random() < slow_input:
                await ctx.tick().repeat(rng.randint(1, 60))

    async def consumer(ctx):
        while not ready:
            await ctx.tick()
        size = widths["port_bytes_out"] // 4
        total = 0
        for i, (patch, window) in enumerate(zip(patches, windows, strict=True)):
            expected = bench.model.mvm(patch, *window)
            total += len(expected)
            while expected:
                while not ctx.get(bench.dut.result):
                    await ctx.tick()
                words, last, _ = await bench.dequeue_beat(ctx)
                assert words == expected[:size], f"seed {seed}, result {i}"
                expected = expected[size:]
                assert last == (not expected), f"seed {seed}, result {i}"
                if rng.random() < slow_output:
                    await ctx.tick().repeat(rng.choice([1, 2, 20]))
        assert bench.status(ctx) == 0, f"seed {seed}"
        assert bench.status(ctx, TileStatusReg.BYTES_OUT) == 4 * total, f"seed {seed}"

    bench.run(producer, consumer)


@pytest.mark.parametrize("adc_bits", [8, 32])
@pytest.mark.parametrize(("lanes", "cycles"), [(1, 256), (2, 128), (4, 64), (8, 64)])
def test_a_narrow_port_gets_a_word_per_cycle_from_four_lanes(lanes, cycles, adc_bits):
    rng = random.Random(lanes)
    config = TileConfig(
        rows=8, cols=256, adc_bits=adc_bits, mvm_latency_cycles=20, post_lanes=lanes
    )
    bench = PostBench(config, rng)
    patch = random_bytes(rng, 8)
    window = (0, 8, 0, 256, TILE_SHIFT_POST | 4)

    async def testbench(ctx):
        await bench.set_up(ctx)
        for _ in range(2):
            await bench.give(ctx, patch, window)
        await ctx.tick().repeat(100)
        assert ctx.get(bench.dut.result)  # and both MVMs are over
        await bench.give(ctx, patch, window)
        for _ in range(2):
            waits = await bench.result(ctx, patch, window)
        gap = max(4 // lanes, 1) - 1
        assert waits == [gap] * 64
        assert sum(waits) + 64 == cycles
        waits = await bench.result(ctx, patch, window)
        # The last but one kept its output buffer almost to the end.
        assert waits[1:] == [gap] * 63
        assert not ctx.get(bench.dut.coming)

    bench.run(testbench)


@pytest.mark.parametrize("lanes", LANES)
def test_the_first_word_comes_a_few_cycles_after_a_raw_one(lanes):
    rng = random.Random(lanes)
    config = TileConfig(rows=8, cols=16, adc_bits=8, mvm_latency_cycles=20, post_lanes=lanes)
    bench = PostBench(config, rng)
    patch = random_bytes(rng, 8)

    async def testbench(ctx):
        await bench.set_up(ctx)
        for _ in range(2):
            for post in (0, TILE_SHIFT_POST):
                window = (0, 8, 0, 16, post | 4)
                await bench.give(ctx, patch, window)
                assert not ctx.get(bench.dut.coming)
                waits = await bench.result(ctx, patch, window)
                gap = max(4 // lanes, 1) - 1 if post else 0
                first = 1 + 20 + (POST_CYCLES + gap if post else 0)
                assert waits == [first] + [gap] * 3

    bench.run(testbench)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lanes", LANES)
def test_mvms_follow_each_other_at_the_pace_of_the_lanes_or_of_the_port(lanes, width):
    rng = random.Random(lanes)
    config = TileConfig(rows=8, cols=64, adc_bits=16, mvm_latency_cycles=3, post_lanes=lanes)
    bench = PostBench(config, rng, port_bytes_out=width)
    window = (0, 8, 0, 64, TILE_SHIFT_POST | 4)
    patches = [random_bytes(rng, 8) for _ in range(6)]
    ready = False

    async def producer(ctx):
        nonlocal ready
        await bench.set_up(ctx)
        ready = True
        for patch in patches:
            await bench.give(ctx, patch, window)

    async def consumer(ctx):
        while not ready:
            await ctx.tick()
        taken = [sum(await bench.result(ctx, patch, window)) + 64 // width for patch in patches]
        assert set(taken[1:]) == {64 // min(lanes, width)}

    bench.run(producer, consumer)


def test_constants_of_other_columns_may_be_written_meanwhile():
    rng = random.Random(5)
    config = TileConfig(rows=8, cols=32, adc_bits=8, mvm_latency_cycles=5, post_lanes=8)
    bench = PostBench(config, rng)
    patch = random_bytes(rng, 8)
    left, right = (0, 8, 0, 12, TILE_SHIFT_POST | 2), (0, 8, 12, 20, TILE_SHIFT_POST | 2)

    async def testbench(ctx):
        await bench.set_up(ctx, range(12))
        await bench.give(ctx, patch, left)
        await bench.set_up(ctx, range(12, 32))
        await bench.give(ctx, patch, right)
        for window in (left, right):
            await bench.result(ctx, patch, window)
        # A scale alone moves on, a bias alone does not.
        for column, scale in ((12, 64 | 33), (13, 128 | 33)):
            bench.model.scales[column] = scale
        bench.model.biases[14] = 0x7FFF_FFFF
        for index, value in (
            (TileConfigReg.COLUMN, 12),
            (TileConfigReg.SCALE, 64 | 33),
            (TileConfigReg.SCALE, 128 | 33),
            (TileConfigReg.BIAS, 1),
            (TileConfigReg.BIAS, 0x7FFF_FFFF),
        ):
            await bench.configure(ctx, index, value)
        await bench.give(ctx, patch, right)
        await bench.result(ctx, patch, right)
        assert bench.status(ctx) == 0

    bench.run(testbench)


def test_constants_outside_of_the_array_are_refused():
    rng = random.Random(6)
    config = TileConfig(rows=8, cols=24, mvm_latency_cycles=5, post_lanes=2)
    bench = PostBench(config, rng)
    patch = random_bytes(rng, 8)
    window = (0, 8, 0, 24, TILE_SHIFT_POST)

    async def testbench(ctx):
        await bench.set_up(ctx)
        assert bench.status(ctx) == 0
        for column in (None, 24, 32, 0xFFFF_0000):  # set_up went to the end
            if column is not None:
                await bench.configure(ctx, TileConfigReg.COLUMN, column)
            for index in (TileConfigReg.BIAS, TileConfigReg.SCALE, TileConfigReg.BIAS):
                await bench.configure(ctx, index, 0x1234_5678)
                assert bench.status(ctx) == TileStatus.ERROR_RANGE
                await bench.configure(ctx, TileConfigReg.RESET, 0)
        await bench.give(ctx, patch, window)
        await bench.result(ctx, patch, window)

    bench.run(testbench)


@pytest.mark.parametrize("cycles", [0, 3, 8, 9, 10, 11, 12, 13, 14, 15, 17, 20, 40])
@pytest.mark.parametrize(("lanes", "width"), [(1, 4), (4, 4), (4, 16), (8, 4)])
def test_reset_drops_results_at_any_moment_and_keeps_constants(lanes, width, cycles):
    rng = random.Random(7)
    config = TileConfig(rows=8, cols=32, adc_bits=8, mvm_latency_cycles=6, post_lanes=lanes)
    bench = PostBench(config, rng, port_bytes_out=width)
    patches = [random_bytes(rng, 8) for _ in range(4)]
    windows = [(0, 8, 4, 28, TILE_SHIFT_POST | 2), (0, 8, 0, 32, 2)]

    async def testbench(ctx):
        await bench.set_up(ctx)
        for patch, window in zip(patches, windows, strict=False):
            await bench.give(ctx, patch, window)
        for _ in range(cycles):
            ctx.set(bench.dut.dequeue.ready, rng.random() < 0.3)
            await ctx.tick()
        ctx.set(bench.dut.dequeue.ready, 0)
        await bench.configure(ctx, TileConfigReg.RESET, 0)
        assert not ctx.get(bench.dut.result) and not ctx.get(bench.dut.coming)
        for window in (windows[0], windows[1], windows[0]):
            for patch in patches[2:]:
                await bench.give(ctx, patch, window)
                await bench.result(ctx, patch, window)
        assert bench.status(ctx) == 0
        assert await bench.dequeue(ctx) == (0, 0)
        assert bench.status(ctx) == TileStatus.ERROR_EMPTY

    bench.run(testbench)
