"""The registers through which a hart gives an engine its jobs: a descriptor to fill and push."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..regs import JobStatus

__all__ = ["DescriptorRegisters"]


class DescriptorRegisters(wiring.Component):
    """The registers ``name``, ``name``_PUSH, ``name``_STATUS and ``name``_ERROR of a table.

    A pushed job is taken as it is in that cycle. Latency of accesses: none. Reset: descriptor 0, no
    job ended, no error.

    Parameters
    ----------
    table : sequence of Reg
    name : str
    job : StructLayout
        The descriptor.
    error : enum
        How a job ends; 0 is well.

    Members
    -------
    write, addr, dat_w : In(1), In(10), In(32)
        A write to a word address, that may be anything; others are ignored.
    dat_r : Out(32)
        What ``addr`` reads as.
    allowed : In(1)
        A job may be given.
    refused : Out(1)
        A push in this cycle is ignored: not ``allowed``, or ``job`` is not ready.
    job : Out(stream.Signature(job))
    busy, done, done_tag, done_error : In(1), In(1), In(16), In(error)
        There is a job; one has ended in this cycle, its tag and how.
    """

    def __init__(self, *, table, name, job, error):
        regs = {reg.name: reg for reg in table}
        self._words = regs[name].count
        self._addr = {
            part: regs[f"{name}{part}"].offset_bytes // 4
            for part in ("", "_PUSH", "_STATUS", "_ERROR")
        }
        super().__init__(
            {
                "write": In(1),
                "addr": In(10),
                "dat_w": In(32),
                "dat_r": Out(32),
                "allowed": In(1),
                "refused": Out(1),
                "job": Out(stream.Signature(job)),
                "busy": In(1),
                "done": In(1),
                "done_tag": In(16),
                "done_error": In(error),
            }
        )

    @property
    def word_addrs(self):
        """All word addresses of these registers."""
        first = self._addr[""]
        others = [addr for part, addr in self._addr.items() if part]
        return [*range(first, first + self._words), *others]

    def elaborate(self, platform):
        m = Module()
        words = Array(Signal(32, name=f"word_{i}") for i in range(self._words))
        ended = Signal(16)
        error = Signal.like(self.done_error)
        tag = Signal(16)
        push = Signal()
        m.d.comb += [
            self.job.payload.eq(Cat(words)),
            push.eq(self.write & (self.addr == self._addr["_PUSH"])),
            self.job.valid.eq(push & self.allowed),
            self.refused.eq(push & ~(self.allowed & self.job.ready)),
        ]
        with m.If(self.write):
            for i, word in enumerate(words):
                with m.If(self.addr == self._addr[""] + i):
                    m.d.sync += word.eq(self.dat_w)
        with m.If(self.write & (self.addr == self._addr["_ERROR"])):
            m.d.sync += [error.eq(0), tag.eq(0)]
        with m.If(self.done):
            m.d.sync += ended.eq(ended + 1)
            with m.If(self.done_error != 0):
                m.d.sync += [error.eq(self.done_error), tag.eq(self.done_tag)]
        status = {
            JobStatus.ROOM: self.job.ready & self.allowed,
            JobStatus.BUSY: self.busy,
            JobStatus.FAILED: error != 0,
        }
        with m.Switch(self.addr):
            with m.Case(self._addr["_STATUS"]):
                m.d.comb += self.dat_r[16:].eq(ended)
                for bit, value in status.items():
                    m.d.comb += self.dat_r[bit.bit_length() - 1].eq(value)
            with m.Case(self._addr["_ERROR"]):
                m.d.comb += [self.dat_r[:8].eq(error), self.dat_r[16:].eq(tag)]
        return m
