"""What a tile post-processes with: bias and scale of each column, and the activation."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ..config import TileConfig, check_kind
from ..digital.requantiser import Activation, Scale
from ..isa import TileConfigReg

__all__ = ["ColumnConstants", "Constants"]

Constants = data.StructLayout({"bias": signed(32), "scale": Scale})
"""Of a column."""

_COLUMNS_STEP = 4
"""Windows begin at multiples of it."""


class ColumnConstants(wiring.Component):
    """The COLUMN, BIAS, SCALE and ACTIVATION registers, and a memory with a row for each column.

    Writes act in the next cycle, one per cycle. Reads: ``post_lanes`` columns per cycle, which
    answer in the next one; undefined if one of them is written in the same cycle. Reset: column 0,
    the activation all 0; the memory keeps its values, 0 at power-on.

    Parameters
    ----------
    config : TileConfig
        With ``post_lanes``.

    Members
    -------
    en, index, data : In(1), In(3), In(32)
        Write of TileConfigReg ``index``; other registers than the four are ignored here.
    error : Out(1)
        A write of BIAS or SCALE in this cycle is ignored: COLUMN is outside of the array.
    column : In(bits_for(config.cols - 1))
        The first column to read, a multiple of ``post_lanes`` or of four.
    constants : Out(ArrayLayout(Constants, post_lanes))
        Of that column, in the cycle before, and the following ones; undefined outside of the array.
    activation : Out(Activation)

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config):
        check_kind("config", config, TileConfig)
        self._config = config
        super().__init__(
            {
                "en": In(1),
                "index": In(3),
                "data": In(32),
                "error": Out(1),
                "column": In(bits_for(config.cols - 1)),
                "constants": Out(data.ArrayLayout(Constants, config.post_lanes)),
                "activation": Out(Activation),
            }
        )

    def elaborate(self, platform):
        m = Module()
        cols = self._config.cols
        column = Signal(range(cols + 1))  # cols: none
        some = column != cols
        write_bias, write_scale = Signal(), Signal()
        m.d.comb += self.error.eq((write_bias | write_scale) & ~some)
        with m.If(self.en), m.Switch(self.index):
            with m.Case(TileConfigReg.COLUMN):
                m.d.sync += column.eq(Mux(self.data < cols, self.data, cols))
            with m.Case(TileConfigReg.BIAS):
                m.d.comb += write_bias.eq(1)
            with m.Case(TileConfigReg.SCALE):
                m.d.comb += write_scale.eq(1)
                m.d.sync += column.eq(column + some)
            with m.Case(TileConfigReg.ACTIVATION):
                m.d.sync += self.activation.eq(self.data)

        lanes = self._config.post_lanes
        lane_bits = exact_log2(lanes)
        # Eight lanes that begin in the middle of a row take their upper half from the next one.
        crossing = self.column[2] if lanes > _COLUMNS_STEP else 0
        rows = []
        for lane in range(lanes):
            row = memory.Memory(shape=data.ArrayLayout(32, 2), depth=cols // lanes, init=[])
            m.submodules[f"lane_{lane}"] = row
            read, write = row.read_port(), row.write_port(granularity=1)
            mine = some & (column[:lane_bits] == lane)
            m.d.comb += [
                read.addr.eq(self.column[lane_bits:] + (crossing if lane < _COLUMNS_STEP else 0)),
                write.addr.eq(column[lane_bits:]),
                write.data[0].eq(self.data),
                write.data[1].eq(self.data),
                write.en[0].eq(write_bias & mine),
                write.en[1].eq(write_scale & mine),
            ]
            rows.append(read.data)
        crossed = Signal(reset_less=True)
        m.d.sync += crossed.eq(crossing)
        for lane, constants in enumerate(self.constants):
            other = rows[lane ^ _COLUMNS_STEP] if lanes > _COLUMNS_STEP else rows[lane]
            m.d.comb += constants.eq(Mux(crossed, other, rows[lane]))
        return m
