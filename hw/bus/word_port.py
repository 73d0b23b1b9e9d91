"""The two sides of a banked memory: requests for words, and a bank."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BankPort", "WordPort"]


class WordPort(wiring.Signature):
    """The initiator's view of a port that moves one word per cycle.

    The access happens in each cycle with ``valid & ready``; ``ready`` answers in the same cycle, so
    ``valid`` must not depend on it. ``rdata``, after a read, and ``error`` are valid in the
    following cycle only. A request may be changed or withdrawn before it is granted.

    Parameters
    ----------
    addr_width : int

    Members
    -------
    addr : word address
    data, mask : word to write and its byte lanes
    error : the access of the cycle before was beyond the memory: nothing was written, 0 was read
    """

    def __init__(self, *, addr_width):
        self._addr_width = addr_width
        super().__init__(
            {
                "valid": Out(1),
                "ready": In(1),
                "write": Out(1),
                "addr": Out(addr_width),
                "data": Out(32),
                "mask": Out(4),
                "rdata": In(32),
                "error": In(1),
            }
        )

    @property
    def addr_width(self):
        return self._addr_width

    def __eq__(self, other):
        return isinstance(other, WordPort) and self.addr_width == other.addr_width

    def __repr__(self):
        return f"WordPort(addr_width={self.addr_width})"


class BankPort(wiring.Signature):
    """The initiator's view of a single-ported memory bank of words.

    An access happens in each cycle with ``en``. ``rdata`` answers a read in the next cycle and
    stays until the next read.

    Parameters
    ----------
    words : int
        Depth, a power of two, at least 2.

    Members
    -------
    addr : word address in the bank
    data, mask : word to write and its byte lanes
    """

    def __init__(self, *, words):
        self._words = words
        super().__init__(
            {
                "en": Out(1),
                "write": Out(1),
                "addr": Out(range(words)),
                "data": Out(32),
                "mask": Out(4),
                "rdata": In(32),
            }
        )

    @property
    def words(self):
        return self._words

    def __eq__(self, other):
        return isinstance(other, BankPort) and self.words == other.words

    def __repr__(self):
        return f"BankPort(words={self.words})"
