"""What a hart stored and memory has not taken yet."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config import MemoryConfig, check_kind

__all__ = ["JOIN_CYCLES", "WriteBuffer"]

JOIN_CYCLES = 4
"""How long a beat waits for stores to join it: as long as a kernel may take between two."""


def _low_bits(value, count):
    """The lowest bits of a value, of which there may be none."""
    return value[:count] if count else Const(0)


class WriteBuffer(wiring.Component):
    """One beat of main memory, or one word of the scratchpad.

    A store to the same beat of main memory joins what is there. A word of the scratchpad wants to
    go at once; a beat when it is complete, when an access waits for it (``wanted``), or JOIN_CYCLES
    after its last store. Latency: a store is there from the next cycle on. A store is only to be
    given with ``room``. Reset: empty.

    Parameters
    ----------
    config : MemoryConfig

    Members
    -------
    store : In(1)
        Takes ``adr``, ``data`` and ``sel``, word address and byte lanes, of main memory or of the
        scratchpad (``to_scratchpad``).
    wanted : In(1)
        An access waits until the buffer is empty, or has room.
    joins, room : Out(1)
        A store to ``adr`` of main memory would join; one that is ``wanted`` would be taken.
    full : Out(1)
        Something is there.
    memory_valid, memory_ready : Out(1), In(1)
        Of a write to main memory; ``addr``, ``beat`` and ``mask`` are what is written.
    word_valid, word_ready : Out(1), In(1)
        The same for the scratchpad, with ``word`` and ``word_mask`` at ``addr``.

    Raises
    ------
    TypeError
        If ``config`` is not a MemoryConfig.
    """

    def __init__(self, *, config):
        check_kind("config", config, MemoryConfig)
        width = config.bytes_per_cycle
        self._word_bits = exact_log2(width // 4)
        super().__init__(
            {
                "store": In(1), "adr": In(27), "data": In(32), "sel": In(4),
                "to_scratchpad": In(1), "wanted": In(1),
                "joins": Out(1), "room": Out(1), "full": Out(1),
                "memory_valid": Out(1), "memory_ready": In(1),
                "addr": Out(27), "beat": Out(8 * width), "mask": Out(width),
                "word_valid": Out(1), "word_ready": In(1), "word": Out(32), "word_mask": Out(4),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        bits = self._word_bits
        is_word = Signal()  # of the scratchpad
        age = Signal(range(JOIN_CYCLES))  # cycles since the last store
        drained = Signal()
        due = self.wanted | self.mask.all() | (age == JOIN_CYCLES - 1)
        m.d.comb += [
            self.memory_valid.eq(self.full & ~is_word & due),
            self.word_valid.eq(self.full & is_word),
            drained.eq(
                (self.memory_valid & self.memory_ready) | (self.word_valid & self.word_ready)
            ),
            self.joins.eq(self.full & ~is_word & (self.addr[bits:] == self.adr[bits:])),
            # As drained, when it is wanted, but without waiting for what that depends on.
            self.room.eq(~self.full | Mux(is_word, self.word_ready, self.memory_ready)),
            self.word.eq(self.beat.word_select(_low_bits(self.addr, bits), 32)),
            self.word_mask.eq(self.mask.word_select(_low_bits(self.addr, bits), 4)),
        ]
        with m.If(self.store):
            m.d.sync += [self.full.eq(1), self.addr.eq(self.adr), is_word.eq(self.to_scratchpad)]
            self._keep(m, drained)
        with m.Elif(drained):
            m.d.sync += self.full.eq(0)
        with m.If(self.store):
            m.d.sync += age.eq(0)
        with m.Elif(age != JOIN_CYCLES - 1):
            m.d.sync += age.eq(age + 1)
        return m

    def _keep(self, m, drained):
        """Put the store's bytes on their lanes of the beat."""
        lanes = Signal(len(self.mask))
        m.d.comb += lanes.eq(self.sel << 4 * _low_bits(self.adr, self._word_bits))
        m.d.sync += self.mask.eq(Mux(self.full & ~drained, self.mask | lanes, lanes))
        for lane, written in enumerate(lanes):
            with m.If(written):
                byte = self.data.word_select(lane % 4, 8)
                m.d.sync += self.beat.word_select(lane, 8).eq(byte)
