"""The loops of a job: over kernel positions, output pixels and lines."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from .job import StreamJob

__all__ = ["PatchLoops"]


class PatchLoops(wiring.Component):
    """One kernel position of one MVM at a time, from counters and adders alone.

    ``begin`` takes effect in the next cycle, and so does ``move``, which may come in each cycle.
    The outputs are undefined before the first ``begin`` and after the last position.

    Parameters
    ----------
    config : TileConfig
        Geometry.

    Members
    -------
    job : In(StreamJob)
        Stays while the job is walked through, from ``begin`` on. Without an error of JobCheck.
    begin : In(1)
        Go to the first position.
    move : In(1)
        Go to the next one.
    inside : Out(1)
        The position lies in the image.
    addr, length : Out(32), Out(bits_for(config.rows))
        The bytes of the slice there: the address of the first, and their number.
    last : Out(1)
        They are the last ones of their MVM.
    final : Out(1)
        The MVM is the last one.
    result : Out(32)
        Byte address of the MVM's result.
    """

    def __init__(self, *, config):
        check_kind("config", config, TileConfig)
        self._config = config
        super().__init__(
            {
                "job": In(StreamJob),
                "begin": In(1),
                "move": In(1),
                "inside": Out(1),
                "addr": Out(32),
                "length": Out(bits_for(config.rows)),
                "last": Out(1),
                "final": Out(1),
                "result": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        job = self.job
        channel = Signal(16)
        bytes_left = Signal.like(self.length)
        columns_left = Signal(16)  # after this one
        pixels_left = Signal(16)
        count_left = Signal(32)
        here = Signal(16)  # bytes from `channel` to the end of the pixel

        row_ends = columns_left == 0
        line_ends = pixels_left == 0
        y = self._add_place(m, "y", job.y, 0, job.row_y, 0, job.line_y, row_ends, line_ends)
        x = self._add_place(
            m, "x", job.x, job.column_x, job.row_x, job.pixel_x, job.line_x, row_ends, line_ends
        )
        addr = self._add_place(
            m, "addr", job.source, job.column_step, job.row_step, job.pixel_step, job.line_step,
            row_ends, line_ends,
        )  # fmt: skip
        m.d.comb += [
            here.eq(job.channels - channel),
            self.inside.eq((y < job.in_h) & (x < job.in_w)),
            self.addr.eq(addr + channel),
            self.last.eq(here >= bytes_left),
            self.length.eq(Mux(self.last, bytes_left, here)),
            self.final.eq(count_left == 0),
        ]
        with m.If(self.begin | (self.move & self.last)):
            m.d.sync += [
                channel.eq(job.channel),
                bytes_left.eq(job.rows),
                columns_left.eq(job.kernel_w - job.kernel_x - 1),
            ]
        with m.Elif(self.move):
            m.d.sync += [
                channel.eq(0),
                bytes_left.eq(bytes_left - here),
                columns_left.eq(Mux(row_ends, job.kernel_w, columns_left) - 1),
            ]
        with m.If(self.begin):
            m.d.sync += [
                pixels_left.eq(job.out_w - job.out_x - 1),
                count_left.eq(job.count - 1),
                self.result.eq(job.destination),
            ]
        with m.Elif(self.move & self.last):
            m.d.sync += [
                pixels_left.eq(Mux(line_ends, job.out_w, pixels_left) - 1),
                count_left.eq(count_left - 1),
                self.result.eq(self.result + job.destination_step),
            ]
        return m

    def _add_place(self, m, name, first, column, row, pixel, line, row_ends, line_ends):
        """A coordinate or an address, and where its MVM began. The four steps are modular."""
        place = Signal(len(first), name=name)
        start = Signal(len(first), name=f"{name}_start")
        following = Signal(len(first), name=f"{name}_following")
        m.d.comb += following.eq(
            Mux(self.last, start, place)
            + Mux(self.last, Mux(line_ends, line, pixel), Mux(row_ends, row, column))
        )
        with m.If(self.begin):
            m.d.sync += [place.eq(first), start.eq(first)]
        with m.Elif(self.move):
            m.d.sync += place.eq(following)
            with m.If(self.last):
                m.d.sync += start.eq(following)
        return place
