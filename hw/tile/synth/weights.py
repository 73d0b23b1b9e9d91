"""The weights of an array, in words of as many columns as there are multipliers."""

from amaranth.hdl import Cat, Module, Mux, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2

from ...config import TileConfig, check_kind, check_power_of_two
from .memories import BlockMemory

__all__ = ["COLUMNS_STEP", "WeightStore", "check_lanes", "group_count"]

COLUMNS_STEP = 4
"""Columns that one programming write sets; windows begin at multiples of it."""


def check_lanes(config, lanes):
    """Raise HwConfigError unless ``lanes`` multipliers suit arrays of this geometry."""
    most = 1 << (config.cols.bit_length() - 1)
    check_power_of_two("lanes", lanes, COLUMNS_STEP, min(most, 64))


def group_count(config, lanes):
    """Groups of ``lanes`` columns in an array, the last one perhaps with fewer."""
    return -(-config.cols // lanes)


class WeightStore(wiring.Component):
    """Rows of groups of ``lanes`` columns: the word of row r and group g is r * group_count + g.

    One write and one read per cycle; a read answers in the next cycle, undefined if the word is
    written in its own. Contents are 0 at power-on and survive reset.

    Parameters
    ----------
    config : TileConfig
        Geometry and width.
    lanes : int
        See :func:`check_lanes`.

    Members
    -------
    en, row, col, data
        A write, see ``weight_*`` of ArrayInterface.
    read_addr : In
    weights : Out(ArrayLayout(signed(weight_bits), lanes))
        Of the address of the cycle before.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    HwConfigError
        If ``lanes`` does not suit it.
    """

    def __init__(self, *, config, lanes):
        check_kind("config", config, TileConfig)
        check_lanes(config, lanes)
        self._config = config
        self._lanes = lanes
        self._groups = group_count(config, lanes)
        super().__init__(
            {
                "en": In(1),
                "row": In(bits_for(config.rows - 1)),
                "col": In(bits_for(config.cols - 1)),
                "data": In(32),
                "read_addr": In(bits_for(config.rows * self._groups - 1)),
                "weights": Out(data.ArrayLayout(signed(config.weight_bits), lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # Byte enables of block RAM are for what one write sets: four columns.
        step_bits = COLUMNS_STEP * self._config.weight_bits
        steps = self._lanes // COLUMNS_STEP
        m.submodules.words = words = BlockMemory(
            part_bits=step_bits, parts=steps, depth=self._config.rows * self._groups
        )
        group = self.col[exact_log2(self._lanes) :]
        step = self.col[exact_log2(COLUMNS_STEP) : exact_log2(self._lanes)]
        held = Cat(self._held(self.data.word_select(i, 8)) for i in range(COLUMNS_STEP))
        m.d.comb += [
            words.write_addr.eq(self.row * self._groups + group),
            words.write_en.eq(self.en << step),
            words.read_addr.eq(self.read_addr),
            self.weights.as_value().eq(words.read_data.as_value()),
        ]
        for part in words.write_data:
            m.d.comb += part.eq(held)
        return m

    def _held(self, value):
        """What the array keeps of an int8."""
        bits = self._config.weight_bits
        limit = 1 << (bits - 1)
        upper = value[bits - 1 :]
        inside = upper.all() | ~upper.any()
        return Mux(inside, value[:bits], Mux(value[-1], limit, limit - 1))[:bits]
