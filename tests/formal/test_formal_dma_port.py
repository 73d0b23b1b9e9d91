import pytest
from amaranth.hdl import Assert, Assume, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from proof import Verdict, prove
from tightrope.hw.dma.port import AlternatingPort
from tightrope.hw.stream.step import ReadRequest, WriteRequest

SIZES = {"words": 1, "addr_width": 3}


class WritesFirst(AlternatingPort):
    """A port that lets a read wait for ever."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.memory.write.eq(self.writes.valid)
        return m


class Monitor(wiring.Component):
    """One request at a time, unchanged until it is taken; nobody is passed over twice.

    ``wait_limit`` is the number of requests of the other kind that are claimed never to be taken
    while one waits.
    """

    def __init__(self, *, dut, wait_limit=2):
        self._dut = dut
        self._wait_limit = wait_limit
        super().__init__(
            {
                "reads": In(stream.Signature(ReadRequest(**SIZES))),
                "writes": In(stream.Signature(WriteRequest(**SIZES))),
                "ready": In(1),
                "wrote": In(1),
                "stays": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = self._dut
        wiring.connect(m, wiring.flipped(self.reads), dut.reads)
        wiring.connect(m, wiring.flipped(self.writes), dut.writes)
        memory, reads, writes = dut.memory, dut.reads, dut.writes
        taken = memory.valid & memory.ready
        m.d.comb += [
            memory.ready.eq(self.ready),
            Assert((reads.valid & reads.ready) + (writes.valid & writes.ready) == taken),
            Assert(memory.valid == (reads.valid | writes.valid)),
            Assert(~memory.valid | Mux(memory.write, writes.valid, reads.valid)),
        ]
        asked = [Cat(port.payload.addr, port.payload.count) for port in (reads, writes)]
        shown = Cat(memory.addr, memory.count)
        m.d.comb += Assert(~memory.valid | (shown == Mux(memory.write, asked[1], asked[0])))
        asked[1] = Cat(asked[1], writes.payload.data)
        shown = Cat(shown, Mux(memory.write, memory.data, 0))

        read_before, _ = self._hold(m, reads.valid, reads.ready, asked[0], Assume)
        write_before, _ = self._hold(m, writes.valid, writes.ready, asked[1], Assume)
        shown = Cat(memory.write, shown)
        before, waits = self._hold(m, memory.valid, memory.ready, shown, Assert)
        # Why it holds, for the induction.
        known = Mux(self.wrote, Cat(self.wrote, write_before), Cat(self.wrote, read_before))
        m.d.comb += [Assert(waits == self.stays), Assert(~waits | (before == known))]
        self._count_turns(m, reads, taken, self.wrote ^ self.stays)
        self._count_turns(m, writes, taken, ~self.wrote ^ self.stays)
        return m

    def _hold(self, m, valid, ready, value, check):
        """A request that was not taken is still there; returns it, and that it was not taken."""
        before = Signal(len(value))
        waits = Signal()
        m.d.sync += [before.eq(value), waits.eq(valid & ~ready)]
        m.d.comb += check(~waits | (valid & (value == before)))
        return before, waits

    def _count_turns(self, m, port, taken, is_next):
        passed_over = Signal(2)
        waits = Signal()
        m.d.sync += waits.eq(port.valid & ~port.ready)
        with m.If(~port.valid | port.ready):
            m.d.sync += passed_over.eq(0)
        with m.Elif(taken):
            m.d.sync += passed_over.eq(passed_over + 1)
        m.d.comb += Assert(passed_over < self._wait_limit)
        if self._wait_limit == 2:
            m.d.comb += Assert((passed_over == 0) | (waits & is_next))


@pytest.mark.parametrize(
    "dut, wait_limit, verdict",
    [
        (AlternatingPort, 2, Verdict.PROVEN),
        (AlternatingPort, 1, Verdict.REFUTED),
        (WritesFirst, 2, Verdict.REFUTED),
    ],
)
def test_requests_stay_and_nobody_is_passed_over_twice(dut, wait_limit, verdict):
    monitor = Monitor(dut=dut(**SIZES), wait_limit=wait_limit)
    assert prove(monitor, probes=["wrote", "stays"]) is verdict
