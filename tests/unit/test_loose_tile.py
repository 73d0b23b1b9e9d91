import random

import pytest
from simulate import register_access
from tightrope.hw.coupling.loose import LooseTile
from tightrope.hw.isa import TileConfigReg, TileStatus, TileStatusReg
from tightrope.hw.regs import LOOSE_TILE_REGS
from tile_bench import SMALL, random_bytes, run
from tile_stub import StubArray

REGS = {reg.name: reg.offset_bytes for reg in LOOSE_TILE_REGS}


class LooseBench:
    """A loose tile with a stub array, as harts see it."""

    def __init__(self, config=SMALL):
        self.stub = StubArray(config)
        self.dut = LooseTile(config=config, array=lambda _: self.stub)

    def run(self, *testbenches):
        run(self.dut, [self.stub], *testbenches)

    async def write(self, ctx, name, value=0, *, index=0, hart=0, sel=0xF):
        """The cycles the write waited."""
        addr = REGS[name] + 4 * index
        access = register_access(ctx, self.dut.bus, addr, write=value, hart=hart, sel=sel)
        return (await access)[1]

    async def read(self, ctx, name, *, index=0, hart=0):
        value, waited = await register_access(ctx, self.dut.bus, REGS[name] + 4 * index, hart=hart)
        assert waited == 0
        return value

    async def status(self, ctx, index=TileStatusReg.STATUS):
        return await self.read(ctx, "STATUS", index=index)

    async def set_up(self, ctx, row=0, rows=16, col=0, cols=16):
        assert await self.read(ctx, "ACQUIRE") == 1
        await self.write(ctx, "CONFIG", row | rows << 16, index=TileConfigReg.ROWS)
        await self.write(ctx, "CONFIG", col | cols << 16, index=TileConfigReg.COLS)

    async def queue(self, ctx, values):
        for i in range(0, len(values), 4):
            part = values[i : i + 4]
            word = sum((v & 0xFF) << (8 * k) for k, v in enumerate(part))
            assert await self.write(ctx, "INPUT", word, sel=(1 << len(part)) - 1) == 0


def test_a_whole_mvm_over_the_bus():
    bench = LooseBench()
    rng = random.Random(1)
    inputs = random_bytes(rng, 15)

    async def testbench(ctx):
        await bench.set_up(ctx, rows=15)
        for row in range(16):
            await bench.write(ctx, "PROGRAM_ADDR", row)
            for _ in range(4):
                await bench.write(ctx, "PROGRAM_DATA", rng.getrandbits(32))
        await bench.queue(ctx, inputs)
        await bench.write(ctx, "PROCESS")
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        words = [await bench.read(ctx, "OUTPUT") for _ in range(16)]
        assert bench.stub.model.weights.any(axis=1).all()
        assert words == bench.stub.model.mvm(inputs, 0, 15, 0, 16, 0)
        assert await bench.status(ctx) == 0

    bench.run(testbench)


def test_input_takes_the_lanes_of_the_store():
    bench = LooseBench()
    word = 0x44332211

    async def testbench(ctx):
        await bench.set_up(ctx, rows=11)
        for sel in (0b1111, 0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b1100):
            await bench.write(ctx, "INPUT", word, sel=sel)
        assert await bench.status(ctx, TileStatusReg.BYTES_IN) == 12
        assert bench.stub.inputs[0][:12] == [
            0x11, 0x22, 0x33, 0x44, 0x11, 0x22, 0x33, 0x44, 0x11, 0x22, 0x33, 0x44
        ]  # fmt: skip

    bench.run(testbench)


def test_inputs_and_outputs_take_one_cycle_each():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        bus = bench.dut.bus
        ctx.set(bus.stb, 1)
        ctx.set(bus.we, 1)
        ctx.set(bus.addr, REGS["INPUT"])
        ctx.set(bus.dat_w, 0x01020304)
        for _ in range(4):
            assert ctx.get(bus.ack)
            await ctx.tick()
        ctx.set(bus.stb, 0)
        await bench.write(ctx, "PROCESS")
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        ctx.set(bus.stb, 1)
        ctx.set(bus.we, 0)
        ctx.set(bus.addr, REGS["OUTPUT"])
        for _ in range(16):
            assert ctx.get(bus.ack)
            await ctx.tick()
        ctx.set(bus.stb, 0)
        assert await bench.status(ctx) == 0
        assert await bench.status(ctx, TileStatusReg.BYTES_OUT) == 64

    bench.run(testbench)


def test_only_the_owner_may_use_the_tile():
    bench = LooseBench()

    async def testbench(ctx):
        for name in ("RELEASE", "PROCESS", "INPUT", "PROGRAM_ADDR", "PROGRAM_DATA", "CONFIG"):
            await bench.write(ctx, name, 1, hart=3)
            assert await bench.status(ctx) == TileStatus.ERROR_OWNER, name
            assert await bench.read(ctx, "ACQUIRE", hart=5) == 1
            assert await bench.read(ctx, "ACQUIRE", hart=3) == 0
            await bench.write(ctx, "RELEASE", hart=3)
            assert await bench.read(ctx, "ACQUIRE", hart=5) == 1
            await bench.write(ctx, "CONFIG", index=TileConfigReg.RESET, hart=5)
            assert await bench.status(ctx) == 0
            await bench.write(ctx, "RELEASE", hart=5)
        assert await bench.read(ctx, "OUTPUT", hart=5) == 0
        assert await bench.status(ctx) == TileStatus.ERROR_OWNER
        for counter in (TileStatusReg.BYTES_IN, TileStatusReg.MVMS, TileStatusReg.PROGRAM_WRITES):
            assert await bench.status(ctx, counter) == 0

    bench.run(testbench)


def test_another_harts_read_does_not_dequeue():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        bench.stub.model.weights[:] = 1
        await bench.queue(ctx, [1] * 16)
        await bench.write(ctx, "PROCESS")
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        assert await bench.read(ctx, "OUTPUT", hart=1) == 0
        assert [await bench.read(ctx, "OUTPUT") for _ in range(16)] == [16] * 16
        assert await bench.status(ctx) == TileStatus.ERROR_OWNER

    bench.run(testbench)


def test_a_full_input_ignores_and_reports():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        for _ in range(2):
            assert not await bench.status(ctx) & TileStatus.INPUT_FULL
            await bench.queue(ctx, [1] * 16)
            await bench.write(ctx, "PROCESS")
        assert await bench.status(ctx) == TileStatus.BUSY | TileStatus.INPUT_FULL
        assert await bench.write(ctx, "INPUT", 1) == 0
        full = TileStatus.BUSY | TileStatus.INPUT_FULL | TileStatus.ERROR_RANGE
        assert await bench.status(ctx) == full
        assert await bench.write(ctx, "PROCESS") == 0
        assert await bench.status(ctx, TileStatusReg.BYTES_IN) == 32

    bench.run(testbench)


def test_output_without_a_result_is_0_and_reported():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        assert await bench.read(ctx, "OUTPUT") == 0
        assert await bench.status(ctx) == TileStatus.ERROR_EMPTY
        await bench.write(ctx, "CONFIG", index=TileConfigReg.RESET)
        bench.stub.model.weights[:] = 1
        await bench.queue(ctx, [1] * 16)
        await bench.write(ctx, "PROCESS")
        assert await bench.read(ctx, "OUTPUT") == 0
        assert await bench.status(ctx) == TileStatus.ERROR_EMPTY | TileStatus.BUSY
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        assert [await bench.read(ctx, "OUTPUT") for _ in range(16)] == [16] * 16

    bench.run(testbench)


def test_programming_holds_the_bus_only_for_the_latency():
    bench = LooseBench()
    latency = SMALL.program_latency_cycles

    async def testbench(ctx):
        await bench.set_up(ctx)
        await bench.write(ctx, "PROGRAM_ADDR", 2)
        waits = [await bench.write(ctx, "PROGRAM_DATA", 0x01010101 * (i + 1)) for i in range(4)]
        # At once; into the buffer; when the buffer is free again.
        assert waits == [0, 0, latency - 1, latency - 1]
        assert await bench.write(ctx, "INPUT", 1) == 0
        assert await bench.status(ctx) == TileStatus.BUSY
        assert await bench.write(ctx, "PROCESS") < latency
        assert bench.stub.model.weights[2].tolist() == [i // 4 + 1 for i in range(16)]
        assert await bench.status(ctx, TileStatusReg.PROGRAM_WRITES) == 4
        waited = await bench.status(ctx, TileStatusReg.WAIT_CYCLES)
        assert 2 * (latency - 1) <= waited < 3 * latency

    bench.run(testbench)


def test_programming_under_a_pending_mvm_is_ignored():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        await bench.queue(ctx, [1] * 16)
        await bench.write(ctx, "PROCESS")
        assert await bench.write(ctx, "PROGRAM_DATA", 2) == 0
        assert await bench.status(ctx) == TileStatus.BUSY | TileStatus.ERROR_RANGE
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        await bench.write(ctx, "PROGRAM_DATA", 1)
        while await bench.status(ctx) & TileStatus.BUSY:
            pass
        assert bench.stub.model.weights[0].tolist() == [1] + [0] * 15
        assert await bench.status(ctx, TileStatusReg.PROGRAM_WRITES) == 1

    bench.run(testbench)


def test_process_waits_for_the_weights_before_it():
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        await bench.queue(ctx, [1] * 16)
        await bench.write(ctx, "PROGRAM_DATA", 2)
        await bench.write(ctx, "PROGRAM_DATA", 3)
        assert await bench.write(ctx, "PROCESS") == SMALL.program_latency_cycles - 1
        while not await bench.status(ctx) & TileStatus.RESULT:
            pass
        words = [await bench.read(ctx, "OUTPUT") for _ in range(16)]
        assert words == [2, 0, 0, 0, 3] + [0] * 11

    bench.run(testbench)


@pytest.mark.parametrize("offset", [0x0C, 0x3C, 0x40 + 4 * len(TileStatusReg), 0x80, 0xFFC])
def test_unused_offsets_answer_0(offset):
    bench = LooseBench()

    async def testbench(ctx):
        await bench.set_up(ctx)
        assert await register_access(ctx, bench.dut.bus, offset, write=0xFFFF) == (0, 0)
        assert await register_access(ctx, bench.dut.bus, offset) == (0, 0)
        assert await bench.status(ctx) == 0

    bench.run(testbench)


@pytest.mark.parametrize("seed", range(3))
def test_random_patches_of_several_harts(seed):
    bench = LooseBench()
    rng = random.Random(seed)
    weights = [[rng.randint(-128, 127) for _ in range(16)] for _ in range(16)]

    async def one_patch(ctx, hart):
        assert await bench.read(ctx, "ACQUIRE", hart=hart) == 1
        rows, cols = rng.randint(1, 16), 4 * rng.randint(1, 4)
        await bench.write(ctx, "CONFIG", rows << 16, index=TileConfigReg.ROWS, hart=hart)
        await bench.write(ctx, "CONFIG", cols << 16, index=TileConfigReg.COLS, hart=hart)
        inputs = random_bytes(rng, rows)
        for value in inputs:
            lane = rng.randrange(4)
            word = (value & 0xFF) << (8 * lane)
            await bench.write(ctx, "INPUT", word, sel=1 << lane, hart=hart)
        await bench.write(ctx, "PROCESS", hart=hart)
        while not await bench.status(ctx) & TileStatus.RESULT:
            await ctx.tick().repeat(rng.randint(1, 9))
        words = [await bench.read(ctx, "OUTPUT", hart=hart) for _ in range(cols)]
        assert words == bench.stub.model.mvm(inputs, 0, rows, 0, cols, 0), f"seed {seed}"
        await bench.write(ctx, "RELEASE", hart=hart)

    async def testbench(ctx):
        bench.stub.model.weights[:] = weights
        for _ in range(10):
            await one_patch(ctx, rng.randrange(8))
        assert await bench.status(ctx) == 0

    bench.run(testbench)
