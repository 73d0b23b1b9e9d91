"""The descriptor of a block in hardware."""

from amaranth.lib import data

from .descriptor import BLOCK_FIELDS, BLOCK_WORDS, Direction, DmaError

__all__ = ["BLOCK_WORDS", "Direction", "DmaBlock", "DmaError"]

DmaBlock = data.StructLayout(
    BLOCK_FIELDS | {"direction": Direction, "reserved": BLOCK_FIELDS["direction"] - 1}
)
"""As BLOCK_FIELDS describes it; ``direction`` is the lowest bit of its field."""
