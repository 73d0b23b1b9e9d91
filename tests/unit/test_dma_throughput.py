import random

import numpy as np
import pytest
from dma_bench import DmaBench, block, move
from dma_cluster import DmaCluster, run
from test_main_memory import request, response
from test_streamer_scratchpad import access
from tightrope.hw.dma.block import Direction

START_CYCLES = 10
"""From a block's descriptor to its end, without its latency and the cycles of its bytes."""


def check(top, ctx, blocks):
    """Main memory, and through it the scratchpad, after the blocks."""
    memory, scratchpad = top.initial.copy(), np.zeros(top.scratchpad_bytes, np.uint8)
    for descriptor in blocks:
        move(descriptor, memory, scratchpad)
    assert np.array_equal(top.contents(ctx), memory)


@pytest.mark.parametrize(
    "bytes_per_cycle, words, latency_cycles",
    [
        *((4, 2, 1), (8, 2, 1), (16, 4, 1), (32, 8, 1)),
        *((4, 2, 20), (8, 2, 20), (16, 4, 20), (32, 8, 20)),
        *((16, 4, 8), (4, 8, 8), (32, 2, 8)),
    ],
)
def test_long_blocks_move_at_the_width_of_the_narrower_side(bytes_per_cycle, words, latency_cycles):
    top = DmaCluster(words=words, latency_cycles=latency_cycles, bytes_per_cycle=bytes_per_cycle)
    rate = min(bytes_per_cycle, 4 * words)
    size = 128 * rate
    load = block(Direction.LOAD, memory=0, scratchpad=36, row_bytes=size)
    store = block(Direction.STORE, memory=size, scratchpad=36, row_bytes=size)

    async def testbench(ctx):
        # 128 cycles of bytes; a load's end also waits for its last beat.
        assert await top.move(ctx, load) <= size / rate + START_CYCLES + latency_cycles
        assert await top.move(ctx, store) <= size / rate + START_CYCLES
        await ctx.tick().repeat(latency_cycles)
        check(top, ctx, [load, store])

    run(top, testbench)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("bytes_per_cycle, row_bytes", [(4, 32), (16, 64), (32, 32), (32, 128)])
def test_rows_follow_each_other_without_a_pause(bytes_per_cycle, row_bytes, direction):
    bench = DmaBench(words=bytes_per_cycle // 4, bytes_per_cycle=bytes_per_cycle)
    rows = 16
    descriptor = block(
        direction, memory=256, scratchpad=4, row_bytes=row_bytes, rows=rows, pitches=(320, 132)
    )
    bench.run([[descriptor]])
    cycles = rows * row_bytes // bytes_per_cycle
    assert bench.busy_cycles <= cycles + START_CYCLES + bench.latency_cycles


@pytest.mark.parametrize("direction", Direction)
def test_blocks_of_one_direction_follow_each_other_after_a_cycle(direction):
    bench = DmaBench(words=4, latency_cycles=20)
    blocks = [
        block(direction, memory=4096 * i, scratchpad=512 * i, row_bytes=256) for i in range(8)
    ]
    bench.run([blocks])
    assert bench.busy_cycles <= 8 * (256 // 16 + 1) + START_CYCLES + bench.latency_cycles


def test_a_block_of_a_word_takes_no_longer_than_its_way():
    bench = DmaBench(words=4, latency_cycles=8)
    bench.run([[block(Direction.LOAD, memory=4, scratchpad=8, row_bytes=4)]])
    assert bench.busy_cycles <= 1 + START_CYCLES + bench.latency_cycles


def test_loads_and_stores_share_main_memory_without_losing_a_beat():
    top = DmaCluster(words=8, channel_count=2, bytes_per_cycle=16)
    blocks = [
        block(Direction.LOAD, memory=0, scratchpad=0, row_bytes=2048),
        block(Direction.STORE, memory=4096, scratchpad=4096, row_bytes=2048),
    ]
    cycles = []

    def mover(channel):
        async def testbench(ctx):
            cycles.append(await top.move(ctx, blocks[channel], channel))

        return testbench

    run(top, mover(0), mover(1))
    # A line is two beats and a turn, a write one: the store takes twice as long per byte.
    assert max(cycles) <= 4096 / 16 + START_CYCLES + 8


def test_harts_go_on_while_blocks_move():
    rng = random.Random(1)
    top = DmaCluster(words=4, channel_count=2, latency_cycles=3)
    blocks = [
        block(Direction.LOAD, memory=20, scratchpad=4, row_bytes=180, rows=9, pitches=(200, 184)),
        block(Direction.STORE, memory=2084, scratchpad=8, row_bytes=1000),
    ]
    free = 5000
    """What lies above belongs to the harts."""
    ended = []

    async def move_both(ctx):
        for descriptor in blocks:
            await top.move(ctx, descriptor)
        ended.append(True)
        await ctx.tick().repeat(20)
        check(top, ctx, blocks)

    async def hart_at_main_memory(ctx):
        while not ended:
            place = rng.randrange(free, len(top.initial)) // 32 * 32
            await request(ctx, top.memory.ports[1], addr=place // 4, line=1)
            waited, data = await response(ctx, top.memory.ports[1])
            assert waited < 3
            assert data == int.from_bytes(top.initial[place:][:16].tobytes(), "little")
            await response(ctx, top.memory.ports[1])

    async def hart_at_scratchpad(ctx):
        lane = top.scratchpad.ports[1]
        while not ended:
            addr = rng.randrange(free // 4, top.scratchpad_bytes // 4)
            value = rng.getrandbits(32)
            await access(ctx, lane, addr, value)
            assert await access(ctx, lane, addr) == value

    run(top, move_both, hart_at_main_memory, hart_at_scratchpad)
