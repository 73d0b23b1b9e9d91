"""The registers through which a hart gives a streaming tile its jobs."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..regs import LOOSE_STREAM_REGS, JobStatus
from ..stream.job import JOB_WORDS, JobError, StreamJob

__all__ = ["JOB_REGISTERS", "JobRegisters"]

_REGS = {reg.name: reg for reg in LOOSE_STREAM_REGS}
_WORD = {name: reg.offset_bytes // 4 for name, reg in _REGS.items()}
JOB_REGISTERS = tuple(_WORD[name] + i for name, reg in _REGS.items() for i in range(reg.count))
"""Their word addresses in the tile's page."""


class JobRegisters(wiring.Component):
    """LOOSE_STREAM_REGS: a descriptor that is filled and pushed, and how jobs ended.

    A pushed job is taken as it is in that cycle. Latency of accesses: none. Reset: JOB 0, no job
    ended, no error.

    Members
    -------
    write, addr, dat_w : In(1), In(10), In(32)
        A write by the tile's owner, to a word address in its page; others are ignored.
    dat_r : Out(32)
        What ``addr`` reads as.
    allowed : In(1)
        The tile may be given a job.
    refused : Out(1)
        A push in this cycle is ignored: not ``allowed``, or two jobs are there.
    job : Out(stream.Signature(StreamJob))
    streaming, done, done_tag, done_error : In
        As of StreamTile.
    """

    write: In(1)
    addr: In(10)
    dat_w: In(32)
    dat_r: Out(32)
    allowed: In(1)
    refused: Out(1)
    job: Out(stream.Signature(StreamJob))
    streaming: In(1)
    done: In(1)
    done_tag: In(16)
    done_error: In(JobError)

    def elaborate(self, platform):
        m = Module()
        words = Array(Signal(32, name=f"word_{i}") for i in range(JOB_WORDS))
        ended = Signal(16)
        error = Signal(JobError)
        tag = Signal(16)
        push = Signal()
        m.d.comb += [
            self.job.payload.eq(Cat(words)),
            push.eq(self.write & (self.addr == _WORD["JOB_PUSH"])),
            self.job.valid.eq(push & self.allowed),
            self.refused.eq(push & ~(self.allowed & self.job.ready)),
        ]
        with m.If(self.write):
            for i, word in enumerate(words):
                with m.If(self.addr == _WORD["JOB"] + i):
                    m.d.sync += word.eq(self.dat_w)
        with m.If(self.write & (self.addr == _WORD["JOB_ERROR"])):
            m.d.sync += [error.eq(JobError.NONE), tag.eq(0)]
        with m.If(self.done):
            m.d.sync += ended.eq(ended + 1)
            with m.If(self.done_error != JobError.NONE):
                m.d.sync += [error.eq(self.done_error), tag.eq(self.done_tag)]
        status = {
            JobStatus.ROOM: self.job.ready & self.allowed,
            JobStatus.BUSY: self.streaming,
            JobStatus.FAILED: error != JobError.NONE,
        }
        with m.Switch(self.addr):
            with m.Case(_WORD["JOB_STATUS"]):
                m.d.comb += self.dat_r[16:].eq(ended)
                for bit, value in status.items():
                    m.d.comb += self.dat_r[bit.bit_length() - 1].eq(value)
            with m.Case(_WORD["JOB_ERROR"]):
                m.d.comb += [self.dat_r[:8].eq(error), self.dat_r[16:].eq(tag)]
        return m
