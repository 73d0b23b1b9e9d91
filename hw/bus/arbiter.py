"""Round-robin choice among requesters."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundRobin"]


class RoundRobin(wiring.Component):
    """Grant one of several requests, in turn.

    ``grant`` is one-hot and combinational: the first request above the last one taken, or else the
    lowest. With ``take`` high the grant counts as served and goes to the end of the queue, so a
    standing request waits for each other requester at most once. Reset: requester 0 is first.

    Parameters
    ----------
    count : int
        Requesters, at least 1.

    Members
    -------
    requests : In(count)
    grant : Out(count)
        Zero when there is no request.
    free : Out(count)
        Those whose request gets the grant if there is one: nobody comes before them. Known without
        their own request, so earlier than the grant.
    take : In(1)
    """

    def __init__(self, *, count):
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"Round-robin count must be a positive integer, not {count!r}")
        self._count = count
        super().__init__(
            {"requests": In(count), "grant": Out(count), "free": Out(count), "take": In(1)}
        )

    def elaborate(self, platform):
        m = Module()
        # Ones above the requester that was served last.
        above = Signal(self._count)
        waiting = Signal(self._count)
        m.d.comb += [waiting.eq(self.requests & above), self.grant.eq(self.requests & self.free)]
        for i in range(self._count):
            lower = waiting.any() | self.requests[:i].any()
            m.d.comb += self.free[i].eq(~Mux(above[i], waiting[:i].any(), lower))
        with m.If(self.take & self.grant.any()):
            m.d.sync += above.eq(~(self.grant | (self.grant - 1)))
        return m
