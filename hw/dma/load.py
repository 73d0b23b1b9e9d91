"""From main memory to the scratchpad."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..mem.port import LINE_WORDS, MemoryPort
from ..stream.buffer import StreamBuffer
from ..stream.step import WriteRequest
from .piece import Piece, least

__all__ = ["PieceLoader"]

_DEPTH_LIMIT = 64
"""Beats on their way at the most; more would be a block RAM."""


class PieceLoader(wiring.Component):
    """Asks main memory for pieces and writes what comes to the scratchpad.

    Whole lines are asked for as lines, other words a beat at a time. Throughput: the next request
    is there in the cycle after one was taken, also from piece to piece. A request needs room for
    its beats, of which latency + 2 lines + 4, at most 64, may be on their way, so reading never
    pauses up to a latency of some 50 cycles. A write has the words of one beat at the most, from
    the cycle after the beat came on. Back-pressure: both ports, at any time.
    Reset: no piece; undefined if memory still answers requests from before it.

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
    memory : Out(MemoryPort)
    writes : Out(stream.Signature(WriteRequest(words=words, addr_width=addr_width)))
    moved : Out(channel_count)
        The channel of which, in this cycle, a piece with ``last`` was written, or zero.
    """

    def __init__(self, *, config, words, addr_width, channel_count):
        self._port = MemoryPort(width_bytes=config.bytes_per_cycle)
        self._words = words
        self._piece = Piece(addr_width=addr_width, channel_count=channel_count)
        depth = config.latency_cycles + 2 * self._port.line_beats + 4
        self._depth = min(depth, _DEPTH_LIMIT)
        super().__init__(
            {
                "pieces": In(stream.Signature(self._piece)),
                "memory": Out(self._port),
                "writes": Out(
                    stream.Signature(WriteRequest(words=words, addr_width=addr_width))
                ),
                "moved": Out(channel_count),
            }
        )  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        # Every piece has a beat, so this queue is never the one that is full.
        m.submodules.pieces = pieces = StreamBuffer(shape=self._piece, depth=self._depth)
        width = 8 * self._port.width_bytes
        m.submodules.beats = beats = StreamBuffer(shape=width, depth=self._depth)
        m.d.comb += [
            beats.i.payload.eq(self.memory.rsp_data),
            beats.i.valid.eq(self.memory.rsp_valid),
        ]
        self._ask(m, pieces.i, beats.o)
        self._write(m, pieces.o, beats.o)
        return m

    def _ask(self, m, queue, beats):
        memory = self.memory
        beat_words = self._port.width_bytes // 4
        piece = Signal(self._piece)
        active = Signal()
        words = Signal.like(piece.words)
        finishes = Signal()
        taken = Signal()
        need = Signal(range(self._port.line_beats + 1))
        room = Signal(range(self._depth + 1), init=self._depth)
        m.d.comb += [
            memory.addr.eq(piece.memory),
            memory.line.eq(
                (piece.memory[: exact_log2(LINE_WORDS)] == 0) & (piece.words >= LINE_WORDS)
            ),
            need.eq(Mux(memory.line, self._port.line_beats, 1)),
            memory.valid.eq(active & (room >= need)),
            taken.eq(memory.valid & memory.ready),
            words.eq(
                Mux(
                    memory.line,
                    LINE_WORDS,
                    least(piece.words, beat_words - piece.memory[: exact_log2(beat_words)]),
                )
            ),
            finishes.eq(words == piece.words),
            self.pieces.ready.eq((~active | (taken & finishes)) & queue.ready),
            queue.valid.eq(self.pieces.valid & self.pieces.ready),
            queue.payload.eq(self.pieces.payload),
        ]
        with m.If(self.pieces.valid & self.pieces.ready):
            m.d.sync += [active.eq(1), piece.eq(self.pieces.payload)]
        with m.Elif(taken):
            m.d.sync += [
                active.eq(~finishes),
                piece.memory.eq(piece.memory + words),
                piece.words.eq(piece.words - words),
            ]
        m.d.sync += room.eq(room - Mux(taken, need, 0) + (beats.valid & beats.ready))

    def _write(self, m, queue, beats):
        write = self.writes.payload
        beat_words = self._port.width_bytes // 4
        piece = Signal(self._piece)
        active = Signal()
        finishes = Signal()
        taken = Signal()
        # The next word's place in its beat, and words from there on.
        place = Signal(exact_log2(beat_words))
        space = Signal(range(beat_words + 1))
        m.d.comb += [
            place.eq(piece.memory),
            space.eq(beat_words - place),
            write.addr.eq(piece.scratchpad),
            write.count.eq(least(self._words, space, piece.words)),
            write.data.eq(beats.payload >> Cat(Const(0, 5), place)),
            self.writes.valid.eq(active & beats.valid),
            taken.eq(self.writes.valid & self.writes.ready),
            finishes.eq(write.count == piece.words),
            beats.ready.eq(taken & (finishes | (write.count == space))),
            queue.ready.eq(~active | (taken & finishes)),
            self.moved.eq(Mux(taken & finishes & piece.last, piece.channel, 0)),
        ]
        with m.If(queue.ready):
            m.d.sync += [active.eq(queue.valid), piece.eq(queue.payload)]
        with m.Elif(taken):
            m.d.sync += [
                piece.memory.eq(piece.memory + write.count),
                piece.scratchpad.eq(piece.scratchpad + write.count),
                piece.words.eq(piece.words - write.count),
            ]
