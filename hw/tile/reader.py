"""Hands out the words of the results in the order of their MVMs."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ..config import TileConfig, check_kind
from .ports import PortWidths

__all__ = ["ResultReader"]


class ResultReader(wiring.Component):
    """Two output banks of an array, read in order, one beat ahead.

    A beat is as many words as the port is wide; the last one of a result may have fewer. The first
    beat of a result is on ``dequeue`` in the cycle after ``finish``, and the following ones, and
    those of a next result that is there, one per cycle. An output bank is free again after its
    last beat was taken. If no result is to come, ``dequeue`` answers 0.

    Parameters
    ----------
    config : TileConfig
        Geometry and widths.
    port_bytes_out : int
        Width of ``dequeue``.

    Members
    -------
    clear : In(1)
        Drops all results; wins over everything else.
    start : In(1)
        An MVM starts into bank ``bank`` with ``cols`` columns. Only while ``full`` is 0.
    finish : In(1)
        The oldest running MVM has its result.
    pending : In(1)
        MVMs that have not started yet: ``dequeue`` waits for them.
    full : Out(1)
        Both output banks are in use.
    words_out : Out(range(port_bytes_out // 4 + 1))
        Words of a result that ``dequeue`` carries, from the lowest; the others are undefined.
    last_out : Out(1)
        They are the last ones of that result.
    output_en, output_bank, output_index, output_data
        As in ArrayInterface.
    dequeue : Out(stream.Signature(8 * port_bytes_out))
    """

    def __init__(self, *, config, port_bytes_out=4):
        check_kind("config", config, TileConfig)
        self._config = config
        self._beat_words = PortWidths(port_bytes_out=port_bytes_out).words_out
        super().__init__(
            {
                "clear": In(1),
                "start": In(1),
                "bank": Out(1),
                "cols": In(bits_for(config.cols)),
                "finish": In(1),
                "pending": In(1),
                "full": Out(1),
                "words_out": Out(range(self._beat_words + 1)),
                "last_out": Out(1),
                "output_en": Out(1),
                "output_bank": Out(1),
                "output_index": Out(bits_for(config.cols * config.output_bytes // 4 - 1)),
                "output_data": In(8 * port_bytes_out),
                "dequeue": Out(stream.Signature(8 * port_bytes_out)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        used = Signal(range(3))  # banks with a running MVM or a result
        fetchable = Signal(range(3))  # results with words not yet fetched
        words = [Signal(len(self.output_index), name=f"last_index_{i}") for i in range(2)]
        last_index = Signal(len(self.output_index))

        some_out = self.words_out != 0
        taken = some_out & self.dequeue.ready
        fetched_last = Signal()
        freed = taken & self.last_out
        words_log2 = {1: 2, 2: 1, 4: 0}[self._config.output_bytes]
        beat_log2 = exact_log2(self._beat_words)
        m.d.comb += [
            self.full.eq(used == 2),
            self.dequeue.valid.eq(some_out | ((used == 0) & ~self.pending)),
            self.dequeue.payload.eq(Mux(some_out, self.output_data, 0)),
            self.output_en.eq(((fetchable != 0) | self.finish) & (~some_out | taken)),
            last_index.eq(Mux(self.output_bank, words[1], words[0])),
            fetched_last.eq(self.output_index >> beat_log2 == last_index >> beat_log2),
        ]

        with m.If(self.start):
            m.d.sync += self.bank.eq(~self.bank)
            with m.If(self.bank):
                m.d.sync += words[1].eq((self.cols >> words_log2) - 1)
            with m.Else():
                m.d.sync += words[0].eq((self.cols >> words_log2) - 1)
        with m.If(self.start ^ freed):
            m.d.sync += used.eq(used + Cat(1, freed))  # +1 or, modulo four, -1

        with m.If(self.output_en):
            m.d.sync += [
                self.words_out.eq(Mux(fetched_last, last_index[:beat_log2] + 1, self._beat_words)),
                self.last_out.eq(fetched_last),
                self.output_index.eq(Mux(fetched_last, 0, self.output_index + self._beat_words)),
                self.output_bank.eq(self.output_bank ^ fetched_last),
            ]
        with m.Elif(taken):
            m.d.sync += self.words_out.eq(0)
        used_up = self.output_en & fetched_last
        with m.If(self.finish ^ used_up):
            m.d.sync += fetchable.eq(fetchable + Cat(1, used_up))

        with m.If(self.clear):
            m.d.sync += [used.eq(0), fetchable.eq(0), self.words_out.eq(0)]
            m.d.sync += [self.bank.eq(0), self.output_bank.eq(0), self.output_index.eq(0)]
        return m
