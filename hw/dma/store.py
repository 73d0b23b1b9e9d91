"""From the scratchpad to main memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ..mem.port import BeatWritePort
from ..stream.buffer import StreamBuffer
from ..stream.step import ReadRequest
from .piece import Piece, least

__all__ = ["PieceStorer"]

_DEPTH = 8
"""Beats on their way: three to go on without a pause, the others for a memory that is busy."""


class PieceStorer(wiring.Component):
    """Reads pieces from the scratchpad and writes them to main memory in whole beats.

    Throughput: one read per cycle, also from piece to piece, of what is missing to a beat, or
    ``words`` words of that; one write for each beat that a piece has a part of. Latency: a beat is
    written from the second cycle on after its last words were asked for. Back-pressure: both ports,
    at any time; a read waits until there is room for its beat. Reset: no piece.

    Parameters
    ----------
    config : MemoryConfig
    words : int
        Of a scratchpad request.
    addr_width : int
        Of the scratchpad's word addresses.
    channel_count : int

    Members
    -------
    pieces : In(stream.Signature(Piece(...)))
    reads : Out(stream.Signature(ReadRequest(words=words, addr_width=addr_width)))
    answer : In(32 * words)
        To the read that was taken in the cycle before.
    memory : Out(BeatWritePort)
    moved : Out(channel_count)
        The channel of which, in this cycle, a piece with ``last`` was written, or zero.
    """

    def __init__(self, *, config, words, addr_width, channel_count):
        self._width_bytes = config.bytes_per_cycle
        self._words = words
        self._channel_count = channel_count
        self._piece = Piece(addr_width=addr_width, channel_count=channel_count)
        super().__init__(
            {
                "pieces": In(stream.Signature(self._piece)),
                "reads": Out(stream.Signature(ReadRequest(words=words, addr_width=addr_width))),
                "answer": In(32 * words),
                "memory": Out(BeatWritePort(width_bytes=config.bytes_per_cycle)),
                "moved": Out(channel_count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beat_words = self._width_bytes // 4
        beat = data.StructLayout(
            {
                "addr": 27, "data": 32 * beat_words, "lanes": beat_words,
                "moved": self._channel_count,
            }
        )  # fmt: skip
        m.submodules.beats = beats = StreamBuffer(shape=beat, depth=_DEPTH)
        self._gather(m, self._ask(m, beats.o), beats.i)
        m.d.comb += [
            self.memory.valid.eq(beats.o.valid),
            beats.o.ready.eq(self.memory.ready),
            self.memory.addr.eq(beats.o.payload.addr),
            self.memory.data.eq(beats.o.payload.data),
            self.memory.mask.eq(Cat(lane.replicate(4) for lane in beats.o.payload.lanes)),
            self.moved.eq(Mux(beats.o.valid & beats.o.ready, beats.o.payload.moved, 0)),
        ]
        return m

    def _ask(self, m, beats):
        """Ask for words; returns what is known of those that are on ``answer``."""
        read = self.reads.payload
        beat_words = self._width_bytes // 4
        piece = Signal(self._piece)
        active = Signal()
        finishes = Signal()
        completes = Signal()
        taken = Signal()
        place = Signal(exact_log2(beat_words))
        space = Signal(range(beat_words + 1))
        room = Signal(range(_DEPTH + 1), init=_DEPTH)
        m.d.comb += [
            place.eq(piece.memory),
            space.eq(beat_words - place),
            read.addr.eq(piece.scratchpad),
            read.count.eq(least(self._words, space, piece.words)),
            self.reads.valid.eq(active & (room != 0)),
            taken.eq(self.reads.valid & self.reads.ready),
            finishes.eq(read.count == piece.words),
            completes.eq(finishes | (read.count == space)),
            self.pieces.ready.eq(~active | (taken & finishes)),
        ]
        with m.If(self.pieces.ready):
            m.d.sync += [active.eq(self.pieces.valid), piece.eq(self.pieces.payload)]
        with m.Elif(taken):
            m.d.sync += [
                piece.memory.eq(piece.memory + read.count),
                piece.scratchpad.eq(piece.scratchpad + read.count),
                piece.words.eq(piece.words - read.count),
            ]
        m.d.sync += room.eq(room - (taken & completes) + (beats.valid & beats.ready))
        answered = Signal(
            data.StructLayout(
                {
                    "valid": 1, "addr": 27, "place": len(place), "count": bits_for(beat_words),
                    "completes": 1, "moved": self._channel_count,
                }
            )
        )  # fmt: skip
        m.d.sync += [
            answered.valid.eq(taken),
            answered.addr.eq(piece.memory),
            answered.place.eq(place),
            answered.count.eq(read.count),
            answered.completes.eq(completes),
            answered.moved.eq(Mux(finishes & piece.last, piece.channel, 0)),
        ]
        return answered

    def _gather(self, m, answered, beats):
        """Put words on their lanes; a beat is passed on when it is complete."""
        count = self._width_bytes // 4
        end = answered.place + answered.count
        lanes = Cat((answered.place <= i) & (i < end) for i in range(count))
        placed = Signal(32 * count)
        held = Signal(32 * count, reset_less=True)
        held_lanes = Signal(count)
        beat = beats.payload
        m.d.comb += [
            placed.eq(self.answer << Cat(Const(0, 5), answered.place)),
            beats.valid.eq(answered.valid & answered.completes),
            beat.addr.eq(answered.addr),
            beat.lanes.eq(held_lanes | lanes),
            beat.moved.eq(answered.moved),
        ]
        for i in range(count):
            word = Mux(lanes[i], placed.word_select(i, 32), held.word_select(i, 32))
            m.d.comb += beat.data.word_select(i, 32).eq(word)
        if self._words < count:
            with m.If(answered.valid):
                m.d.sync += [
                    held.eq(beat.data), held_lanes.eq(Mux(answered.completes, 0, beat.lanes))
                ]  # fmt: skip
