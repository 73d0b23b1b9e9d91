"""Clock and reset of a board: dividers of the loop, power-on reset."""

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator
from tightrope.fpga.boards import BOARDS
from tightrope.fpga.crg import POWER_ON_BITS, PowerOnReset
from tightrope.fpga.errors import FpgaError
from tightrope.fpga.pll import (
    MAX_FEEDBACK_DIVIDER,
    MAX_OUTPUT_DIVIDER,
    PHASE_DETECTOR_MHZ,
    TOLERANCE_RATIO,
    VCO_MHZ,
    find_dividers,
)
from tightrope.hw.board import BOARD_DOMAIN

OSCILLATORS_MHZ = sorted({board.oscillator_mhz for board in BOARDS.values()})


@pytest.mark.parametrize("oscillator_mhz", OSCILLATORS_MHZ)
@pytest.mark.parametrize("wanted_mhz", [12.5, 25, 40, 48, 50, 55, 60, 66, 75, 80, 100])
def test_dividers_make_the_clock_within_the_loops_limits(oscillator_mhz, wanted_mhz):
    found = find_dividers(oscillator_mhz, wanted_mhz)
    assert abs(found.output_mhz(oscillator_mhz) / wanted_mhz - 1) <= TOLERANCE_RATIO
    assert VCO_MHZ[0] <= found.vco_mhz(oscillator_mhz) <= VCO_MHZ[1]
    detector_mhz = oscillator_mhz / found.input
    assert PHASE_DETECTOR_MHZ[0] <= detector_mhz <= PHASE_DETECTOR_MHZ[1]
    assert 1 <= found.feedback <= MAX_FEEDBACK_DIVIDER
    assert 2 <= found.loop <= MAX_OUTPUT_DIVIDER
    assert 1 <= found.output <= MAX_OUTPUT_DIVIDER
    # Both ends of the phase detector have the same frequency: the loop is closed by CLKOP.
    closed_mhz = found.vco_mhz(oscillator_mhz) / found.loop / found.feedback
    assert closed_mhz == pytest.approx(detector_mhz)


def test_exact_clocks_are_exact():
    assert find_dividers(48, 50).output_mhz(48) == pytest.approx(50)
    assert find_dividers(25, 50).output_mhz(25) == pytest.approx(50)


@pytest.mark.parametrize("wanted_mhz", [-1, 0, 1, 500])
def test_clock_beyond_the_loop_is_refused(wanted_mhz):
    with pytest.raises(FpgaError, match=f"^the clock must be 3.125 to 400.0 MHz, not {wanted_mhz}"):
        find_dividers(25, wanted_mhz)


def test_clock_that_cannot_be_made_is_refused_with_the_nearest():
    with pytest.raises(FpgaError, match=r"^397.5 MHz can't be made of the board's 100 MHz: .* MHz"):
        find_dividers(100, 397.5)


def simulate_reset(testbench):
    top = Module()
    top.submodules.dut = dut = PowerOnReset()
    sim = Simulator(top)
    sim.add_clock(1e-6, domain=BOARD_DOMAIN)

    async def run(ctx):
        await testbench(ctx, dut)

    sim.add_testbench(run)
    sim.run()


async def cycles_to_release(ctx, dut):
    cycles = 0
    while ctx.get(dut.reset):
        await ctx.tick(BOARD_DOMAIN)
        cycles += 1
    return cycles


def test_reset_lasts_while_the_clock_is_not_steady_and_a_while_longer():
    async def testbench(ctx, dut):
        for _ in range(3 << POWER_ON_BITS):
            await ctx.tick(BOARD_DOMAIN)
            assert ctx.get(dut.reset)
        ctx.set(dut.locked, 1)
        assert await cycles_to_release(ctx, dut) >= 1 << POWER_ON_BITS

    simulate_reset(testbench)


def test_clock_that_is_lost_begins_the_reset_anew():
    async def testbench(ctx, dut):
        ctx.set(dut.locked, 1)
        first = await cycles_to_release(ctx, dut)
        ctx.set(dut.locked, 0)
        for _ in range(4):
            await ctx.tick(BOARD_DOMAIN)
        assert ctx.get(dut.reset)
        ctx.set(dut.locked, 1)
        assert await cycles_to_release(ctx, dut) == first

    simulate_reset(testbench)
