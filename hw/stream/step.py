"""What passes between the parts of a streamer."""

import enum

from amaranth.lib import data
from amaranth.utils import bits_for

from .job import JobError

__all__ = ["Beat", "ReadRequest", "Step", "StepKind", "Ticket", "WriteRequest"]


class StepKind(enum.IntEnum):
    READ = 0
    """Bytes of the input from memory."""
    FILL = 1
    """Bytes of the input that are zero_point."""
    CONFIG = 2
    """A register of the tile."""
    RESTART = 3
    """Drop the bytes of an unfinished MVM; a new zero_point."""


class Step(data.StructLayout):
    """``length`` bytes of an MVM's input; ``last`` ends it.

    READ: from byte address ``value`` on. CONFIG: ``value`` goes to register ``length``. RESTART:
    ``value`` is the zero point.
    """

    def __init__(self, *, config):
        super().__init__(
            {"kind": StepKind, "last": 1, "length": bits_for(config.rows), "value": 32}
        )


class Beat(data.StructLayout):
    """``count`` bytes of an MVM's input that go to the tile in one cycle; ``last`` ends it.

    READ: the bytes from ``shift`` on of the next answer of the memory. The others as in Step, with
    ``count`` for ``length``.
    """

    def __init__(self, *, words):
        super().__init__(
            {"kind": StepKind, "last": 1, "shift": 2, "count": bits_for(4 * words), "value": 32}
        )


class Ticket(data.StructLayout):
    """Where the next result goes, a word address; or, with ``end``, how a job ended."""

    def __init__(self, *, addr_width):
        super().__init__({"end": 1, "addr": addr_width, "error": JobError, "tag": 16})


class ReadRequest(data.StructLayout):
    """``count`` words from word address ``addr`` on."""

    def __init__(self, *, words, addr_width):
        super().__init__({"addr": addr_width, "count": bits_for(words)})


class WriteRequest(data.StructLayout):
    """``count`` words to word address ``addr`` on, the first in the low bits of ``data``."""

    def __init__(self, *, words, addr_width):
        super().__init__({"addr": addr_width, "count": bits_for(words), "data": 32 * words})
