"""Words between the link's buffer and the machine's memory, and checksums of blocks of memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out
from tightrope.hw.mem.host_port import HostMemoryPort

from .checksum import ChecksumPort
from .protocol import BLOCK_WORDS
from .request import COUNT_BITS

__all__ = ["Mover", "Task"]

_INDEX_BITS = (BLOCK_WORDS - 1).bit_length()


class Task(enum.Enum, shape=2):
    """What to move."""

    WRITE = 0
    """Words of the buffer to memory."""
    READ = 1
    """Words of memory to the buffer."""
    CHECKSUMS = 2
    """The CRC-32 of each block of memory to the buffer."""


class Mover(wiring.Component):
    """Moves ``count`` words, or looks at as many blocks, one word after the other.

    Takes two cycles per word written, two and what the memory takes per word read, and four more
    for a checksum.

    Members
    -------
    start : In(1)
        Begin; the fields below stay as they are until ``done``.
    task : In(Task)
    addr : In(27)
        The first word in memory.
    count : In
        Words or blocks, at least 1.
    done : Out(1)
        For one cycle.
    buffer_idx : Out
        The word of the buffer that is read or written.
    buffer_word : In(32)
        That word, in the cycle after.
    stores, stored : Out(1), Out(32)
        Write it.
    memory : Out(HostMemoryPort)
    checksum : Out(ChecksumPort)
    """

    start: In(1)
    task: In(Task)
    addr: In(27)
    count: In(COUNT_BITS)
    done: Out(1)
    buffer_idx: Out(_INDEX_BITS)
    buffer_word: In(32)
    stores: Out(1)
    stored: Out(32)
    memory: Out(HostMemoryPort())
    checksum: Out(ChecksumPort())

    def elaborate(self, platform):
        m = Module()
        memory = self.memory
        idx = Signal(COUNT_BITS)
        place = Signal(range(BLOCK_WORDS))
        """In the block that is looked at."""
        bits = Signal(32)
        byte_idx = Signal(2)
        m.d.comb += [
            self.buffer_idx.eq(idx), memory.wdata.eq(self.buffer_word), self.stored.eq(bits),
        ]  # fmt: skip

        def go_on(state):
            """The next word of the buffer, or the end."""
            m.d.sync += idx.eq(idx + 1)
            m.next = state
            with m.If(idx + 1 == self.count):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [idx.eq(0), place.eq(0), memory.addr.eq(self.addr)]
                with m.If(self.start):
                    m.next = "ASK"
                    with m.If(self.task == Task.WRITE):
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [memory.valid.eq(1), memory.we.eq(1)]
                with m.If(memory.ready):
                    m.d.sync += memory.addr.eq(memory.addr + 1)
                    go_on("FETCH")
            with m.State("ASK"):
                m.d.comb += [
                    memory.valid.eq(1),
                    self.checksum.start.eq((self.task == Task.CHECKSUMS) & (place == 0)),
                ]
                with m.If(memory.ready):
                    m.d.sync += memory.addr.eq(memory.addr + 1)
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.sync += bits.eq(memory.rdata)
                with m.If(memory.rsp_valid):
                    m.next = "STORE"
                    with m.If(self.task == Task.CHECKSUMS):
                        m.next = "BYTES"
            with m.State("BYTES"):
                m.d.comb += [self.checksum.valid.eq(1), self.checksum.data.eq(bits[:8])]
                m.d.sync += [bits.eq(bits[8:]), byte_idx.eq(byte_idx + 1)]
                with m.If(byte_idx == 3):
                    m.d.sync += place.eq(place + 1)
                    m.next = "ASK"
                    with m.If(place == BLOCK_WORDS - 1):
                        m.next = "SUM"
            with m.State("SUM"):
                m.d.sync += bits.eq(self.checksum.value)
                m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += self.stores.eq(1)
                go_on("ASK")
        return m
