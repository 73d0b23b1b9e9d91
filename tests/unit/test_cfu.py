import dataclasses
import random
from collections import deque

import pytest
from cfu_bench import (
    CfuBench,
    DigitalModel,
    acc,
    dot,
    random_activation,
    random_scale,
    random_value,
)
from post_bench import PostModel
from tightrope.hw.isa import (
    TILE_SHIFT_POST,
    AccOp,
    CfuOp,
    DotOp,
    TileConfigReg,
    TileStatus,
    TileStatusReg,
)
from tile_bench import SMALL, random_bytes
from tile_stub import pack


def tile_job(bench, rng):
    """Commands that run an MVM on tile 0, each with its result."""
    patch = random_bytes(rng, 16)
    words = pack(patch, 1)
    result = bench.stubs[0].model.mvm(patch, 0, 16, 0, 16, 0)
    return [
        ((CfuOp.CM_CONFIG, TileConfigReg.ROWS, 16 << 16), 0),
        ((CfuOp.CM_CONFIG, TileConfigReg.COLS, 16 << 16), 0),
        ((CfuOp.CM_QUEUE, 7, words[0], words[1]), 0),
        ((CfuOp.CM_QUEUE, 7, words[2], words[3]), 0),
        ((CfuOp.CM_PROCESS, 0), 0),
        *(((CfuOp.CM_DEQUEUE, 0), word) for word in result),
    ]


def digital_command(rng):
    op, members = rng.choice([(CfuOp.DOT, range(3)), (CfuOp.ACC, range(8)), (CfuOp.ACC, range(8))])
    member = rng.choice(members)
    funct7 = member << 4 | rng.randrange(16)
    if op == CfuOp.ACC and member == AccOp.ACTIVATION:
        return op, funct7, random_activation(rng)
    if op == CfuOp.ACC and member == AccOp.TILE_BASE:
        return op, funct7, rng.getrandbits(28) << 4, random_scale(rng)
    if op == CfuOp.ACC and member == AccOp.CHANNEL:
        return op, funct7, random_scale(rng), random_value(rng)
    return op, funct7, random_value(rng), random_scale(rng)


@pytest.mark.parametrize("seed", range(6))
def test_commands_in_any_order_follow_the_model_under_back_pressure(seed):
    bench = CfuBench()
    rng = random.Random(seed)
    model = DigitalModel()
    idle = rng.choice([0, 0.3])
    taking = rng.choice([0.6, 1])
    expected = deque()

    async def producer(ctx):
        for row in range(16):
            for col in range(0, 16, 4):
                bench.stubs[0].model.program(row, col, rng.getrandbits(32))
        on_tile = []
        for _ in range(800):
            if not on_tile:
                on_tile = tile_job(bench, rng)
            if rng.random() < 0.2:
                command, result = on_tile.pop(0)
            else:
                command = digital_command(rng)
                result = model.execute(*command)
            expected.append((command, result))
            await bench.issue(ctx, *command)
            if rng.random() < idle:
                await ctx.tick().repeat(rng.randint(1, 3))

    async def consumer(ctx):
        rsp = bench.dut.rsp
        for _ in range(800):
            while True:
                ctx.set(rsp.ready, rng.random() < taking)
                sampled = ctx.tick().sample(rsp.valid, rsp.ready, rsp.payload)
                _, _, valid, ready, payload = await sampled
                if valid and ready:
                    break
            command, result = expected.popleft()
            assert payload == result, f"seed {seed}: {command}"

    bench.run(producer, consumer)


def test_a_response_waits_and_holds_up_the_next_command():
    bench = CfuBench()

    async def testbench(ctx):
        await bench.issue(ctx, *acc(AccOp.SWAP), 7)
        bench.offer(ctx, *acc(AccOp.SWAP), 8)
        for _ in range(5):
            assert ctx.get(bench.dut.rsp.valid) and not ctx.get(bench.dut.cmd.ready)
            await ctx.tick()
        ctx.set(bench.dut.rsp.ready, 1)
        await ctx.tick()
        assert ctx.get(bench.dut.rsp.payload) == 7

    bench.run(testbench)


def test_a_row_being_read_does_not_hold_up_a_tile():
    bench = CfuBench()

    async def testbench(ctx):
        ctx.set(bench.dut.rsp.ready, 1)
        await bench.issue(ctx, *acc(AccOp.OUT_ROW))
        assert await bench.issue(ctx, CfuOp.CM_STATUS, 0, TileStatusReg.GEOMETRY) == 0
        assert ctx.get(bench.dut.rsp.payload) == 16 | 16 << 16
        assert await bench.issue(ctx, *dot(DotOp.MAC4, 0)) == 2

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


@pytest.mark.parametrize("lanes", [1, 4, 8])
def test_a_tile_post_processes_what_it_hands_out(lanes):
    config = dataclasses.replace(SMALL, cols=32, adc_bits=8, post_lanes=lanes)
    bench = CfuBench(tile_count=2, config=config)
    rng = random.Random(lanes)
    patch = random_bytes(rng, 16)

    async def testbench(ctx):
        array = bench.stubs[1].model
        for row in range(16):
            for col in range(0, 32, 4):
                array.program(row, col, rng.getrandbits(32))
        model = PostModel(array, rng)
        for index, value in model.writes():
            assert await bench.call(ctx, CfuOp.CM_CONFIG, 1 << 3 | index, value) == 0
        await bench.configure(ctx, 1, 0, 16, 4, 28)
        for shift in (4 | TILE_SHIFT_POST, 4, 5 | TILE_SHIFT_POST):
            await bench.call(ctx, CfuOp.CM_CONFIG, 1 << 3 | TileConfigReg.SHIFT, shift)
            await bench.queue(ctx, 1, patch)
            await bench.call(ctx, CfuOp.CM_PROCESS, 1 << 3)
            expected = model.mvm(patch, 0, 16, 4, 28, shift)
            waits = []
            for word in expected:
                waits.append(await bench.issue(ctx, CfuOp.CM_DEQUEUE, 1 << 3))
                assert ctx.get(bench.dut.rsp.payload) == word
            gap = 3 if lanes == 1 and shift & TILE_SHIFT_POST else 0
            assert waits[1:] == [gap] * 6
        assert await bench.call(ctx, CfuOp.CM_STATUS, 1 << 3, TileStatusReg.BYTES_OUT) == 3 * 28
        assert await bench.call(ctx, CfuOp.CM_STATUS, 1 << 3) == 0

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
                if op not in (CfuOp.DOT, CfuOp.ACC):
                    assert await bench.call(ctx, op, tile << 3, 1, 0xFFFF_FFFF) == 0
        for tile in range(tile_count):
            geometry = await bench.call(ctx, CfuOp.CM_STATUS, tile << 3, TileStatusReg.GEOMETRY)
            assert geometry == 16 | 16 << 16
            assert await bench.call(ctx, CfuOp.CM_STATUS, tile << 3) == 0

    bench.run(testbench)


def test_tile_base_moves_the_tiles_that_commands_mean():
    bench = CfuBench(tile_count=3)

    async def writes_of(ctx):
        counter = TileStatusReg.PROGRAM_WRITES
        return [await bench.call(ctx, CfuOp.CM_STATUS, t << 3, counter) for t in range(3)]

    async def testbench(ctx):
        # (base, tile number in the command, the tile that gets it)
        written = [0, 0, 0]
        for base, number, tile in ((0, 1, 1), (1, 0, 1), (2, 0, 2), (15, 2, 1), (1, 15, 0)):
            await bench.call(ctx, *acc(AccOp.TILE_BASE), base | 0xFFF0)
            await bench.call(ctx, CfuOp.CM_INITIALIZE, number << 3, 0, 1)
            written[tile] += 1
            await bench.call(ctx, *acc(AccOp.TILE_BASE), 0)
            assert await writes_of(ctx) == written
        # A tile that doesn't exist.
        await bench.call(ctx, *acc(AccOp.TILE_BASE), 3)
        assert await bench.call(ctx, CfuOp.CM_INITIALIZE, 0, 0, 1) == 0
        await bench.call(ctx, *acc(AccOp.TILE_BASE), 0)
        assert await writes_of(ctx) == written

    bench.run(testbench)
