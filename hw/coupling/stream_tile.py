"""A tile and its streamer: one uses the tile while the other doesn't."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.wide_port import WideRequest
from ..config import TileConfig, check_kind
from ..isa import TileConfigReg, TileStatusReg
from ..mem.scratchpad import word_addr_width
from ..stream.job import JobError, StreamJob
from ..stream.streamer import TileStreamer
from ..tile.array import BehaviouralArray
from ..tile.ports import QueueWord
from ..tile.status import StatusBits
from ..tile.tile import ProgramWord, Tile

__all__ = ["StreamTile"]


class StreamTile(wiring.Component):
    """A :class:`Tile` with ports of 8 and 4 bytes, and a :class:`TileStreamer` for it.

    While ``streaming``, all ports of the tile but ``status_*`` and ``error`` are the streamer's,
    and what a coupling does at them has no effect: it must not. A job may be given if the tile has
    no result, no MVM and no programming to come (input that is queued is dropped). Otherwise both
    keep the contracts of those classes.

    Parameters
    ----------
    config : TileConfig
        The tile.
    words : int
        Words that the streamer moves per cycle.
    scratchpad_bytes : int
        Size of the scratchpad.
    array : callable
        See :class:`Tile`.

    Members
    -------
    queue, process, dequeue, program, config_*, status_*, error, waiting, result, coming, pending,
    failed, busy, late
        As of a :class:`Tile` with default widths. ``status_data`` has the STREAM counters too.
    job, memory, done, done_tag, done_error
        As of :class:`TileStreamer`.
    streaming : Out(1)
        There is a job.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    HwConfigError
        If a number is out of range.
    """

    def __init__(self, *, config, words, scratchpad_bytes, array=BehaviouralArray):
        check_kind("config", config, TileConfig)
        addr_width = word_addr_width(scratchpad_bytes)
        self._words = words
        self._streamer = TileStreamer(
            config=config, words=words, size_bytes=scratchpad_bytes, addr_width=addr_width
        )
        self._tile = Tile(
            config=config, array=array, port_bytes=4 * words, port_bytes_out=4 * words
        )
        super().__init__(
            {
                "queue": In(stream.Signature(QueueWord())),
                "process": In(stream.Signature(1)),
                "dequeue": Out(stream.Signature(32)),
                "program": In(stream.Signature(ProgramWord)),
                "config_en": In(1),
                "config_index": In(3),
                "config_data": In(32),
                "status_index": In(4),
                "status_data": Out(32),
                "error": In(StatusBits),
                "waiting": In(1),
                "result": Out(1),
                "coming": Out(1),
                "pending": Out(1),
                "failed": Out(1),
                "busy": Out(1),
                "late": Out(1),
                "job": In(stream.Signature(StreamJob)),
                "memory": Out(WideRequest(words=words, addr_width=addr_width)),
                "streaming": Out(1),
                "done": Out(1),
                "done_tag": Out(16),
                "done_error": Out(JobError),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tile, m.submodules.streamer = tile, streamer = self._tile, self._streamer
        connect(m, flipped(self.job), streamer.job)
        connect(m, streamer.memory, flipped(self.memory))
        connect(m, flipped(self.program), tile.program)
        m.d.comb += [
            self.streaming.eq(streamer.busy),
            self.done.eq(streamer.done),
            self.done_tag.eq(streamer.done_tag),
            self.done_error.eq(streamer.done_error),
            tile.error.eq(self.error),
            tile.waiting.eq(self.waiting),
            self.result.eq(tile.result),
            self.coming.eq(tile.coming),
            self.pending.eq(tile.pending),
            self.failed.eq(tile.failed),
            self.busy.eq(tile.busy),
            self.late.eq(tile.late),
        ]
        user = self._choose(m, tile, streamer)
        self._wire_dequeue(m, tile, streamer, user)
        self._wire_status(m, tile, streamer)
        return m

    def _choose(self, m, tile, streamer):
        """Connect who uses the tile's inputs; returns whether it is not the streamer."""
        user = ~self.streaming
        for name in ("config_en", "config_index", "config_data"):
            chosen = Mux(user, getattr(self, name), getattr(streamer, name))
            m.d.comb += getattr(tile, name).eq(chosen)
        for name in ("queue", "process"):
            port, own, other = getattr(tile, name), getattr(self, name), getattr(streamer, name)
            m.d.comb += [
                port.valid.eq(Mux(user, own.valid, other.valid)),
                own.ready.eq(port.ready & user),
                other.ready.eq(port.ready),
            ]
        word, own, other = tile.queue.payload, self.queue.payload, streamer.queue.payload
        m.d.comb += [
            tile.drop.eq(streamer.drop),
            word.data.eq(Mux(user, own.data, other.data)),
            word.count.eq(Mux(user, own.count, other.count)),
        ]
        return user

    def _wire_dequeue(self, m, tile, streamer, user):
        """Hand out the words of a beat one by one, or the whole beat to the streamer."""
        position = Signal(range(max(self._words, 2)))
        last = Signal()
        m.d.comb += [
            last.eq(position + 1 >= tile.dequeue_words),
            self.dequeue.valid.eq(tile.dequeue.valid & user),
            self.dequeue.payload.eq(tile.dequeue.payload.word_select(position, 32)),
            streamer.dequeue.valid.eq(tile.dequeue.valid),
            streamer.dequeue.payload.eq(tile.dequeue.payload),
            streamer.dequeue_words.eq(tile.dequeue_words),
            streamer.dequeue_last.eq(tile.dequeue_last),
            tile.dequeue.ready.eq(Mux(user, self.dequeue.ready & last, streamer.dequeue.ready)),
        ]
        with m.If(self.config_en & user & (self.config_index == TileConfigReg.RESET)):
            m.d.sync += position.eq(0)
        with m.Elif(self.dequeue.valid & self.dequeue.ready):
            m.d.sync += position.eq(Mux(last, 0, position + 1))

    def _wire_status(self, m, tile, streamer):
        m.d.comb += [tile.status_index.eq(self.status_index), self.status_data.eq(tile.status_data)]
        counters = {
            TileStatusReg.STREAM_BYTES_IN: streamer.bytes_in,
            TileStatusReg.STREAM_BYTES_OUT: streamer.bytes_out,
            TileStatusReg.STREAM_CONFLICT_CYCLES: streamer.conflict_cycles,
            TileStatusReg.STREAM_BUSY_CYCLES: streamer.busy_cycles,
        }
        with m.Switch(self.status_index):
            for number, counter in counters.items():
                with m.Case(number):
                    m.d.comb += self.status_data.eq(counter)
