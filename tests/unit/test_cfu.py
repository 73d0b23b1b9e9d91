import random
from collections import deque

import pytest
from tightrope.hw.coupling.cfu import Cfu
from tightrope.hw.isa import CfuOp, TileConfigReg, TileStatus, TileStatusReg
from tile_bench import SMALL, random_bytes, run
from tile_stub import StubArray, bytes_of


class CfuBench:
    """A CFU with stub arrays, as a hart sees it."""

    def __init__(self, tile_count=1, config=SMALL):
        self.stubs = []
        self.dut = Cfu(tile=config, tile_count=tile_count, array=self._make_array)

    def _make_array(self, config):
        self.stubs.append(StubArray(config))
        return self.stubs[-1]

    def run(self, *testbenches):
        run(self.dut, self.stubs, *testbenches)

    def offer(self, ctx, op, funct7, rs1=0, rs2=0):
        cmd = self.dut.cmd
        ctx.set(cmd.valid, 1)
        ctx.set(cmd.payload.function_id, op | funct7 << 3)
        ctx.set(cmd.payload.inputs_0, rs1 & 0xFFFF_FFFF)
        ctx.set(cmd.payload.inputs_1, rs2 & 0xFFFF_FFFF)

    async def issue(self, ctx, op, funct7, rs1=0, rs2=0):
        """Give a command; the cycles it waited."""
        self.offer(ctx, op, funct7, rs1, rs2)
        waited = 0
        while not (await ctx.tick().sample(self.dut.cmd.ready))[2]:
            waited += 1
        ctx.set(self.dut.cmd.valid, 0)
        return waited

    async def call(self, ctx, op, funct7, rs1=0, rs2=0):
        """Execute a command; its result."""
        ctx.set(self.dut.rsp.ready, 1)
        await self.issue(ctx, op, funct7, rs1, rs2)
        assert ctx.get(self.dut.rsp.valid)
        return ctx.get(self.dut.rsp.payload)

    async def configure(self, ctx, tile, row, rows, col, cols):
        await self.call(ctx, CfuOp.CM_CONFIG, tile << 3 | TileConfigReg.ROWS, row | rows << 16)
        await self.call(ctx, CfuOp.CM_CONFIG, tile << 3 | TileConfigReg.COLS, col | cols << 16)

    async def queue(self, ctx, tile, values):
        for i in range(0, len(values), 8):
            word = sum((v & 0xFF) << (8 * k) for k, v in enumerate(values[i : i + 8]))
            count = len(values[i : i + 8])
            funct7 = tile << 3 | count - 1
            assert await self.call(ctx, CfuOp.CM_QUEUE, funct7, word & 0xFFFF_FFFF, word >> 32) == 0


def dot4(accumulator, a, b):
    products = zip(bytes_of(a, 4), bytes_of(b, 4), strict=True)
    return (accumulator + sum(x * y for x, y in products)) & 0xFFFF_FFFF


def test_one_dot4_per_cycle():
    bench = CfuBench()
    rng = random.Random(1)
    operands = [(rng.getrandbits(32), rng.getrandbits(32)) for _ in range(100)]

    async def testbench(ctx):
        ctx.set(bench.dut.rsp.ready, 1)
        accumulator = 0
        for a, b in operands:
            bench.offer(ctx, CfuOp.DOT4, 5, a, b)
            assert ctx.get(bench.dut.cmd.ready)
            await ctx.tick()
            accumulator = dot4(accumulator, a, b)
            assert ctx.get(bench.dut.rsp.valid)
            assert ctx.get(bench.dut.rsp.payload) == accumulator
        ctx.set(bench.dut.cmd.valid, 0)
        await ctx.tick()
        assert not ctx.get(bench.dut.rsp.valid)

    bench.run(testbench)


def test_extreme_products_and_wrapping():
    bench = CfuBench()

    async def testbench(ctx):
        assert await bench.call(ctx, CfuOp.DOT4, 0, 0x80808080, 0x80808080) == 4 * 128 * 128
        assert await bench.call(ctx, CfuOp.DOT4, 0, 0x80808080, 0x7F7F7F7F) == 4 * 128
        assert await bench.call(ctx, CfuOp.ACC_SWAP, 0, 0x7FFF_FFFF) == 4 * 128
        assert await bench.call(ctx, CfuOp.DOT4, 0, 1, 1) == 0x8000_0000
        assert await bench.call(ctx, CfuOp.ACC_SWAP, 0, 0) == 0x8000_0000

    bench.run(testbench)


@pytest.mark.parametrize("seed", range(3))
def test_accumulators_follow_the_model_under_back_pressure(seed):
    bench = CfuBench()
    rng = random.Random(seed)
    accumulators = [0] * 16
    expected = deque()

    async def producer(ctx):
        for _ in range(400):
            index, a, b = rng.randrange(16), rng.getrandbits(32), rng.getrandbits(32)
            old, op = accumulators[index], rng.choice([CfuOp.DOT4, CfuOp.DOT4, CfuOp.ACC_SWAP])
            accumulators[index] = dot4(old, a, b) if op == CfuOp.DOT4 else a
            expected.append(old if op == CfuOp.ACC_SWAP else accumulators[index])
            await bench.issue(ctx, op, index, a, b)
            if rng.random() < 0.3:
                await ctx.tick().repeat(rng.randint(1, 3))

    async def consumer(ctx):
        received = 0
        while received < 400:
            ctx.set(bench.dut.rsp.ready, rng.random() < 0.6)
            rsp = bench.dut.rsp
            _, _, valid, ready, payload = await ctx.tick().sample(rsp.valid, rsp.ready, rsp.payload)
            if valid and ready:
                assert payload == expected.popleft(), f"seed {seed}"
                received += 1

    bench.run(producer, consumer)


def test_a_response_waits_and_holds_up_the_next_command():
    bench = CfuBench()

    async def testbench(ctx):
        await bench.issue(ctx, CfuOp.ACC_SWAP, 0, 7)
        bench.offer(ctx, CfuOp.ACC_SWAP, 0, 8)
        for _ in range(5):
            assert ctx.get(bench.dut.rsp.valid) and not ctx.get(bench.dut.cmd.ready)
            await ctx.tick()
        ctx.set(bench.dut.rsp.ready, 1)
        await ctx.tick()
        assert ctx.get(bench.dut.rsp.payload) == 7

    bench.run(testbench)


def test_tiles_of_one_hart_work_at_the_same_time():
    bench = CfuBench(tile_count=3)
    rng = random.Random(2)
    patches = [random_bytes(rng, 16) for _ in range(3)]

    async def testbench(ctx):
        for tile in range(3):
            for col in range(0, 16, 4):
                for row in range(16):
                    funct7, weights = tile << 3, rng.getrandbits(32)
                    await bench.call(ctx, CfuOp.CM_INITIALIZE, funct7, row | col << 16, weights)
        for tile, patch in enumerate(patches):
            await bench.configure(ctx, tile, 0, 16, 0, 16)
            await bench.queue(ctx, tile, patch)
            assert await bench.call(ctx, CfuOp.CM_PROCESS, tile << 3) == 0
        await ctx.tick()
        assert ctx.get(bench.dut.tile_busy) == 0b111
        for tile in (2, 0, 1):
            model = bench.stubs[tile].model
            for expected in model.mvm(patches[tile], 0, 16, 0, 16, 0):
                assert await bench.call(ctx, CfuOp.CM_DEQUEUE, tile << 3) == expected
        assert ctx.get(bench.dut.tile_busy) == 0

    bench.run(testbench)


def test_dequeue_sustains_a_word_per_cycle_and_counts_its_wait():
    bench = CfuBench()

    async def testbench(ctx):
        await bench.configure(ctx, 0, 0, 16, 0, 16)
        await bench.queue(ctx, 0, [1] * 16)
        await bench.call(ctx, CfuOp.CM_PROCESS, 0)
        waits = [await bench.issue(ctx, CfuOp.CM_DEQUEUE, 0) for _ in range(16)]
        assert waits == [SMALL.mvm_latency_cycles + 1] + [0] * 15
        waited = await bench.call(ctx, CfuOp.CM_STATUS, 0, TileStatusReg.WAIT_CYCLES)
        assert waited == SMALL.mvm_latency_cycles + 1

    bench.run(testbench)


def test_a_full_input_holds_up_queue_and_process_but_not_status():
    bench = CfuBench()

    async def testbench(ctx):
        await bench.configure(ctx, 0, 0, 16, 0, 16)
        for _ in range(2):
            await bench.queue(ctx, 0, [1] * 16)
            await bench.call(ctx, CfuOp.CM_PROCESS, 0)
        for op in (CfuOp.CM_QUEUE, CfuOp.CM_PROCESS, CfuOp.CM_INITIALIZE, CfuOp.CM_DEQUEUE):
            bench.offer(ctx, op, 0)
            assert not ctx.get(bench.dut.cmd.ready)
        status = await bench.call(ctx, CfuOp.CM_STATUS, 0)
        assert status == TileStatus.BUSY | TileStatus.INPUT_FULL
        assert await bench.call(ctx, CfuOp.CM_CONFIG, TileConfigReg.RESET) == 0
        assert await bench.call(ctx, CfuOp.CM_STATUS, 0) == 0
        assert await bench.call(ctx, CfuOp.CM_DEQUEUE, 0) == 0
        assert await bench.call(ctx, CfuOp.CM_STATUS, 0) == TileStatus.ERROR_EMPTY

    bench.run(testbench)


@pytest.mark.parametrize("tile_count", [0, 1, 3])
def test_a_tile_that_does_not_exist_answers_0(tile_count):
    bench = CfuBench(tile_count=tile_count)

    async def testbench(ctx):
        ctx.set(bench.dut.rsp.ready, 1)
        for tile in range(tile_count, 16):
            for op in CfuOp:
                if op not in (CfuOp.DOT4, CfuOp.ACC_SWAP):
                    assert await bench.call(ctx, op, tile << 3, 1, 0xFFFF_FFFF) == 0
        for tile in range(tile_count):
            geometry = await bench.call(ctx, CfuOp.CM_STATUS, tile << 3, TileStatusReg.GEOMETRY)
            assert geometry == 16 | 16 << 16
            assert await bench.call(ctx, CfuOp.CM_STATUS, tile << 3) == 0

    bench.run(testbench)
