"""The engine's port to the scratchpad, shared by its two directions."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..bus.wide_port import WideRequest
from ..stream.step import ReadRequest, WriteRequest

__all__ = ["AlternatingPort"]


class AlternatingPort(wiring.Component):
    """Reads and writes through one port, in turn if both want it.

    Throughput: one request per cycle. Latency: none. Back-pressure: ``ready`` of the memory; a
    request that was shown to it stays until it is taken, and is then followed by one of the other
    kind if there is one. Requests must stay until they are taken. Reset: a read is first.

    Parameters
    ----------
    words : int
    addr_width : int
        As in WideRequest.

    Members
    -------
    reads : In(stream.Signature(ReadRequest(words=words, addr_width=addr_width)))
        A read's words are on ``memory.rdata`` in the cycle after it was taken.
    writes : In(stream.Signature(WriteRequest(words=words, addr_width=addr_width)))
    memory : Out(WideRequest(words=words, addr_width=addr_width))
        ``rsp_valid`` and ``error`` are not used.
    """

    def __init__(self, *, words, addr_width):
        super().__init__(
            {
                "reads": In(stream.Signature(ReadRequest(words=words, addr_width=addr_width))),
                "writes": In(stream.Signature(WriteRequest(words=words, addr_width=addr_width))),
                "memory": Out(WideRequest(words=words, addr_width=addr_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        memory, reads, writes = self.memory, self.reads, self.writes
        # Of the request that was there in the cycle before: it was a write, and was not taken.
        wrote = Signal(init=1)
        stays = Signal()
        m.d.comb += [
            memory.write.eq(
                Mux(stays, wrote, Mux(reads.valid & writes.valid, ~wrote, writes.valid))
            ),
            memory.valid.eq(reads.valid | writes.valid),
            memory.addr.eq(Mux(memory.write, writes.payload.addr, reads.payload.addr)),
            memory.count.eq(Mux(memory.write, writes.payload.count, reads.payload.count)),
            memory.data.eq(writes.payload.data),
            memory.mask.eq(-1),
            writes.ready.eq(memory.ready & memory.write),
            reads.ready.eq(memory.ready & ~memory.write),
        ]
        m.d.sync += stays.eq(memory.valid & ~memory.ready)
        with m.If(memory.valid):
            m.d.sync += wrote.eq(memory.write)
        return m
