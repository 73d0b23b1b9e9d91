"""Brings results to memory and says when a job has ended."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .job import JobError
from .step import Ticket, WriteRequest

__all__ = ["ResultDrain"]


class ResultDrain(wiring.Component):
    """Writes each result of a tile to the place of its ticket.

    Throughput: one beat per cycle, also from one result to the next; an end of a job takes one
    cycle. Latency: none; ``done`` comes after the job's last write was taken, at the earliest in
    the next cycle. Back-pressure: results wait for ``writes`` and for their ticket. Reset: none.

    Parameters
    ----------
    words : int
        Of a beat.
    addr_width : int
        Of word addresses.

    Members
    -------
    tickets : In(stream.Signature(Ticket(addr_width=addr_width)))
    dequeue, dequeue_words, dequeue_last
        From the ports of the tile's names.
    writes : Out(stream.Signature(WriteRequest(words=words, addr_width=addr_width)))
    taken_words : Out(range(words + 1))
        Words written in this cycle.
    done, done_tag, done_error : Out(1), Out(16), Out(JobError)
        A job has ended; the other two are valid in that cycle only.
    draining : Out(1)
        A result goes to memory: from its first write to its last. For waveforms.
    """

    def __init__(self, *, words, addr_width):
        super().__init__(
            {
                "tickets": In(stream.Signature(Ticket(addr_width=addr_width))),
                "dequeue": In(stream.Signature(32 * words)),
                "dequeue_words": In(range(words + 1)),
                "dequeue_last": In(1),
                "writes": Out(stream.Signature(WriteRequest(words=words, addr_width=addr_width))),
                "taken_words": Out(range(words + 1)),
                "done": Out(1),
                "done_tag": Out(16),
                "done_error": Out(JobError),
                "draining": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        ticket = self.tickets.payload
        request = self.writes.payload
        begun = Signal()  # part of the result is written, up to `following`
        following = Signal.like(request.addr)
        taken = self.writes.valid & self.writes.ready
        m.d.comb += [
            self.writes.valid.eq(self.tickets.valid & ~ticket.end & (self.dequeue_words != 0)),
            request.addr.eq(Mux(begun, following, ticket.addr)),
            request.count.eq(self.dequeue_words),
            request.data.eq(self.dequeue.payload),
            self.taken_words.eq(Mux(taken, self.dequeue_words, 0)),
            self.draining.eq(begun | taken),
            self.dequeue.ready.eq(taken),
            self.done.eq(self.tickets.valid & ticket.end),
            self.done_tag.eq(ticket.tag),
            self.done_error.eq(ticket.error),
            self.tickets.ready.eq(self.done | (taken & self.dequeue_last)),
        ]
        with m.If(taken):
            m.d.sync += [begun.eq(~self.dequeue_last), following.eq(request.addr + request.count)]
        return m
