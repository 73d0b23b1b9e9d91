import random
from collections import deque

import pytest
from tightrope.hw.config import TileConfig
from tightrope.hw.isa import TileConfigReg, TileStatus, TileStatusReg
from tile_bench import Bench, random_bytes

CONFIGS = [
    TileConfig(rows=24, cols=16, adc_bits=8, mvm_latency_cycles=7, program_latency_cycles=2),
    TileConfig(rows=16, cols=24, adc_bits=32, mvm_latency_cycles=1, program_latency_cycles=1),
    TileConfig(
        rows=8, cols=8, adc_bits=12, weight_bits=4, mvm_latency_cycles=30, program_latency_cycles=5
    ),
]
MOST_OUTSTANDING = 3  # with a fourth result outstanding, a queue may wait for ever


class TileModel:
    """What a tile does to a requester that does one thing after the other, without time."""

    def __init__(self, bench):
        self.config = bench.config
        self.array = bench.stub.model
        self.window = (0, 0, 0, 0, 0)
        self.filled = []
        self.results = deque()
        self.errors = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def queue(self, values):
        if len(self.filled) + len(values) > self.config.rows:
            self.errors |= TileStatus.ERROR_RANGE
        else:
            self.filled += values
            self.bytes_in += len(values)

    def process(self):
        row, rows, col, cols, _ = self.window
        inside = row + rows <= self.config.rows and col + cols <= self.config.cols
        if rows and cols and inside and col % 4 == cols % 4 == 0:
            if len(self.filled) != rows:
                self.errors |= TileStatus.ERROR_SHORT
            self.results.append(deque(self.array.mvm(self.filled, *self.window)))
        else:
            self.errors |= TileStatus.ERROR_WINDOW
        self.filled = []

    def dequeue(self):
        if not self.results:
            self.errors |= TileStatus.ERROR_EMPTY
            return 0
        word = self.results[0].popleft()
        if not self.results[0]:
            self.results.popleft()
        self.bytes_out += 4
        return word

    def reset(self):
        self.filled = []
        self.results.clear()
        self.errors = 0


def random_window(rng, config):
    if rng.random() < 0.1:
        return tuple(rng.randrange(40) for _ in range(4)) + (0,)
    row = rng.randrange(config.rows)
    col = rng.randrange(0, config.cols, 4)
    rows = rng.randint(1, config.rows - row)
    return (row, rows, col, rng.randrange(4, config.cols - col + 1, 4), rng.randrange(12))


async def one_patch(ctx, bench, model, rng):
    """Queue and process, mostly with as many bytes as the window has rows."""
    if rng.random() < 0.5:
        model.window = random_window(rng, bench.config)
        await bench.window(ctx, *model.window)
    count = model.window[1] if rng.random() < 0.8 else rng.randrange(30)
    while count > 0:
        values = random_bytes(rng, min(count, rng.randint(1, 8)))
        count -= len(values)
        model.queue(values)
        await bench.queue(ctx, values)
        await ctx.tick().repeat(rng.choice([1, 1, 3]))
    model.process()
    await bench.process(ctx)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", range(4))
def test_random_operations_do_as_the_model(config, seed):
    bench = Bench(config, extra_cycles=4 * (seed % 2), seed=seed)
    rng = random.Random(seed)
    bench.randomise(rng)
    model = TileModel(bench)

    async def testbench(ctx):
        for _ in range(150):
            choice = rng.random()
            if choice < 0.3 and len(model.results) < MOST_OUTSTANDING:
                await one_patch(ctx, bench, model, rng)
            elif choice < 0.33 and len(model.results) < MOST_OUTSTANDING:
                row, col = rng.randrange(config.rows), rng.randrange(config.cols - 3)
                await bench.program(ctx, row, col, rng.getrandbits(32))
                await ctx.tick()  # the model's weights are the stub's: let it write
            elif choice < 0.34:
                model.reset()
                await bench.configure(ctx, TileConfigReg.RESET, 0)
            elif choice < 0.9:
                for _ in range(rng.randint(1, 8)):
                    expected = model.dequeue()
                    word, _ = await bench.dequeue(ctx)
                    assert word == expected, f"seed {seed}"
            else:
                await ctx.tick().repeat(rng.randint(1, 40))
            levels = TileStatus.RESULT | TileStatus.BUSY | TileStatus.INPUT_FULL
            assert bench.status(ctx) & ~levels == model.errors, f"seed {seed}"
        assert bench.status(ctx, TileStatusReg.BYTES_IN) == model.bytes_in, f"seed {seed}"
        assert bench.status(ctx, TileStatusReg.BYTES_OUT) == model.bytes_out, f"seed {seed}"

    bench.run(testbench)


@pytest.mark.parametrize("seed", range(4))
def test_random_stalls_lose_nothing(seed):
    config = CONFIGS[seed % len(CONFIGS)]
    bench = Bench(config, extra_cycles=2, seed=seed)
    rng = random.Random(seed)
    bench.randomise(rng)
    rows, cols = config.rows, config.cols
    patches = [random_bytes(rng, rows) for _ in range(12)]

    async def producer(ctx):
        await bench.window(ctx, 0, rows, 0, cols, 3)
        for patch in patches:
            await bench.queue(ctx, patch)
            await bench.process(ctx)
            await ctx.tick().repeat(rng.randint(1, 30))

    async def consumer(ctx):
        for patch in patches:
            for expected in bench.stub.model.mvm(patch, 0, rows, 0, cols, 3):
                while not ctx.get(bench.dut.result):
                    await ctx.tick()
                assert await bench.dequeue(ctx) == (expected, 0), f"seed {seed}"
                await ctx.tick().repeat(rng.choice([1, 1, 2, 5]))

    bench.run(producer, consumer)
