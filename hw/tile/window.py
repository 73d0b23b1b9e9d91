"""The window of an MVM: the configuration registers and the form in which they are captured."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from ..isa import TILE_SHIFT_POST, TileConfigReg

__all__ = ["Window", "WindowRegisters"]


class Window(data.StructLayout):
    """What an MVM computes with. At most 54 bits; ``post`` only with post-processing.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    """

    def __init__(self, *, config):
        post = {"post": 1} if config.post_lanes else {}
        super().__init__(
            {
                "row": bits_for(config.rows - 1),
                "rows": bits_for(config.rows),
                "col": bits_for(config.cols - 1),
                "cols": bits_for(config.cols),
                "shift": 5,
                "bytes": bits_for(config.rows),
                **post,
            }
        )


class WindowRegisters(wiring.Component):
    """The ROWS, COLS and SHIFT registers of a tile.

    Writes act in the next cycle, one per cycle. The reset value is an empty window.

    Parameters
    ----------
    config : TileConfig
        Geometry.

    Members
    -------
    en, index, data : In(1), In(3), In(32)
        Write of TileConfigReg ``index``; other registers than the three are ignored here.
    window : Out(Window(config=config))
        The registers, with ``bytes`` 0.
    valid : Out(1)
        The window has cells, lies in the array, and its columns are multiples of four.

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
                "window": Out(Window(config=config)),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows_valid = Signal()
        cols_valid = Signal()
        m.d.comb += self.valid.eq(rows_valid & cols_valid)

        first, count = self.data[:16], self.data[16:]
        end = Signal(17)
        m.d.comb += end.eq(first + count)

        with m.If(self.en), m.Switch(self.index):
            with m.Case(TileConfigReg.ROWS):
                m.d.sync += [
                    self.window.row.eq(first),
                    self.window.rows.eq(count),
                    rows_valid.eq((count != 0) & (end <= self._config.rows)),
                ]
            with m.Case(TileConfigReg.COLS):
                aligned = (first[:2] == 0) & (count[:2] == 0)
                m.d.sync += [
                    self.window.col.eq(first),
                    self.window.cols.eq(count),
                    cols_valid.eq((count != 0) & (end <= self._config.cols) & aligned),
                ]
            with m.Case(TileConfigReg.SHIFT):
                m.d.sync += self.window.shift.eq(self.data)
                if self._config.post_lanes:
                    m.d.sync += self.window.post.eq((self.data & TILE_SHIFT_POST) != 0)
        return m
