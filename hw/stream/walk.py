"""Walks through jobs: which bytes each MVM needs, and where its result goes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig, check_kind
from ..isa import TileConfigReg
from .check import JobCheck
from .job import JOB_POST, JobError, StreamJob
from .loops import PatchLoops
from .step import Step, StepKind, Ticket

__all__ = ["PatchWalker"]


class PatchWalker(wiring.Component):
    """Turns jobs into steps: the bytes that one kernel position contributes to one MVM.

    Throughput: one step per cycle, also from one MVM to the next. Latency: the first byte is asked
    for six cycles after its job was taken; the next job is taken two cycles after the last step.
    Back-pressure: ``steps`` and ``tickets`` wait for each other at the end of an MVM. Reset: no
    job.

    A job with an error ends before the MVM that has it. A result's place is checked before the
    first byte of its MVM is asked for, a byte before it is asked for.

    Parameters
    ----------
    config : TileConfig
        Geometry and widths.
    size_bytes : int
        Of the memory, a multiple of 4.
    addr_width : int
        Of its word addresses.

    Members
    -------
    job : In(stream.Signature(StreamJob))
    steps : Out(stream.Signature(Step(config=config)))
        For each job RESTART, three times CONFIG, its MVMs, and RESTART if an MVM has an error.
    tickets : Out(stream.Signature(Ticket(addr_width=addr_width)))
        One with the last step of each MVM, and one for the end of the job.
    busy : Out(1)
        There is a job.
    """

    def __init__(self, *, config, size_bytes, addr_width):
        check_kind("config", config, TileConfig)
        self._config = config
        self._size_bytes = size_bytes
        super().__init__(
            {
                "job": In(stream.Signature(StreamJob)),
                "steps": Out(stream.Signature(Step(config=config))),
                "tickets": Out(stream.Signature(Ticket(addr_width=addr_width))),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = JobCheck(config=self._config)
        m.submodules.loops = loops = PatchLoops(config=self._config)
        job = Signal(StreamJob)
        error = Signal(JobError)
        step, ticket = self.steps.payload, self.tickets.payload
        index = Signal(2)
        bad = self._check_step(m, job, loops)
        m.d.comb += [
            check.job.eq(job),
            loops.job.eq(job),
            step.last.eq(loops.last),
            step.length.eq(loops.length),
            step.value.eq(loops.addr),
            ticket.addr.eq(loops.result >> 2),
            ticket.error.eq(error),
            ticket.tag.eq(job.tag),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("WAIT"))
            with m.State("WAIT"):
                m.d.comb += self.job.ready.eq(1)
                with m.If(self.job.valid):
                    m.d.sync += job.eq(self.job.payload)
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += loops.begin.eq(1)
                m.d.sync += [error.eq(check.error), index.eq(0)]
                m.next = "RESTART"
                with m.If(check.error != JobError.NONE):
                    m.next = "END"
            with m.State("RESTART"):
                self._offer(m, StepKind.RESTART, job.zero_point)
                with m.If(self.steps.ready):
                    m.next = "CONFIG"
                    with m.If(error != JobError.NONE):
                        m.next = "END"
            with m.State("CONFIG"):
                last_register = self._offer_config(m, job, index)
                with m.If(self.steps.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(last_register):
                        m.next = "WALK"
            with m.State("WALK"):
                with m.If(bad != JobError.NONE):
                    m.d.sync += error.eq(bad)
                    m.next = "RESTART"
                with m.Else():
                    self._offer_bytes(m, loops)
                    with m.If(loops.move & loops.last & loops.final):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += [self.tickets.valid.eq(1), ticket.end.eq(1)]
                with m.If(self.tickets.ready):
                    m.next = "WAIT"
        return m

    def _offer(self, m, kind, value, index=0):
        step = self.steps.payload
        m.d.comb += [
            self.steps.valid.eq(1),
            step.kind.eq(kind),
            step.last.eq(0),
            step.length.eq(index),
            step.value.eq(value),
        ]

    def _offer_config(self, m, job, index):
        registers = (
            (TileConfigReg.ROWS, Cat(job.row, job.rows)),
            (TileConfigReg.COLS, Cat(job.col, job.cols)),
            (TileConfigReg.SHIFT, Cat(job.shift[:5], Const(0, 3), (job.shift & JOB_POST) != 0)),
        )
        with m.Switch(index):
            for number, (register, value) in enumerate(registers):
                with m.Case(number):
                    self._offer(m, StepKind.CONFIG, value, register)
        return index == len(registers) - 1

    def _offer_bytes(self, m, loops):
        """Offer the position's bytes, the last ones of an MVM with its ticket."""
        step = self.steps.payload
        m.d.comb += [
            step.kind.eq(Mux(loops.inside, StepKind.READ, StepKind.FILL)),
            self.steps.valid.eq(~loops.last | self.tickets.ready),
            self.tickets.valid.eq(loops.last & self.steps.ready),
            loops.move.eq(self.steps.valid & self.steps.ready),
        ]

    def _check_step(self, m, job, loops):
        """What is wrong with the MVM or with the position's bytes."""
        bad = Signal(JobError)
        is_post = (job.shift & JOB_POST) != 0
        result_bytes = Mux(is_post, job.cols, job.cols * self._config.output_bytes)
        with m.If(loops.result + result_bytes > self._size_bytes):
            m.d.comb += bad.eq(JobError.DESTINATION)
        with m.Elif(loops.inside & (loops.addr + loops.length > self._size_bytes)):
            m.d.comb += bad.eq(JobError.SOURCE)
        return bad
