"""What software can read of a tile: its state, its errors and its event counters."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from ..isa import TileStatus, TileStatusReg

__all__ = ["StatusBits", "StatusRegisters"]

StatusBits = data.StructLayout({bit.name.lower(): 1 for bit in TileStatus})
"""TileStatus as a structure: as a level for the state bits, as pulses for the errors."""

_CELLS_UNIT_LOG2 = 6
_ERRORS = sum(bit for bit in TileStatus if bit.name.startswith("ERROR_"))


class StatusRegisters(wiring.Component):
    """The TileStatusReg registers of a tile, without those of a streamer.

    An event shows in ``data`` one cycle after it. Reads are combinational. Reset clears everything.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    port_bytes, port_bytes_out : int
        Widths of the tile's ports.

    Members
    -------
    index, data : In(4), Out(32)
        Read of TileStatusReg ``index``; others read as 0.
    state : In(StatusBits)
        State bits are shown as they are, error bits stick.
    failed : Out(1)
        An error bit is set.
    clear_errors : In(1)
        Clears the errors; wins over a pulse.
    start, rows, cols : In(1), In(bits_for(rows)), In(bits_for(cols))
        An MVM of that size starts.
    computing, waiting : In(1)
        Count as BUSY_CYCLES and WAIT_CYCLES.
    bytes_in, words_out : In(bits_for(port_bytes)), In(bits_for(port_bytes_out // 4))
        Input bytes queued and words of results dequeued in this cycle.
    weight : In(1)
        Four weights were programmed.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config, port_bytes=8, port_bytes_out=4):
        check_kind("config", config, TileConfig)
        self._config = config
        super().__init__(
            {
                "index": In(4),
                "data": Out(32),
                "state": In(StatusBits),
                "failed": Out(1),
                "clear_errors": In(1),
                "start": In(1),
                "rows": In(bits_for(config.rows)),
                "cols": In(bits_for(config.cols)),
                "computing": In(1),
                "waiting": In(1),
                "bytes_in": In(bits_for(port_bytes)),
                "words_out": In(bits_for(port_bytes_out // 4)),
                "weight": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        reg = TileStatusReg
        others = (reg.STATUS, reg.GEOMETRY, reg.CELLS_USED)
        names = [r for r in reg if r not in others and not r.name.startswith("STREAM_")]
        counters = {r: Signal(32, name=r.name.lower()) for r in names}
        cells = Signal(32 + _CELLS_UNIT_LOG2)
        errors = Signal(_ERRORS.bit_length())

        with m.If(self.start):
            m.d.sync += [
                counters[reg.MVMS].eq(counters[reg.MVMS] + 1),
                counters[reg.ROWS_USED].eq(counters[reg.ROWS_USED] + self.rows),
                counters[reg.COLS_USED].eq(counters[reg.COLS_USED] + self.cols),
                cells.eq(cells + self.rows * self.cols),
            ]
        for event, number, amount in (
            (self.computing, reg.BUSY_CYCLES, 1),
            (self.waiting, reg.WAIT_CYCLES, 1),
            (self.bytes_in != 0, reg.BYTES_IN, self.bytes_in),
            (self.words_out != 0, reg.BYTES_OUT, self.words_out << 2),
            (self.weight, reg.PROGRAM_WRITES, 1),
        ):
            with m.If(event):
                m.d.sync += counters[number].eq(counters[number] + amount)

        m.d.comb += self.failed.eq(errors != 0)
        state = self.state.as_value()
        raised = state & _ERRORS
        with m.If(self.clear_errors):
            m.d.sync += errors.eq(0)
        with m.Elif(raised != 0):
            m.d.sync += errors.eq(errors | raised)

        with m.Switch(self.index):
            with m.Case(reg.STATUS):
                m.d.comb += self.data.eq((state & ~_ERRORS) | errors)
            with m.Case(reg.GEOMETRY):
                m.d.comb += self.data.eq(self._config.rows | self._config.cols << 16)
            with m.Case(reg.CELLS_USED):
                m.d.comb += self.data.eq(cells >> _CELLS_UNIT_LOG2)
            for number, counter in counters.items():
                with m.Case(number):
                    m.d.comb += self.data.eq(counter)
        return m
