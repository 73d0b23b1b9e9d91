"""The converter of the synthesizable array, around every step and both ends of its range."""

import pytest
from amaranth.sim import Simulator
from tightrope.hw.config import TileConfig
from tightrope.hw.tile.synth.converter import CONVERTER_CYCLES, Converter
from tile_stub import convert

ROWS = 512
LARGEST_SUM = ROWS * 128 * 128


def critical_sums(adc_bits, shift):
    """Zero, the ends of what there is, and what lies around the ends of the range and of steps."""
    step, limit = 1 << shift, 1 << (adc_bits - 1)
    sums = {0, LARGEST_SUM, -LARGEST_SUM}
    for value in (0, 1, 2, limit - 2, limit - 1, limit, limit + 1, 2 * limit, 256 * limit):
        for offset in (
            -1,
            0,
            1,
            -step // 2 - 1,
            -step // 2,
            step // 2 - 1,
            step // 2,
            step // 2 + 1,
        ):
            sums |= {value * step + offset, -value * step + offset}
    return sorted(total for total in sums if abs(total) <= LARGEST_SUM)


@pytest.mark.parametrize("adc_bits", [4, 7, 8, 9, 12, 16, 32])
def test_sums_are_rounded_and_clipped_as_the_reference_does(adc_bits):
    dut = Converter(config=TileConfig(rows=ROWS, cols=8, adc_bits=adc_bits))

    async def testbench(ctx):
        for shift in (0, 1, 2, 5, 11, 15, 19, 23, 24, 25, 31):
            ctx.set(dut.shift, shift)
            sums = critical_sums(adc_bits, shift)
            for i in range(len(sums) + CONVERTER_CYCLES):
                ctx.set(dut.i, sums[i] if i < len(sums) else 0)
                if i >= CONVERTER_CYCLES:
                    total = sums[i - CONVERTER_CYCLES]
                    assert ctx.get(dut.o) == convert(total, shift, adc_bits), (total, shift)
                await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(testbench)
    sim.run()
