# amaranth: UnusedElaboratable=no
import random

import pytest
from tightrope.hw.config import HwConfigError, TileConfig
from tightrope.hw.isa import TileStatus, TileStatusReg
from tightrope.hw.tile.array import ArrayInterface
from tightrope.hw.tile.ports import PortWidths
from tightrope.hw.tile.tile import Tile
from tile_bench import Bench, random_bytes

WIDTHS = [4, 8, 16, 32, 64]


@pytest.mark.parametrize("value", [0, 2, 12, 128, 8.5, None, True])
@pytest.mark.parametrize("name", ["port_bytes", "port_bytes_out"])
def test_refuses_a_bad_width(name, value):
    with pytest.raises(HwConfigError, match=f"^{name} must be a power of two from 4 to 64, not "):
        Tile(config=TileConfig(), **{name: value})


def test_interfaces_differ_by_their_ports():
    config = TileConfig()
    assert ArrayInterface(config=config) == ArrayInterface(
        config=config, port_bytes=8, port_bytes_out=4
    )
    assert ArrayInterface(config=config) != ArrayInterface(config=config, port_bytes_out=8)
    assert repr(PortWidths(port_bytes=64)) == "PortWidths(port_bytes=64, port_bytes_out=4)"


@pytest.mark.parametrize("width", WIDTHS)
def test_input_and_results_pass_at_full_width(width):
    config = TileConfig(rows=256, cols=256, adc_bits=8, mvm_latency_cycles=3)
    bench = Bench(config, port_bytes=width, port_bytes_out=width)
    rng = random.Random(width)
    for row in range(256):
        bench.stub.model.program(row, 4 * (row % 64), rng.getrandbits(32))
    inputs = random_bytes(rng, 256)

    async def testbench(ctx):
        await bench.window(ctx, 0, 256, 0, 256, 6)
        assert await bench.queue(ctx, inputs) == [0] * (256 // width)
        await bench.process(ctx)
        words, waits, lasts = [], [], []
        for _ in range(256 // width):
            beat, last, waited = await bench.dequeue_beat(ctx)
            words += beat
            waits.append(waited)
            lasts.append(last)
        assert words == bench.stub.model.mvm(inputs, 0, 256, 0, 256, 6)
        assert waits == [1 + 3] + [0] * (256 // width - 1)
        assert lasts == [0] * (256 // width - 1) + [1]
        assert bench.status(ctx, TileStatusReg.BYTES_IN) == 256
        assert bench.status(ctx, TileStatusReg.BYTES_OUT) == 256
        assert bench.status(ctx) == 0

    bench.run(testbench)


@pytest.mark.parametrize("seed", range(6))
def test_no_beat_mixes_two_results(seed):
    rng = random.Random(seed)
    config = TileConfig(
        rows=8 * rng.randint(1, 5),
        cols=8 * rng.randint(1, 5),
        adc_bits=rng.choice([8, 16, 32]),
        mvm_latency_cycles=rng.randint(1, 9),
    )
    widths = {"port_bytes": rng.choice(WIDTHS), "port_bytes_out": rng.choice(WIDTHS)}
    bench = Bench(config, extra_cycles=2, seed=seed, **widths)
    bench.randomise(rng)
    windows = [
        (0, rng.randint(1, config.rows), 0, rng.randrange(4, config.cols + 1, 4), rng.randrange(9))
        for _ in range(20)
    ]
    patches = [random_bytes(rng, window[1]) for window in windows]

    async def producer(ctx):
        for window, patch in zip(windows, patches, strict=True):
            await bench.window(ctx, *window)
            while patch:
                count = rng.randint(1, min(len(patch), bench.port_bytes))
                await bench.queue(ctx, patch[:count])
                patch = patch[count:]
            await bench.process(ctx)
            await ctx.tick().repeat(rng.choice([1, 1, 20]))

    async def consumer(ctx):
        beat_words = widths["port_bytes_out"] // 4
        for window, patch in zip(windows, patches, strict=True):
            expected = bench.stub.model.mvm(patch, *window)
            while expected:
                while not ctx.get(bench.dut.result):
                    await ctx.tick()
                words, last, _ = await bench.dequeue_beat(ctx)
                assert words == expected[:beat_words], f"seed {seed}"
                expected = expected[beat_words:]
                assert last == (not expected), f"seed {seed}"
                if rng.random() < 0.2:
                    await ctx.tick().repeat(rng.randint(1, 30))
        assert bench.status(ctx) == 0, f"seed {seed}"

    bench.run(producer, consumer)


def test_a_word_queued_with_its_process_belongs_to_it():
    bench = Bench(TileConfig(rows=16, cols=8, mvm_latency_cycles=2))
    rng = random.Random(8)
    bench.randomise(rng)
    patches = [random_bytes(rng, 16) for _ in range(3)]

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 8)
        for patch in patches:
            await bench.queue(ctx, patch[:8])
            ctx.set(bench.dut.process.valid, 1)
            await bench.queue(ctx, patch[8:])
            ctx.set(bench.dut.process.valid, 0)
            words = [(await bench.dequeue(ctx))[0] for _ in range(8)]
            assert words == bench.stub.model.mvm(patch, 0, 16, 0, 8, 0)
        assert bench.status(ctx) == 0

    bench.run(testbench)


def test_drop_forgets_what_was_queued_but_no_mvm():
    bench = Bench(TileConfig(rows=16, cols=8, mvm_latency_cycles=5))
    rng = random.Random(9)
    bench.randomise(rng)
    first, second = random_bytes(rng, 16), random_bytes(rng, 16)

    async def testbench(ctx):
        await bench.window(ctx, 0, 16, 0, 8)
        await bench.queue(ctx, first)
        await bench.process(ctx)
        await bench.queue(ctx, [99] * 9)
        ctx.set(bench.dut.drop, 1)
        await ctx.tick()
        ctx.set(bench.dut.drop, 0)
        await bench.queue(ctx, second)
        await bench.process(ctx)
        for patch in (first, second):
            words = [(await bench.dequeue(ctx))[0] for _ in range(8)]
            assert words == bench.stub.model.mvm(patch, 0, 16, 0, 8, 0)
        assert bench.status(ctx) & ~TileStatus.RESULT == 0

    bench.run(testbench)
