import numpy as np
import pytest
from dma_bench import MEMORY_BYTES, SCRATCHPAD_BYTES, DmaBench, block, move
from tightrope.hw.dma.block import Direction, DmaError

GOOD = {
    "memory": 64, "scratchpad": 32, "row_bytes": 12, "rows": 3,
    "memory_pitch": 40, "scratchpad_pitch": 12,
}  # fmt: skip
LAST_MEMORY = MEMORY_BYTES - 12 - 2 * 40
LAST_SCRATCHPAD = SCRATCHPAD_BYTES - 12 - 2 * 12

ACCEPTED = [
    {},
    {"memory": LAST_MEMORY, "scratchpad": LAST_SCRATCHPAD},
    {"memory_pitch": (MEMORY_BYTES - 64 - 12) // 8 * 4},
    {"scratchpad_pitch": (SCRATCHPAD_BYTES - 32 - 12) // 8 * 4},
    {"rows": 1, "memory_pitch": (1 << 32) - 4, "scratchpad_pitch": 1 << 31},
    {"rows": 1, "memory": MEMORY_BYTES - 4, "scratchpad": SCRATCHPAD_BYTES - 4, "row_bytes": 4},
    {"rows": 1, "memory": 0, "scratchpad": 0, "row_bytes": SCRATCHPAD_BYTES},
]
REFUSED = [
    (DmaError.EMPTY, {"row_bytes": 0}),
    (DmaError.EMPTY, {"rows": 0}),
    (DmaError.ALIGNMENT, {"memory": 65}),
    (DmaError.ALIGNMENT, {"scratchpad": 34}),
    (DmaError.ALIGNMENT, {"memory_pitch": 41}),
    (DmaError.ALIGNMENT, {"scratchpad_pitch": 14}),
    (DmaError.ALIGNMENT, {"scratchpad_pitch": 13, "rows": 1}),
    (DmaError.ALIGNMENT, {"row_bytes": 3}),
    (DmaError.MEMORY, {"memory": LAST_MEMORY + 4}),
    (DmaError.MEMORY, {"memory": MEMORY_BYTES, "rows": 1}),
    (DmaError.MEMORY, {"memory": (1 << 32) - 4, "rows": 1}),
    (DmaError.MEMORY, {"memory_pitch": (MEMORY_BYTES - 64 - 12) // 8 * 4 + 4}),
    (DmaError.MEMORY, {"memory_pitch": (1 << 32) - 4}),
    (DmaError.MEMORY, {"memory_pitch": 1 << 31}),
    (DmaError.MEMORY, {"rows": 65535, "memory_pitch": (1 << 32) - 4}),
    (DmaError.SCRATCHPAD, {"scratchpad": LAST_SCRATCHPAD + 4}),
    (DmaError.SCRATCHPAD, {"scratchpad": (1 << 32) - 32, "rows": 1}),
    (DmaError.SCRATCHPAD, {"scratchpad": 4 * SCRATCHPAD_BYTES}),
    (DmaError.SCRATCHPAD, {"scratchpad_pitch": (SCRATCHPAD_BYTES - 32 - 12) // 8 * 4 + 4}),
    (DmaError.SCRATCHPAD, {"rows": 700}),
    (DmaError.SCRATCHPAD, {"row_bytes": SCRATCHPAD_BYTES, "rows": 1}),
    (DmaError.EMPTY, {"rows": 0, "memory": 65, "scratchpad": 1 << 31}),
    (DmaError.ALIGNMENT, {"memory": 65, "scratchpad": 1 << 31}),
    (DmaError.MEMORY, {"memory": 1 << 31, "scratchpad": 1 << 31}),
]


@pytest.mark.parametrize("direction", Direction)
def test_blocks_that_just_fit_are_moved(direction):
    bench = DmaBench(words=4)
    memories = [bench.memory.copy(), bench.scratchpad.copy()]
    blocks = [GOOD | {"direction": direction} | fields for fields in ACCEPTED]
    for descriptor in blocks:
        move(descriptor, *memories)
    bench.run([blocks])
    assert [error for _, _, error in bench.ends] == [DmaError.NONE] * len(blocks)
    assert np.array_equal(bench.memory, memories[0])
    assert np.array_equal(bench.scratchpad, memories[1])


@pytest.mark.parametrize("direction", Direction)
def test_bad_blocks_are_refused_before_anything_moves(direction):
    bench = DmaBench(words=4, channel_count=2)
    memories = [bench.memory.copy(), bench.scratchpad.copy()]
    blocks = [GOOD | {"direction": direction} | fields for _, fields in REFUSED]
    half = len(blocks) // 2
    bench.run([blocks[:half], blocks[half:]])
    errors = [[error for _, i, error in bench.ends if i == channel] for channel in range(2)]
    assert errors[0] + errors[1] == [error for error, _ in REFUSED]
    assert not bench.accesses
    assert np.array_equal(bench.memory, memories[0])
    assert np.array_equal(bench.scratchpad, memories[1])


def test_a_bad_block_ends_after_those_before_it_and_the_next_one_runs():
    bench = DmaBench(words=4, ready_ratio=0.5)
    load = block(Direction.LOAD, memory=0, scratchpad=64, row_bytes=400)
    store = block(Direction.STORE, memory=1000, scratchpad=64, row_bytes=400)
    bad = load | {"row_bytes": 2}
    expected = bench.memory.copy()
    expected[1000:1400] = expected[:400]
    moved = []
    bench.on_end = lambda *_: moved.append(np.array_equal(bench.memory, expected))
    bench.run([[load, bad, store, bad, bad]])
    none, alignment = DmaError.NONE, DmaError.ALIGNMENT
    ends = [error for _, _, error in bench.ends]
    assert ends == [none, alignment, none, alignment, alignment]
    assert moved == [False, False, True, True, True]
