"""A machine whose clock waits for what is late, beside the clock of a board that never does."""

from amaranth.hdl import ClockDomain, Const, Module
from amaranth.sim import Simulator
from tightrope.hw.board import BOARD_DOMAIN

__all__ = ["run_in_target_time"]

_HALF_PERIOD_S = 0.5e-6
_NEVER = Const(0, 1)


def run_in_target_time(dut, late, *testbenches, processes=(), reset=_NEVER, limit_cycles=100_000):
    """Run the testbenches to their ends; returns the cycles of the board.

    In testbenches and processes, ``ctx.tick()`` is a cycle of the machine. Both clocks rise in the
    same moment, or, while ``late``, the board's alone.
    """
    top = Module()
    top.domains.sync = machine = ClockDomain()
    board = ClockDomain(BOARD_DOMAIN)
    top.domains += board
    top.submodules.dut = dut
    top.d.comb += [machine.rst.eq(reset), board.rst.eq(reset)]
    cycles = 0

    async def clocks(ctx):
        nonlocal cycles
        while True:
            _, waits = await ctx.delay(_HALF_PERIOD_S).sample(late)
            cycles += 1
            ctx.set(board.clk, 1)
            ctx.set(machine.clk, not waits)
            await ctx.delay(_HALF_PERIOD_S)
            ctx.set(board.clk, 0)
            ctx.set(machine.clk, 0)

    async def give_up(ctx):
        await ctx.delay(2 * _HALF_PERIOD_S * limit_cycles)
        raise AssertionError(f"not finished after {limit_cycles} cycles of the board")

    sim = Simulator(top)
    sim.add_process(clocks)
    for process in processes:
        sim.add_process(process)
    for testbench in testbenches:
        sim.add_testbench(testbench)
    sim.add_testbench(give_up, background=True)
    sim.run()
    return cycles
