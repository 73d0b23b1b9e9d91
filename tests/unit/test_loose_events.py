"""What a loose tile tells harts that sleep for it."""

import random

from simulate import register_access
from tightrope.hw.coupling.loose import LooseTile
from tightrope.hw.isa import TileConfigReg, TileStatus, TileStatusReg
from tightrope.hw.regs import LOOSE_TILE_REGS
from tile_bench import SMALL, run
from tile_stub import StubArray

REGS = {reg.name: reg.offset_bytes for reg in LOOSE_TILE_REGS}


class Watched:
    """A loose tile on a bus, and the events it raised, each with its owner."""

    def __init__(self):
        self.stub = StubArray(SMALL)
        self.dut = LooseTile(config=SMALL, array=lambda _: self.stub)
        self.events = []

    def run(self, testbench):
        async def watch(ctx):
            dut = self.dut
            signals = (dut.answered, dut.released, dut.ended, dut.owner)
            async for _, _, answered, released, ended, owner in ctx.tick().sample(*signals):
                assert not ended
                names = {"answered": answered, "released": released}
                self.events += [(name, owner) for name, value in names.items() if value]

        class Watch:
            process = staticmethod(watch)

        run(self.dut, [self.stub, Watch], testbench)

    async def write(self, ctx, name, value=0, *, index=0, hart=2):
        addr = REGS[name] + 4 * index
        await register_access(ctx, self.dut.bus, addr, write=value, hart=hart)

    async def read(self, ctx, name, *, index=0, hart=2):
        return (await register_access(ctx, self.dut.bus, REGS[name] + 4 * index, hart=hart))[0]

    async def start(self, ctx, rows=4):
        """Hand over an MVM of ``rows`` rows and four columns."""
        await self.write(ctx, "CONFIG", rows << 16, index=TileConfigReg.ROWS)
        await self.write(ctx, "CONFIG", 4 << 16, index=TileConfigReg.COLS)
        await self.write(ctx, "INPUT", 0x0101_0101)
        await self.write(ctx, "PROCESS")

    async def finish(self, ctx):
        """Dequeue a result, once it is there."""
        while not await self.read(ctx, "STATUS") & TileStatus.RESULT:
            pass
        for _ in range(4 * SMALL.output_bytes // 4):
            await self.read(ctx, "OUTPUT")


def test_a_result_is_an_event_if_there_was_none_before():
    bench = Watched()

    async def testbench(ctx):
        assert await bench.read(ctx, "ACQUIRE") == 1
        await bench.start(ctx)
        await bench.finish(ctx)
        assert bench.events == [("answered", 2)]
        await bench.start(ctx)
        await bench.start(ctx)
        await ctx.tick().repeat(3 * SMALL.mvm_latency_cycles)
        await bench.finish(ctx)
        await bench.finish(ctx)
        # The second one came before the first one was read.
        assert bench.events == [("answered", 2)] * 2
        assert await bench.read(ctx, "STATUS", index=TileStatusReg.MVMS) == 3

    bench.run(testbench)


def test_a_refused_mvm_is_an_event_too():
    bench = Watched()

    async def testbench(ctx):
        assert await bench.read(ctx, "ACQUIRE") == 1
        await bench.start(ctx, rows=0)
        for _ in range(5):
            await ctx.tick()
        assert await bench.read(ctx, "STATUS") & TileStatus.ERROR_WINDOW
        assert bench.events == [("answered", 2)]

    bench.run(testbench)


def test_the_event_is_there_before_a_look_at_status_could_have_missed_it():
    bench = Watched()
    missed = []

    async def testbench(ctx):
        rng = random.Random(3)
        assert await bench.read(ctx, "ACQUIRE") == 1
        for _ in range(20):
            bench.events.clear()
            await bench.start(ctx)
            await ctx.tick().repeat(rng.randrange(1, SMALL.mvm_latency_cycles))
            # What firmware does: look, and sleep only if there is nothing.
            if not await bench.read(ctx, "STATUS") & TileStatus.RESULT:
                missed.append(not bench.events)
                await ctx.tick().repeat(SMALL.mvm_latency_cycles + 2)
            assert bench.events == [("answered", 2)]
            await bench.finish(ctx)

    bench.run(testbench)
    assert any(missed)


def test_only_the_owners_release_is_an_event():
    bench = Watched()

    async def testbench(ctx):
        await bench.write(ctx, "RELEASE", hart=2)
        assert await bench.read(ctx, "ACQUIRE", hart=2) == 1
        await bench.write(ctx, "RELEASE", hart=1)
        assert ("released", 2) not in bench.events
        await bench.write(ctx, "RELEASE", hart=2)
        assert bench.events.count(("released", 2)) == 1
        assert await bench.read(ctx, "ACQUIRE", hart=1) == 1

    bench.run(testbench)
