import random

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect
from simulate import register_access, simulate
from tightrope.hw.bus.shared import RegisterBus
from tightrope.hw.bus.shared_fabric import SharedFabric

TILE = 1 << 24


class Stub(wiring.Component):
    """A target that remembers who wrote what, and answers after a delay."""

    bus: In(RegisterBus(addr_width=12))

    def elaborate(self, platform):
        return Module()


class Bench(wiring.Component):
    def __init__(self, *, hart_count, tile_count):
        self.fabric = SharedFabric(hart_count=hart_count, tile_count=tile_count, addr_width=25)
        self.host = Stub()
        self.tiles = [Stub() for _ in range(tile_count)]
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fabric = self.fabric
        m.submodules.host = self.host
        connect(m, self.fabric.host, self.host.bus)
        for i, tile in enumerate(self.tiles):
            m.submodules[f"tile_{i}"] = tile
            connect(m, self.fabric.tiles[i], tile.bus)
        return m


def target(stub, seen, *, delay=0):
    """A testbench that serves a stub for ever."""

    async def testbench(ctx):
        while True:
            if ctx.get(stub.bus.stb):
                await ctx.tick().repeat(delay) if delay else None
                seen.append((ctx.get(stub.bus.hart), ctx.get(stub.bus.addr)))
                ctx.set(stub.bus.dat_r, len(seen))
                ctx.set(stub.bus.ack, 1)
                await ctx.tick()
                ctx.set(stub.bus.ack, 0)
            else:
                await ctx.tick()

    return testbench


def run(bench, harts, targets):
    from amaranth.sim import Simulator

    sim = Simulator(bench)
    sim.add_clock(1e-6)
    finished = []

    def wrap(testbench):
        async def body(ctx):
            await testbench(ctx)
            finished.append(1)

        return body

    for hart in harts:
        sim.add_testbench(wrap(hart))
    for serve in targets:
        sim.add_testbench(serve, background=True)
    sim.run_until(2e-3)
    assert len(finished) == len(harts)


def test_accesses_reach_their_target_with_the_harts_number():
    bench = Bench(hart_count=4, tile_count=3)
    seen = [[] for _ in range(4)]

    def hart(i):
        async def testbench(ctx):
            rng = random.Random(i)
            for _ in range(20):
                tile = rng.randrange(4)
                addr = 0x10 * i if tile == 3 else TILE + 0x1000 * tile + 0x10 * i
                await register_access(ctx, bench.fabric.harts[i], addr)

        return testbench

    stubs = [*bench.tiles, bench.host]
    run(
        bench,
        [hart(i) for i in range(4)],
        [target(stub, seen[i], delay=i % 2) for i, stub in enumerate(stubs)],
    )
    for accesses in seen:
        assert accesses and all(addr == 0x10 * hart for hart, addr in accesses)
    assert sum(len(accesses) for accesses in seen) == 80


def test_a_target_that_answers_at_once_gets_a_transfer_each_cycle():
    bench = Bench(hart_count=2, tile_count=0)
    seen = []

    async def always(ctx):
        ctx.set(bench.host.bus.ack, 1)
        while True:
            await ctx.tick()

    def hart(i):
        async def testbench(ctx):
            for _ in range(10):
                _, waited = await register_access(ctx, bench.fabric.harts[i], 4)
                seen.append(waited)

        return testbench

    run(bench, [hart(0), hart(1)], [always])
    assert len(seen) == 20 and max(seen) <= 1


def test_a_single_hart_has_number_zero():
    simulate(SharedFabric(hart_count=1, tile_count=1, addr_width=25))
