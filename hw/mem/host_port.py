"""The port through which a host reaches main memory while the machine is in reset."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["HostMemoryPort"]


class HostMemoryPort(wiring.Signature):
    """The host's view of a port to main memory, in the board's clock domain.

    A request is taken in the cycle with ``valid & ready``; until then it must stay. A write is of
    a whole word and needs no answer; a read answers once, with ``rsp_valid``, no earlier than the
    cycle after it was taken. Requests take effect, and reads answer, in their order. What was
    written is what the machine finds once its reset ends. ``ready`` is 0 while the machine runs.

    Members
    -------
    addr : word address from the start of memory; one beyond its end is undefined
    """

    def __init__(self):
        super().__init__(
            {
                "valid": Out(1),
                "ready": In(1),
                "addr": Out(27),
                "we": Out(1),
                "wdata": Out(32),
                "rsp_valid": In(1),
                "rdata": In(32),
            }
        )

    def __eq__(self, other):
        return isinstance(other, HostMemoryPort)

    def __repr__(self):
        return "HostMemoryPort()"
