"""What passes between the parts of a DMA engine: pieces of rows."""

from amaranth.hdl import Mux, Value
from amaranth.lib import data
from amaranth.utils import bits_for

from ..mem.port import LINE_WORDS

__all__ = ["PIECE_WORDS", "Piece", "least"]

PIECE_WORDS = 4 * LINE_WORDS
"""The grain of the turns that channels take: no piece crosses a multiple of it in main memory."""


class Piece(data.StructLayout):
    """``words`` words of a row, from word addresses on; ``last`` ends its block.

    ``channel`` is one-hot.
    """

    def __init__(self, *, addr_width, channel_count):
        super().__init__(
            {
                "memory": 27,
                "scratchpad": addr_width,
                "words": bits_for(PIECE_WORDS),
                "last": 1,
                "channel": channel_count,
            }
        )


def least(first, *others):
    """The smallest of several values."""
    result = Value.cast(first)
    for other in others:
        result = Mux(result < other, result, other)
    return result
