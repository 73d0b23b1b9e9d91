import random

import numpy as np
import pytest
from dma_bench import DmaBench, block, move, random_block
from tightrope.hw.dma.block import Direction, DmaError


def run_random(seed, channel_count, block_count):
    """Random blocks on a random engine; what a channel moves stays within its share."""
    rng = random.Random(seed)
    bench = DmaBench(
        seed=seed,
        ready_ratio=rng.choice([1, 0.7, 0.2]),
        words=rng.choice([1, 2, 4, 8]),
        bytes_per_cycle=rng.choice([4, 8, 16, 32]),
        latency_cycles=rng.choice([1, 2, 8, 20]),
        channel_count=channel_count,
    )
    blocks = [
        [random_block(rng, channel, channel_count) for _ in range(block_count)]
        for channel in range(channel_count)
    ]
    memories = [bench.memory.copy(), bench.scratchpad.copy()]
    # After each block: what its channel has changed in the memory it writes.
    expected = [[] for _ in blocks]
    totals = [0, 0]
    for channel, own in enumerate(blocks):
        for descriptor in own:
            places = move(descriptor, *memories)
            target = memories[descriptor["direction"] == Direction.LOAD]
            expected[channel].append((descriptor["direction"], places, target[places]))
            totals[descriptor["direction"]] += descriptor["rows"] * descriptor["row_bytes"]

    ended = [0] * channel_count

    def on_end(channel, error):
        assert error is DmaError.NONE
        direction, places, values = expected[channel][ended[channel]]
        ended[channel] += 1
        later = [p for d, p, _ in expected[channel][ended[channel] :] if d == direction]
        seen = (bench.memory, bench.scratchpad)[direction == Direction.LOAD]
        untouched = ~np.isin(places, np.concatenate([[], *later]))
        assert np.array_equal(seen[places][untouched], values[untouched])

    bench.on_end = on_end
    bench.run(blocks)
    assert ended == [block_count] * channel_count
    assert np.array_equal(bench.memory, memories[0])
    assert np.array_equal(bench.scratchpad, memories[1])
    assert bench.counters == {
        "load_bytes": totals[Direction.LOAD],
        "store_bytes": totals[Direction.STORE],
        "busy_cycles": bench.busy_cycles,
        "wait_cycles": bench.wait_cycles,
    }


@pytest.mark.parametrize("seed", range(24))
def test_random_blocks_of_one_channel_match_a_model(seed):
    try:
        run_random(seed, 1, 8)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}") from error


@pytest.mark.parametrize("seed", range(100, 108))
def test_random_blocks_of_many_channels_match_a_model(seed):
    try:
        run_random(seed, 2 + seed % 3 * 3, 4)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}") from error


def test_more_blocks_than_may_be_on_their_way_wait_their_turn():
    bench = DmaBench(words=4, latency_cycles=120)
    blocks = [
        block(Direction.LOAD, memory=40 * i, scratchpad=8 * i, row_bytes=4) for i in range(20)
    ]
    expected = bench.scratchpad.copy()
    for descriptor in blocks:
        move(descriptor, bench.memory, expected)
    bench.run([blocks])
    assert [error for _, _, error in bench.ends] == [DmaError.NONE] * 20
    assert np.array_equal(bench.scratchpad, expected)
