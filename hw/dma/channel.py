"""A hart's blocks: one is cut into pieces, one waits."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from .block import Direction, DmaBlock, DmaError
from .piece import PIECE_WORDS, Piece, least

__all__ = ["DmaChannel"]

_PENDING = 7
"""Blocks that may be on their way, apart from the one that waits."""


class DmaChannel(wiring.Component):
    """Takes blocks, has them checked, and cuts them into pieces in order.

    A block begins when all pieces of the one before were taken; if its direction is another one,
    or if it is refused, when the one before has ended. So blocks end in order. Throughput: one
    piece per cycle, but for a cycle between blocks. Latency: a block asks for its check in the
    cycle after it was taken, its first piece is there two cycles after that was answered.
    Back-pressure: ``pieces``. Reset: no block.

    Parameters
    ----------
    channel_idx, channel_count : int
    addr_width : int
        Of the scratchpad's word addresses.

    Members
    -------
    block : In(stream.Signature(DmaBlock))
    waiting : Out(DmaBlock)
        To be checked while ``check``; ``check_error`` answers with ``checked``.
    pieces : Out(stream.Signature(Piece(...)))
    store : Out(1)
        Their direction.
    moved : In(1)
        A piece with ``last`` has been moved in this cycle.
    busy : Out(1)
        There is a block.
    moving : Out(1)
        One has begun and not ended.
    done, error : Out(1), Out(DmaError)
        A block has ended in this cycle, and how.
    """

    def __init__(self, *, channel_idx, channel_count, addr_width):
        self._channel_idx = channel_idx
        self._addr_width = addr_width
        self._piece = Piece(addr_width=addr_width, channel_count=channel_count)
        super().__init__(
            {
                "block": In(stream.Signature(DmaBlock)),
                "waiting": Out(DmaBlock),
                "check": Out(1),
                "checked": In(1),
                "check_error": In(DmaError),
                "pieces": Out(stream.Signature(self._piece)),
                "store": Out(1),
                "moved": In(1),
                "busy": Out(1),
                "moving": Out(1),
                "done": Out(1),
                "error": Out(DmaError),
            }
        )

    def elaborate(self, platform):
        m = Module()
        waits = Signal()
        known = Signal()
        bad = Signal(DmaError)
        running = Signal()
        begin = Signal()
        refuse = Signal()
        pending = Signal(range(_PENDING + 1))
        same_way = self.waiting.direction == self.store
        m.d.comb += [
            self.block.ready.eq(~waits),
            self.check.eq(waits & ~known),
            begin.eq(
                waits & known & (bad == DmaError.NONE) & ~running
                & ((pending == 0) | (same_way & (pending != _PENDING)))
            ),
            refuse.eq(waits & known & (bad != DmaError.NONE) & (pending == 0)),
            self.moving.eq(pending != 0),
            self.busy.eq(waits | self.moving),
            self.done.eq(self.moved | refuse),
            self.error.eq(Mux(refuse, bad, DmaError.NONE)),
        ]  # fmt: skip
        with m.If(self.block.valid & self.block.ready):
            m.d.sync += [waits.eq(1), known.eq(0), self.waiting.eq(self.block.payload)]
        with m.Elif(begin | refuse):
            m.d.sync += waits.eq(0)
        with m.If(self.checked):
            m.d.sync += [known.eq(1), bad.eq(self.check_error)]
        with m.If(begin & ~self.moved):
            m.d.sync += pending.eq(pending + 1)
        with m.Elif(self.moved & ~begin):
            m.d.sync += pending.eq(pending - 1)
        self._cut(m, begin, running)
        return m

    def _cut(self, m, begin, running):
        waiting, piece = self.waiting, self.pieces.payload
        # Where the row begins, and where the piece does.
        row = Signal(self._piece)
        place = Signal(self._piece)
        memory_pitch = Signal(27)
        scratchpad_pitch = Signal(self._addr_width)
        row_words = Signal(self._addr_width + 1)
        words_left = Signal(self._addr_width + 1)
        rows_left = Signal(16)
        ends_row = Signal()
        m.d.comb += [
            self.pieces.valid.eq(running),
            piece.memory.eq(place.memory),
            piece.scratchpad.eq(place.scratchpad),
            piece.words.eq(
                least(words_left, PIECE_WORDS - place.memory[: exact_log2(PIECE_WORDS)])
            ),
            piece.last.eq(ends_row & (rows_left == 1)),
            piece.channel.eq(Const(1 << self._channel_idx, len(piece.channel))),
            ends_row.eq(piece.words == words_left),
        ]
        with m.If(begin):
            m.d.sync += [
                running.eq(1),
                self.store.eq(waiting.direction == Direction.STORE),
                memory_pitch.eq(waiting.memory_pitch >> 2),
                scratchpad_pitch.eq(waiting.scratchpad_pitch >> 2),
                row_words.eq(waiting.row_bytes >> 2),
                words_left.eq(waiting.row_bytes >> 2),
                rows_left.eq(waiting.rows),
            ]
            for start in (row, place):
                m.d.sync += [
                    start.memory.eq(waiting.memory >> 2),
                    start.scratchpad.eq(waiting.scratchpad >> 2),
                ]
        with m.Elif(self.pieces.valid & self.pieces.ready & ends_row):
            m.d.sync += [running.eq(~piece.last), rows_left.eq(rows_left - 1)]
            m.d.sync += words_left.eq(row_words)
            for start in (row, place):
                m.d.sync += [
                    start.memory.eq(row.memory + memory_pitch),
                    start.scratchpad.eq(row.scratchpad + scratchpad_pitch),
                ]
        with m.Elif(self.pieces.valid & self.pieces.ready):
            m.d.sync += [
                words_left.eq(words_left - piece.words),
                place.memory.eq(place.memory + piece.words),
                place.scratchpad.eq(place.scratchpad + piece.words),
            ]
