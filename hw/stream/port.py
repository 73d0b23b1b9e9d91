"""One port to memory for reads and writes."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from ..bus.wide_port import WideRequest
from .buffer import StreamBuffer
from .step import ReadRequest, WriteRequest

__all__ = ["SharedPort"]

_ANSWERS = 4
"""Reads on their way: a cycle to the answer, one in the buffer, one until its place counts as free,
and one to spare."""


class SharedPort(wiring.Component):
    """Writes and reads through one port, writes first, and the answers to the reads.

    Throughput: one request per cycle, back to back, while no more than two answers in a row are
    left waiting. Latency: none to the memory; an answer is there in the cycle after the memory's.
    Back-pressure: a read waits until there is room for its answer, so answers may wait for ever. A
    request that the memory did not take stays. Reset: no request, no answer.

    Parameters
    ----------
    words : int
    addr_width : int
        As in WideRequest.

    Members
    -------
    reads : In(stream.Signature(ReadRequest(words=words, addr_width=addr_width)))
    writes : In(stream.Signature(WriteRequest(words=words, addr_width=addr_width)))
    answers : Out(stream.Signature(32 * words))
        To the reads, in order.
    memory : Out(WideRequest(words=words, addr_width=addr_width))
    """

    def __init__(self, *, words, addr_width):
        self._words = words
        super().__init__(
            {
                "reads": In(stream.Signature(ReadRequest(words=words, addr_width=addr_width))),
                "writes": In(stream.Signature(WriteRequest(words=words, addr_width=addr_width))),
                "answers": Out(stream.Signature(32 * words)),
                "memory": Out(WideRequest(words=words, addr_width=addr_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        memory, reads, writes = self.memory, self.reads, self.writes
        m.submodules.buffer = buffer = StreamBuffer(shape=32 * self._words, depth=_ANSWERS)

        free = Signal(range(_ANSWERS + 1), init=_ANSWERS)  # places in the buffer
        may_read = Signal()
        stays = Signal()  # a read was offered and not taken
        m.d.comb += [
            may_read.eq(reads.valid & (free != 0)),
            memory.write.eq(writes.valid & ~stays),
            memory.valid.eq(may_read | writes.valid),
            memory.addr.eq(Mux(memory.write, writes.payload.addr, reads.payload.addr)),
            memory.count.eq(Mux(memory.write, writes.payload.count, reads.payload.count)),
            memory.data.eq(writes.payload.data),
            memory.mask.eq(-1),
            writes.ready.eq(memory.ready & memory.write),
            reads.ready.eq(memory.ready & ~memory.write & (free != 0)),
        ]
        read_taken = Signal()
        read_answers = Signal()
        m.d.comb += read_taken.eq(memory.valid & memory.ready & ~memory.write)
        m.d.sync += [
            stays.eq(memory.valid & ~memory.ready & ~memory.write),
            read_answers.eq(read_taken),
        ]
        m.d.comb += [
            buffer.i.payload.eq(memory.rdata),
            buffer.i.valid.eq(memory.rsp_valid & read_answers),
        ]
        connect(m, buffer.o, wiring.flipped(self.answers))
        answer_taken = self.answers.valid & self.answers.ready
        with m.If(read_taken & ~answer_taken):
            m.d.sync += free.eq(free - 1)
        with m.Elif(answer_taken & ~read_taken):
            m.d.sync += free.eq(free + 1)
        return m
