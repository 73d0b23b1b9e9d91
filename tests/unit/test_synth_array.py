"""The synthesizable array at its interface, against the model of the array."""

import numpy as np
import pytest
from amaranth.hdl import Signal
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from target_time import run_in_target_time
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.config import TileConfig
from tightrope.hw.tile.synth.array import SynthesizableArray
from tile_stub import ArrayModel

NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A case has a seed, and a run takes half a second."""

GEOMETRIES = [
    # rows, cols, lanes, port_bytes, port_bytes_out
    (8, 8, 4, 8, 4),
    (24, 16, 8, 8, 4),
    (16, 40, 16, 16, 16),
    (40, 24, 4, 4, 8),
    (8, 16, 16, 64, 64),
]


class Driver:
    """Does to an array what a tile's control does, one thing after the other."""

    def __init__(self, config, lanes, port_bytes=8, port_bytes_out=4):
        self.config = config
        self.dut = SynthesizableArray(
            config, lanes=lanes, port_bytes=port_bytes, port_bytes_out=port_bytes_out
        )
        self.bus = self.dut.bus
        self.port_bytes = port_bytes
        self.beat_words = port_bytes_out // 4

    async def pulse(self, ctx, name, **arguments):
        for argument, value in arguments.items():
            ctx.set(getattr(self.bus, f"{name}_{argument}"), value)
        ctx.set(getattr(self.bus, f"{name}_en"), 1)
        await ctx.tick()
        ctx.set(getattr(self.bus, f"{name}_en"), 0)

    async def program(self, ctx, model, rng):
        for row in range(self.config.rows):
            for col in range(0, self.config.cols, 4):
                data = int(rng.integers(1 << 32))
                model.program(row, col, data)
                await self.pulse(ctx, "weight", row=row, col=col, data=data)

    async def write_input(self, ctx, bank, values, rng):
        """In pieces of any length, also back to back."""
        index = 0
        while index < len(values):
            count = int(rng.integers(1, min(self.port_bytes, len(values) - index) + 1))
            piece = np.asarray(values[index : index + count], np.int8).tobytes()
            data = int.from_bytes(piece, "little")
            # Anything may be in the bytes that don't count.
            data |= int.from_bytes(rng.bytes(self.port_bytes - count), "little") << 8 * count
            await self.pulse(ctx, "input", bank=bank, index=index, data=data, count=count)
            index += count

    async def mvm(self, ctx, window, shift, byte_count, input_bank, output_bank):
        """Run one; in the first cycle after its latency its first words may be read."""
        row, rows, col, cols = window
        await self.pulse(
            ctx, "start", input_bank=input_bank, output_bank=output_bank, row=row, rows=rows,
            col=col, cols=cols, shift=shift, bytes=byte_count,
        )  # fmt: skip
        if self.config.mvm_latency_cycles > 1:
            await ctx.tick().repeat(self.config.mvm_latency_cycles - 1)

    async def read(self, ctx, bank, count):
        words = []
        for index in range(0, count, self.beat_words):
            await self.pulse(ctx, "output", bank=bank, index=index)
            beat = ctx.get(self.bus.output_data)
            words += [beat >> 32 * i & 0xFFFF_FFFF for i in range(self.beat_words)]
        return words[:count]


def random_window(rng, config):
    row, col = int(rng.integers(config.rows)), 4 * int(rng.integers(config.cols // 4))
    rows = int(rng.integers(1, config.rows - row, endpoint=True))
    cols = 4 * int(rng.integers(1, (config.cols - col) // 4, endpoint=True))
    return row, rows, col, cols


def random_values(rng, count):
    """Any, or only the extremes, which reach the largest sums."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.choice([-128, 127], count)
    return np.full(count, -128) if kind == 1 else rng.integers(-128, 128, count)


@settings(max_examples=25, deadline=None, phases=NO_SHRINKING)
@given(
    geometry=st.sampled_from(GEOMETRIES),
    weight_bits=st.sampled_from([4, 8]),
    adc_bits=st.sampled_from([4, 7, 8, 9, 12, 16, 32]),
    latency=st.sampled_from([1, 2, 20, 500]),
    seed=st.integers(0, 1 << 32),
)
def test_mvms_of_any_window_are_exact_after_their_latency(
    geometry, weight_bits, adc_bits, latency, seed
):
    rows, cols, lanes, port_bytes, port_bytes_out = geometry
    config = TileConfig(
        rows=rows, cols=cols, weight_bits=weight_bits, adc_bits=adc_bits,
        mvm_latency_cycles=latency,
    )  # fmt: skip
    driver, model, rng = (
        Driver(config, lanes, port_bytes, port_bytes_out),
        ArrayModel(config),
        np.random.default_rng(seed),
    )

    async def testbench(ctx):
        await driver.program(ctx, model, rng)
        for i in range(5):
            full = (0, rows, 0, cols)
            window = random_window(rng, config) if i else full
            inputs = random_values(rng, int(rng.integers(0, rows, endpoint=True)))
            if rng.integers(2):
                inputs = random_values(rng, window[1])
            shift = int(rng.integers(0, 32 if i == 4 else 16))
            await driver.write_input(ctx, i % 2, inputs, rng)
            await driver.mvm(ctx, window, shift, len(inputs), i % 2, i // 2 % 2)
            expected = model.mvm([int(x) for x in inputs], *window, shift)
            got = await driver.read(ctx, i // 2 % 2, len(expected))
            assert got == expected, f"{window} shift {shift} seed {seed}"

    run_in_target_time(driver.dut, driver.bus.late, testbench)


def test_largest_sum_of_the_largest_array_fits():
    config = TileConfig(rows=512, cols=8, adc_bits=32, mvm_latency_cycles=1)
    driver = Driver(config, lanes=4)
    rng = np.random.default_rng(0)

    async def testbench(ctx):
        for row in range(512):
            await driver.pulse(ctx, "weight", row=row, col=4, data=0x7F80_7F80)
        await driver.write_input(ctx, 0, np.full(512, -128), rng)
        await driver.mvm(ctx, (0, 512, 4, 4), 0, 512, 0, 0)
        low = -512 * 128 * 127 & 0xFFFF_FFFF
        assert await driver.read(ctx, 0, 4) == [1 << 23, low, 1 << 23, low]

    run_in_target_time(driver.dut, driver.bus.late, testbench)


@pytest.mark.parametrize(("rows", "cols", "lanes"), [(8, 8, 4), (16, 24, 16), (8, 16, 16)])
@pytest.mark.parametrize("missing_cycles", [0, 1, 7])
def test_machine_waits_for_as_long_as_is_missing(rows, cols, lanes, missing_cycles):
    needed = TileConfig(rows=rows, cols=cols).mvm_board_cycles(lanes)
    config = TileConfig(rows=rows, cols=cols, mvm_latency_cycles=needed - missing_cycles)
    driver = Driver(config, lanes)
    mvms = 3

    async def testbench(ctx):
        for i in range(mvms):
            await driver.mvm(ctx, (0, rows, 0, cols), 0, rows, i % 2, i % 2)
            await driver.read(ctx, i % 2, 1)

    cycles = run_in_target_time(driver.dut, driver.bus.late, testbench)
    assert cycles == mvms * (needed + 1)


def test_reset_ends_an_mvm_that_the_machine_waits_for():
    config = TileConfig(rows=8, cols=16, mvm_latency_cycles=1)
    driver, model, rng = Driver(config, lanes=4), ArrayModel(config), np.random.default_rng(7)
    reset = Signal()

    async def testbench(ctx):
        await driver.program(ctx, model, rng)
        await driver.pulse(ctx, "start", rows=8, cols=16, bytes=8)
        await ctx.tick(BOARD_DOMAIN)
        assert ctx.get(driver.bus.late)
        ctx.set(reset, 1)
        await ctx.tick(BOARD_DOMAIN)
        # The next cycle is one of the machine too.
        assert not ctx.get(driver.bus.late)
        await ctx.tick(BOARD_DOMAIN)
        ctx.set(reset, 0)
        inputs = [int(x) for x in rng.integers(-128, 128, 8)]
        await driver.write_input(ctx, 0, inputs, rng)
        await driver.mvm(ctx, (0, 8, 0, 16), 0, 8, 0, 0)
        assert await driver.read(ctx, 0, 16) == model.mvm(inputs, 0, 8, 0, 16, 0)

    run_in_target_time(driver.dut, driver.bus.late, testbench, reset=reset)


@pytest.mark.parametrize("age", range(1, 20))
def test_mvm_that_starts_while_one_runs_ends_that_one(age):
    # The first one takes 16 cycles of the board. The second one takes 64, more than its latency.
    config = TileConfig(rows=8, cols=16, mvm_latency_cycles=30)
    driver, model, rng = Driver(config, lanes=4), ArrayModel(config), np.random.default_rng(age)

    async def testbench(ctx):
        await driver.program(ctx, model, rng)
        inputs = [int(x) for x in rng.integers(-128, 128, 8)]
        await driver.write_input(ctx, 1, inputs, rng)
        await driver.pulse(
            ctx, "start", input_bank=1, row=0, rows=5, col=8, cols=4, bytes=8, shift=0
        )
        await ctx.tick().repeat(age)
        await driver.mvm(ctx, (0, 8, 0, 16), 0, 8, 1, 0)
        expected = model.mvm(inputs, 0, 8, 0, 16, 0)
        assert await driver.read(ctx, 0, 16) == expected

    run_in_target_time(driver.dut, driver.bus.late, testbench)
