"""Between the results of the array and a tile's output port: post-processing, or none."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from ..digital.requantiser import Activation
from ..stream.buffer import StreamBuffer
from .constants import Constants
from .lanes import LANE_LATENCY_CYCLES, PostGroup, PostLanes
from .packer import BeatPacker
from .ports import PortWidths
from .window import Window

__all__ = ["PostStage"]

_GROUPS = LANE_LATENCY_CYCLES + 4
"""On their way or waiting: two more cycles pass until the place of one is another's, and two to
spare."""


class PostStage(wiring.Component):
    """Hands out results as they are, or requantised to int8 if their window says ``post``.

    *Order.* That of the MVMs. The first words of a result never pass the last ones of another.

    *Time.* A raw beat passes through at once, and is cut into beats of the port if it is wider. A
    result with ``post`` takes ceil(cols / post_lanes) cycles, the next one follows without a gap;
    its first group of ``post_lanes`` bytes is at the output LANE_LATENCY_CYCLES + 1 cycles after
    its first beat was at ``beats``, and a beat of the output when all of its groups are. If the
    port is narrower than a group, it takes a cycle per beat of the port.

    *Back-pressure.* Groups that the port does not take are kept; while there is no room, ``beats``
    wait. Reset: no result.

    Parameters
    ----------
    config : TileConfig
        With ``post_lanes``.
    port_bytes_out : int
        Width of ``dequeue``.

    Members
    -------
    start, window : In(1), In(Window(config=config))
        An MVM starts: not more than two whose last beat was not taken.
    beats, beat_words, beat_last
        ``dequeue``, ``words_out`` and ``last_out`` of a ResultReader with the array's width.
    column, constants, activation
        As in ColumnConstants.
    dequeue, words_out, last_out
        As in ResultReader.
    coming : Out(1)
        A result with ``post`` is on its way to ``dequeue``: words come within a few cycles.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config, port_bytes_out=4):
        check_kind("config", config, TileConfig)
        self._config = config
        self._port_bytes = port_bytes_out
        self._beat_bytes = PortWidths(port_bytes_out=port_bytes_out).of_array(config).bytes_out
        super().__init__(
            {
                "start": In(1),
                "window": In(Window(config=config)),
                "beats": In(stream.Signature(8 * self._beat_bytes)),
                "beat_words": In(range(self._beat_bytes // 4 + 1)),
                "beat_last": In(1),
                "column": Out(bits_for(config.cols - 1)),
                "constants": In(data.ArrayLayout(Constants, config.post_lanes)),
                "activation": In(Activation),
                "dequeue": Out(stream.Signature(8 * port_bytes_out)),
                "words_out": Out(range(port_bytes_out // 4 + 1)),
                "last_out": Out(1),
                "coming": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self._config.post_lanes
        m.submodules.lanes = pipeline = PostLanes(config=self._config)
        group = PostGroup(lanes=lanes)
        m.submodules.groups = groups = StreamBuffer(shape=group, depth=_GROUPS)
        m.submodules.packer = packer = BeatPacker(lanes=lanes, port_bytes=self._port_bytes)
        m.d.comb += [
            pipeline.constants.eq(self.constants),
            pipeline.activation.eq(self.activation),
            groups.i.valid.eq(pipeline.o_valid),
            groups.i.payload.eq(pipeline.o),
        ]
        connect(m, groups.o, packer.i)

        # Every group that is fed has its place, from the beginning.
        room = Signal(range(_GROUPS + 1), init=_GROUPS)
        feed = Signal()
        freed = packer.i.valid & packer.i.ready
        with m.If(feed & ~freed):
            m.d.sync += room.eq(room - 1)
        with m.Elif(freed & ~feed):
            m.d.sync += room.eq(room + 1)
        empty = room == _GROUPS

        group_bytes = lanes * self._config.output_bytes
        parts = self._beat_bytes // min(group_bytes, self._port_bytes)
        position = Signal(range(max(parts, 2)))  # of what is cut off the beat
        moved, ends = Signal(), Signal()  # a part, the last one
        last = moved & ends & self.beat_last
        window = self._add_windows(m, last)
        some = self.beat_words != 0
        raw = some & ~window.post & empty
        raw_words, raw_ends = self._cut(position, self._port_bytes)
        post_words, post_ends = self._cut(position, group_bytes)
        m.d.comb += [
            feed.eq(some & window.post & (room != 0)),
            moved.eq(feed | (raw & self.dequeue.ready)),
            ends.eq(Mux(window.post, post_ends, raw_ends)),
            self.beats.ready.eq(moved & ends),
            self.coming.eq((some & window.post) | ~empty),
        ]
        with m.If(moved):
            m.d.sync += position.eq(Mux(ends, 0, position + 1))
        self._feed(m, pipeline, window, position, feed, last)
        self._hand_out(m, packer, raw, empty, raw_words, raw_ends, position)
        return m

    def _add_windows(self, m, last):
        """Keep what of the windows is needed here; returns that of the result at ``beats``."""
        fields = {name: self.window[name].shape() for name in ("col", "shift", "post")}
        kept = [Signal(data.StructLayout(fields), name=f"window_{i}") for i in range(2)]
        written, read = Signal(), Signal()
        current = Signal(data.StructLayout(fields))
        m.d.sync += [written.eq(written ^ self.start), read.eq(read ^ last)]
        m.d.comb += current.eq(Mux(read, kept[1], kept[0]))
        with m.If(self.start):
            for i, window in enumerate(kept):
                with m.If(written == i):
                    m.d.sync += [window[name].eq(self.window[name]) for name in fields]
        return current

    def _cut(self, position, part_bytes):
        """The words of a beat from this part on, and whether it is the last one."""
        passed = position * part_bytes
        return self.beat_words - (passed >> 2), passed + part_bytes >= self.beat_words << 2

    def _feed(self, m, pipeline, window, position, feed, last):
        lanes, element_bytes = self._config.post_lanes, self._config.output_bytes
        group_bytes = lanes * element_bytes
        raw = pipeline.i
        following = Signal.like(self.column)
        begun = Signal()  # `following` is the column to go on with
        whole = (position + 1) * group_bytes <= self.beat_words << 2
        m.d.comb += [
            self.column.eq(Mux(begun, following, window.col)),
            pipeline.i_valid.eq(feed),
            raw.elements.as_value().eq(
                self.beats.payload.word_select(position, 8 * group_bytes)
            ),
            raw.shift.eq(window.shift),
            raw.half.eq(~whole),
            raw.last.eq(last),
        ]
        with m.If(feed):
            m.d.sync += [following.eq(self.column + lanes), begun.eq(~last)]

    def _hand_out(self, m, packer, raw, empty, raw_words, raw_ends, position):
        port_words = self._port_bytes // 4
        payload = self.beats.payload.word_select(position, 8 * self._port_bytes)
        nothing = self.beats.valid & (self.beat_words == 0) & empty
        m.d.comb += [
            self.dequeue.valid.eq(packer.o.valid | raw | nothing),
            self.dequeue.payload.eq(Mux(packer.o.valid, packer.o.payload, Mux(raw, payload, 0))),
            packer.o.ready.eq(self.dequeue.ready),
            self.last_out.eq(Mux(packer.o.valid, packer.last, self.beat_last & raw_ends)),
        ]
        with m.If(packer.o.valid):
            m.d.comb += self.words_out.eq(packer.words)
        with m.Elif(raw):
            m.d.comb += self.words_out.eq(Mux(raw_ends, raw_words, port_words))
