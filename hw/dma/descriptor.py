"""What a block to be moved is: its descriptor, and how it ends. For software too: no Amaranth."""

import enum

__all__ = ["BLOCK_FIELDS", "BLOCK_WORDS", "Direction", "DmaError"]


class Direction(enum.IntEnum):
    LOAD = 0
    """From main memory to the scratchpad."""
    STORE = 1
    """From the scratchpad to main memory."""


BLOCK_FIELDS = {
    # Words 0 to 4: bytes.
    "memory": 32,
    "scratchpad": 32,
    "memory_pitch": 32,
    "scratchpad_pitch": 32,
    "row_bytes": 32,
    # Word 5.
    "rows": 16,
    "direction": 16,
}
"""Names and bits, the first in the low bits of word 0.

A block is ``rows`` rows of ``row_bytes`` bytes each, in order, the bytes of a row in order.

    memory, scratchpad    of the first byte, from the start of main memory and of the scratchpad
    ..._pitch             from the beginning of a row to the beginning of the next one, not
                          negative; means nothing if there is one row
    row_bytes, rows       at least 1
    direction             which of the two is written

All but ``rows`` and ``direction`` are multiples of 4. A pitch may be less than ``row_bytes``, also
0: then rows are read or written one over the other. Words 0 to 5 of a descriptor are these fields,
the first in the low bits.
"""

BLOCK_WORDS = sum(BLOCK_FIELDS.values()) // 32


class DmaError(enum.IntEnum):
    """How a block ended. If several apply, the lowest one. With any of them nothing was moved."""

    NONE = 0
    """All of it has been moved."""
    EMPTY = 1
    """``row_bytes`` or ``rows`` is 0."""
    ALIGNMENT = 2
    """An address, a pitch or ``row_bytes`` is not a multiple of 4."""
    MEMORY = 3
    """A byte of the block lies outside of main memory."""
    SCRATCHPAD = 4
    """A byte of the block lies outside of the scratchpad."""
