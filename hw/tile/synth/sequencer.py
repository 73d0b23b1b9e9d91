"""The order of work of an MVM: rows of a group of columns, its sums, the next group."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ...config import TileConfig, check_kind
from .weights import check_lanes, group_count

__all__ = ["Sequencer"]

_ROW_CYCLES = 3
"""From the read of a row's input to the cycle before its product is in the sum."""


class Sequencer(wiring.Component):
    """Counts rows, groups of ``lanes`` columns and outputs.

    After ``start``, for each group that has columns of the window: ``clear``; one row per cycle,
    its input wanted (``read_row``), then its weights (``read_addr``), then the product
    (``multiply``), each one cycle after the other; then one ``convert`` for each column of the
    group that is in the window, in ascending order. A group of r rows and c columns takes
    r + 3 + c cycles; the first begins in the cycle after ``start``.

    ``start`` ends what is under way; ``row`` to ``cols`` must stay until ``last``. Reset: nothing
    under way.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    lanes : int
        See :func:`check_lanes`.

    Members
    -------
    start : In(1)
    row, rows, col, cols
        The window, see ``start_*`` of ArrayInterface; not empty.
    clear : Out(1)
    read_row : Out(bits_for(rows - 1))
        A position in the window.
    read_addr : Out
        Of the weights of ``read_row`` of the cycle before, as in WeightStore.
    multiply : Out(1)
        The weights and the input of a row are there.
    convert, last : Out(1)
        The sum of ``lane`` is complete; it is the last one of the window.
    lane : Out(range(lanes))
    element : Out(bits_for(cols - 1))
        Its position in the result.
    """

    def __init__(self, *, config, lanes):
        check_kind("config", config, TileConfig)
        check_lanes(config, lanes)
        self._config = config
        self._lanes = lanes
        self._groups = group_count(config, lanes)
        row, col = bits_for(config.rows - 1), bits_for(config.cols - 1)
        super().__init__(
            {
                "start": In(1),
                "row": In(row),
                "rows": In(bits_for(config.rows)),
                "col": In(col),
                "cols": In(bits_for(config.cols)),
                "clear": Out(1),
                "read_row": Out(row),
                "read_addr": Out(bits_for(config.rows * self._groups - 1)),
                "multiply": Out(1),
                "convert": Out(1),
                "last": Out(1),
                "lane": Out(range(lanes)),
                "element": Out(col),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lane_bits = exact_log2(self._lanes)
        reading = Signal()
        ended = Signal(_ROW_CYCLES)  # the cycles since the last row of a group was read
        done = Signal()  # with a group
        first_addr = Signal.like(self.read_addr)  # of the group
        next_addr = Signal.like(self.read_addr)
        final = Signal()
        m.d.comb += [
            final.eq(self.element + 1 == self.cols),
            done.eq(self.convert & (final | (self.lane == self._lanes - 1))),
            self.last.eq(self.convert & final),
            self.clear.eq(self.start | done),
        ]

        row_ends = reading & (self.read_row + 1 == self.rows)
        under_way = Signal()  # a row whose weights are read in this cycle
        m.d.sync += [
            under_way.eq(reading),
            self.multiply.eq(under_way),
            ended.eq(Cat(row_ends, ended)),
            self.read_addr.eq(next_addr),
        ]
        with m.If(reading):
            m.d.sync += [
                self.read_row.eq(self.read_row + 1),
                next_addr.eq(next_addr + self._groups),
                reading.eq(~row_ends),
            ]
        with m.If(ended[-1]):
            m.d.sync += self.convert.eq(1)
        with m.If(self.convert):
            m.d.sync += [
                self.lane.eq(self.lane + 1), self.element.eq(self.element + 1),
                self.convert.eq(~done),
            ]  # fmt: skip
        with m.If(done):
            m.d.sync += [
                reading.eq(~final), self.read_row.eq(0),
                first_addr.eq(first_addr + 1), next_addr.eq(first_addr + 1),
            ]  # fmt: skip
        with m.If(self.start):
            addr = Signal.like(self.read_addr)
            m.d.comb += addr.eq(self.row * self._groups + self.col[lane_bits:])
            m.d.sync += [
                reading.eq(1), self.read_row.eq(0), first_addr.eq(addr), next_addr.eq(addr),
                self.lane.eq(self.col[:lane_bits]), self.element.eq(0),
                self.convert.eq(0), ended.eq(0), under_way.eq(0), self.multiply.eq(0),
            ]  # fmt: skip
        return m
