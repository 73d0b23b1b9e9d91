"""A few lines that every pysim test needs."""

from amaranth.sim import Simulator

LIMIT_CYCLES = 5000


def simulate(component, *testbenches, processes=()):
    """Run the testbenches to their ends; fail if one hasn't ended after LIMIT_CYCLES."""
    sim = Simulator(component)
    sim.add_clock(1e-6)
    finished = []

    def wrap(testbench):
        async def run(ctx):
            await testbench(ctx)
            finished.append(testbench)

        return run

    for testbench in testbenches:
        sim.add_testbench(wrap(testbench))
    for process in processes:
        sim.add_process(process)
    sim.run_until(LIMIT_CYCLES * 1e-6)
    assert len(finished) == len(testbenches), f"not finished after {LIMIT_CYCLES} cycles"


async def register_access(ctx, bus, addr, *, write=None, hart=0, sel=0xF, limit_cycles=500):
    """One access on a RegisterBus; returns (value read, cycles it waited)."""
    ctx.set(bus.stb, 1)
    ctx.set(bus.we, write is not None)
    ctx.set(bus.addr, addr)
    ctx.set(bus.sel, sel)
    ctx.set(bus.hart, hart)
    ctx.set(bus.dat_w, write or 0)
    for waited in range(limit_cycles):
        # Sampled at the edge: another testbench may still move in this cycle.
        _, _, ack, value = await ctx.tick().sample(bus.ack, bus.dat_r)
        if ack:
            ctx.set(bus.stb, 0)
            return value, waited
    raise AssertionError(f"no acknowledgement of {addr:#x} after {limit_cycles} cycles")
