import itertools

import pytest
from dma_bench import MEMORY_BYTES, SCRATCHPAD_BYTES, DmaBench, block
from tightrope.hw.dma.block import Direction
from tightrope.hw.dma.piece import PIECE_WORDS

PIECE_BEATS = 4 * PIECE_WORDS // 16
SCRATCHPAD = 2
"""Number of the port in a bench's accesses."""


def run_all(directions, *, row_bytes, rows=None, **options):
    """A block in each channel, in its own share of the memories; returns when each was served."""
    bench = DmaBench(words=4, channel_count=len(directions), **options)
    shares = [size // len(directions) // 32 * 32 for size in (MEMORY_BYTES, SCRATCHPAD_BYTES)]
    bench.run(
        [
            [
                block(
                    direction, memory=i * shares[0], scratchpad=i * shares[1], row_bytes=own, rows=n
                )
            ]
            for i, (direction, own, n) in enumerate(
                zip(directions, row_bytes, rows or [1] * len(directions), strict=True)
            )
        ]
    )
    served = [[] for _ in directions]
    for cycle, port, addr in bench.accesses:
        if port == SCRATCHPAD:
            served[addr // shares[1]].append(cycle)
    return bench, served


def longest_wait(cycles):
    return max(after - before for before, after in itertools.pairwise(cycles))


@pytest.mark.parametrize("direction", Direction)
def test_no_channel_waits_longer_than_a_piece_of_each_other(direction):
    _, served = run_all([direction] * 8, row_bytes=[1024] * 8)
    for cycles in served:
        assert longest_wait(cycles) <= 7 * PIECE_BEATS + 1


def test_loads_and_stores_do_not_shut_each_other_out():
    directions = [Direction.LOAD, Direction.STORE] * 3
    _, served = run_all(directions, row_bytes=[1024] * 6)
    for cycles in served:
        # The scratchpad serves each direction every other cycle; some pieces are on their way.
        assert longest_wait(cycles) <= 2 * 3 * PIECE_BEATS


def test_a_short_block_overtakes_long_ones():
    row_bytes = [16, *[1024] * 7]
    bench, served = run_all([Direction.LOAD] * 8, row_bytes=row_bytes)
    cycle, channel, _ = bench.ends[0]
    assert channel == 0
    assert cycle < 100 < bench.ends[1][0]


def test_many_small_rows_get_a_turn_between_long_rows():
    bench, served = run_all([Direction.LOAD] * 2, row_bytes=[4, 4096], rows=[24, 1])
    assert bench.ends[0][1] == 0
    # A piece of one word between two of the other's.
    assert longest_wait(served[0]) <= PIECE_BEATS + 1
