"""Several streamers behind one wide port."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .arbiter import RoundRobin
from .onehot import onehot_mux
from .wide_port import WideRequest

__all__ = ["WideArbiter"]


class WideArbiter(wiring.Component):
    """Passes on one request at a time, round robin, and its answer back.

    Throughput: that of the port behind it. Latency: none. A request that was passed on stays until
    it is taken or withdrawn; another waits for each of the others at most once. Back-pressure:
    ``ready``. Reset: no request, no answer outstanding, requester 0 is first.

    Parameters
    ----------
    count : int
        Requesters, at least 1.
    words, addr_width : int
        As in WideRequest.

    Members
    -------
    ports : In(WideRequest(words=words, addr_width=addr_width)) * count
    request : Out(WideRequest(words=words, addr_width=addr_width))
    """

    def __init__(self, *, count, words, addr_width):
        self._count = count
        signature = WideRequest(words=words, addr_width=addr_width)
        super().__init__({"ports": In(signature).array(count), "request": Out(signature)})

    def elaborate(self, platform):
        m = Module()
        request = self.request
        ports = [self.ports[i] for i in range(self._count)]
        m.submodules.arbiter = arbiter = RoundRobin(count=self._count)
        grant = arbiter.grant
        held = Signal(self._count)
        answering = Signal(self._count)
        taken = Signal()
        valid = Cat(port.valid for port in ports)
        m.d.comb += [
            arbiter.requests.eq(Mux(held.any(), held, valid)),
            arbiter.take.eq(taken),
            taken.eq(request.valid & request.ready),
            request.valid.eq((grant & valid).any()),
        ]
        for member in ("write", "addr", "count", "data", "mask"):
            values = [getattr(port, member) for port in ports]
            m.d.comb += getattr(request, member).eq(onehot_mux(grant, values))
        m.d.sync += [
            held.eq(Mux(request.valid & ~request.ready, grant, 0)),
            answering.eq(Mux(taken, grant, 0)),
        ]
        for i, port in enumerate(ports):
            m.d.comb += [
                port.ready.eq(taken & grant[i]),
                port.rsp_valid.eq(request.rsp_valid & answering[i]),
                port.rdata.eq(request.rdata),
                port.error.eq(request.error),
            ]
        return m
