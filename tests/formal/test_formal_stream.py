from amaranth.hdl import Assert, Assume, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from proof import Verdict, prove
from tightrope.hw.config import TileConfig
from tightrope.hw.stream.fetch import StepFetcher
from tightrope.hw.stream.job import StreamJob
from tightrope.hw.stream.merge import StepMerger
from tightrope.hw.stream.step import Step, StepKind
from tightrope.hw.stream.walk import PatchWalker

CONFIG = TileConfig(rows=16, cols=16, adc_bits=8)
SIZE_BYTES = 0x3000
ADDR_WIDTH = 14
STEP = Step(config=CONFIG)


def inside(step, size_bytes):
    """The step reads nothing, or from memory."""
    end = step.value + step.length
    return (step.kind != StepKind.READ) | ((end <= size_bytes) & (step.length != 0))


class WalkMonitor(wiring.Component):
    """Any job at all: what is read, and what a result will cover, lies in memory."""

    def __init__(self, *, claimed_bytes=SIZE_BYTES):
        self._claimed_bytes = claimed_bytes
        super().__init__(
            {
                "given": In(StreamJob),
                "given_valid": In(1),
                "steps_ready": In(1),
                "tickets_ready": In(1),
                "job": In(StreamJob),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = PatchWalker(
            config=CONFIG, size_bytes=SIZE_BYTES, addr_width=ADDR_WIDTH
        )
        ticket = dut.tickets.payload
        result_end = (ticket.addr << 2) + self.job.cols * CONFIG.output_bytes
        m.d.comb += [
            dut.job.payload.eq(self.given),
            dut.job.valid.eq(self.given_valid),
            dut.steps.ready.eq(self.steps_ready),
            dut.tickets.ready.eq(self.tickets_ready),
        ]
        with m.If(dut.steps.valid & (dut.steps.payload.kind == StepKind.READ)):
            end = dut.steps.payload.value + dut.steps.payload.length
            m.d.comb += Assert(end <= self._claimed_bytes)
        with m.If(dut.tickets.valid & ~ticket.end):
            m.d.comb += Assert(result_end <= SIZE_BYTES)
        return m


class MergeMonitor(wiring.Component):
    """Reads in memory, of at most an array's rows per MVM, stay in memory when they are joined."""

    def __init__(self, *, limited=True):
        self._limited = limited
        super().__init__(
            {
                "given": In(STEP),
                "given_valid": In(1),
                "ready": In(1),
                "held": In(STEP),
                "held_valid": In(1),
                "held_end": In(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = StepMerger(config=CONFIG)
        step = self.given
        mvm_bytes = Signal(range(CONFIG.rows + 1))  # before this step
        total = mvm_bytes + step.length
        m.d.comb += [
            Assume(inside(step, SIZE_BYTES)),
            dut.i.payload.eq(step),
            dut.i.valid.eq(self.given_valid),
            dut.o.ready.eq(self.ready),
        ]
        counted = (step.kind == StepKind.READ) | (step.kind == StepKind.FILL)
        with m.If(counted & self._limited):
            m.d.comb += Assume(total <= CONFIG.rows)
        with m.If(dut.i.valid & dut.i.ready):
            with m.If(step.last | ~counted):
                m.d.sync += mvm_bytes.eq(0)
            with m.Else():
                m.d.sync += mvm_bytes.eq(total)
        with m.If(dut.o.valid):
            m.d.comb += Assert(inside(dut.o.payload, SIZE_BYTES))
        with m.If(self.held_valid & (self.held.kind == StepKind.READ)):
            m.d.comb += [
                Assert(inside(self.held, SIZE_BYTES)),
                Assert(self.held_end == self.held.value + self.held.length),
                Assert(self.held.last | (self.held.length <= mvm_bytes)),
            ]
        return m


class FetchMonitor(wiring.Component):
    """Requests for reads in memory lie in memory, and have one to ``words`` words."""

    def __init__(self, *, words, claimed_bytes=SIZE_BYTES):
        self._words = words
        self._claimed_bytes = claimed_bytes
        super().__init__(
            {
                "given": In(STEP),
                "given_valid": In(1),
                "beats_ready": In(1),
                "reads_ready": In(1),
                "step": In(STEP),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = StepFetcher(
            config=CONFIG, words=self._words, addr_width=ADDR_WIDTH
        )
        read = dut.reads.payload
        m.d.comb += [
            Assume(inside(self.given, SIZE_BYTES)),
            dut.steps.payload.eq(self.given),
            dut.steps.valid.eq(self.given_valid),
            dut.beats.ready.eq(self.beats_ready),
            dut.reads.ready.eq(self.reads_ready),
        ]
        with m.If(dut.reads.valid):
            m.d.comb += [
                Assert((read.addr + read.count) << 2 <= self._claimed_bytes),
                Assert((read.count >= 1) & (read.count <= self._words)),
            ]
        with m.If(dut.busy):
            m.d.comb += Assert(inside(self.step, SIZE_BYTES))
        return m


def test_no_job_makes_a_streamer_leave_the_memory():
    assert prove(WalkMonitor(), probes=["job"]) is Verdict.PROVEN


def test_a_job_may_use_the_last_byte():
    monitor = WalkMonitor(claimed_bytes=SIZE_BYTES - 1)
    assert prove(monitor, probes=["job"], steps=9) is Verdict.REFUTED


def test_joined_reads_stay_in_memory():
    probes = ["held", "held_valid", "held_end"]
    assert prove(MergeMonitor(), probes=probes) is Verdict.PROVEN


def test_reads_of_more_than_an_array_could_not_be_joined():
    probes = ["held", "held_valid", "held_end"]
    assert prove(MergeMonitor(limited=False), probes=probes) is Verdict.REFUTED


def test_requests_stay_in_memory():
    for words in (1, 4):
        assert prove(FetchMonitor(words=words), probes=["step"]) is Verdict.PROVEN


def test_requests_reach_the_last_word():
    monitor = FetchMonitor(words=4, claimed_bytes=SIZE_BYTES - 1)
    assert prove(monitor, probes=["step"]) is Verdict.REFUTED
