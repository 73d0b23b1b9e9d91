"""The ports of main memory."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LINE_BYTES", "LINE_WORDS", "BeatWritePort", "MemoryPort"]

LINE_BYTES = 32
"""A cache line of VexRiscv."""
LINE_WORDS = LINE_BYTES // 4


class MemoryPort(wiring.Signature):
    """The initiator's view of a main memory port.

    A request is taken in the cycle with ``valid & ready``; until then it may change. A write, of
    bytes of one beat, needs no answer. A read of a word answers with the beat that holds it, a read
    of a line with LINE_BYTES / width_bytes beats in consecutive cycles, lowest address first;
    ``rsp_valid`` comes no earlier than the cycle after the request and can't be delayed by the
    initiator. Any number of reads may be outstanding; their answers come in the order of the
    requests.

    Parameters
    ----------
    width_bytes : int
        Width of the memory array.

    Members
    -------
    addr : word address from the start of memory; of the first word for a line
    line : read a whole line instead of a word
    data, mask : beat to write, lowest address in the low bits, and its byte lanes
    """

    def __init__(self, *, width_bytes):
        self._width_bytes = width_bytes
        super().__init__(
            {
                "valid": Out(1),
                "ready": In(1),
                "addr": Out(27),
                "we": Out(1),
                "line": Out(1),
                "data": Out(8 * width_bytes),
                "mask": Out(width_bytes),
                "rsp_valid": In(1),
                "rsp_data": In(8 * width_bytes),
            }
        )

    @property
    def width_bytes(self):
        return self._width_bytes

    @property
    def line_beats(self):
        """Beats that a line occupies the memory for."""
        return LINE_BYTES // self._width_bytes

    def __eq__(self, other):
        return isinstance(other, MemoryPort) and self.width_bytes == other.width_bytes

    def __repr__(self):
        return f"MemoryPort(width_bytes={self.width_bytes})"


class BeatWritePort(wiring.Signature):
    """The initiator's view of a port that writes up to a whole beat of main memory at a time.

    A request is taken in the cycle with ``valid & ready`` and needs no answer. ``valid`` must not
    depend on ``ready``.

    Parameters
    ----------
    width_bytes : int
        Width of the memory array.

    Members
    -------
    addr : word address from the start of memory, of any word of the beat
    data, mask : the beat, lowest address in the low bits, and its byte lanes
    """

    def __init__(self, *, width_bytes):
        self._width_bytes = width_bytes
        super().__init__(
            {
                "valid": Out(1),
                "ready": In(1),
                "addr": Out(27),
                "data": Out(8 * width_bytes),
                "mask": Out(width_bytes),
            }
        )

    @property
    def width_bytes(self):
        return self._width_bytes

    def __eq__(self, other):
        return isinstance(other, BeatWritePort) and self.width_bytes == other.width_bytes

    def __repr__(self):
        return f"BeatWritePort(width_bytes={self.width_bytes})"
