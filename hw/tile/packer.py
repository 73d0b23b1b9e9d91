"""Puts groups of bytes together to beats, or takes them apart."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .lanes import PostGroup

__all__ = ["BeatPacker"]


class BeatPacker(wiring.Component):
    """Beats of ``port_bytes`` bytes from groups of ``lanes`` bytes; none mixes two results.

    Throughput: one group per cycle, or one beat, whichever is more bytes. Latency: none, a beat is
    there with its last group. Back-pressure: the group that completes a beat waits for it to be
    taken. Reset: nothing collected.

    Parameters
    ----------
    lanes, port_bytes : int
        Powers of two up to 8, and from 4 to 64.

    Members
    -------
    i : In(stream.Signature(PostGroup(lanes=lanes)))
    o : Out(stream.Signature(8 * port_bytes))
    words, last : Out(range(port_bytes // 4 + 1)), Out(1)
        Words of ``o``, from the lowest; the others are undefined. They end a result.
    """

    def __init__(self, *, lanes, port_bytes):
        self._lanes = lanes
        self._port_bytes = port_bytes
        super().__init__(
            {
                "i": In(stream.Signature(PostGroup(lanes=lanes))),
                "o": Out(stream.Signature(8 * port_bytes)),
                "words": Out(range(port_bytes // 4 + 1)),
                "last": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self._lanes > self._port_bytes:
            self._take_apart(m)
        else:
            self._collect(m)
        return m

    def _take_apart(self, m):
        """A group is two words, or one."""
        group = self.i.payload
        upper = Signal()
        ends = upper | group.half
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(group.data.word_select(upper, 8 * self._port_bytes)),
            self.words.eq(self._port_bytes // 4),
            self.last.eq(group.last & ends),
            self.i.ready.eq(self.o.ready & ends),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += upper.eq(~ends)

    def _collect(self, m):
        """The last group of a beat is never stored."""
        group = self.i.payload
        count = self._port_bytes // self._lanes
        position = Signal(range(count))
        kept = [
            Signal(8 * self._lanes, name=f"kept_{i}", reset_less=True) for i in range(count - 1)
        ]
        complete = group.last | (position == count - 1)
        parts = [Mux(position == i, group.data, part) for i, part in enumerate(kept)]
        m.d.comb += [
            self.o.valid.eq(self.i.valid & complete),
            self.o.payload.eq(Cat(*parts, group.data)),
            self.words.eq(((position + 1) * self._lanes - Mux(group.half, 4, 0)) >> 2),
            self.last.eq(group.last),
            self.i.ready.eq(self.o.ready | ~complete),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += position.eq(Mux(complete, 0, position + 1))
            for i, part in enumerate(kept):
                with m.If(position == i):
                    m.d.sync += part.eq(group.data)
