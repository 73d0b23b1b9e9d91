"""The multipliers of an array: one column each."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...config import TileConfig, check_kind

__all__ = ["MacLanes", "sum_shape"]

_MOST_INPUT = 128
"""The largest magnitude of an int8."""


def sum_shape(config):
    """The shape that holds every sum of a column: of ``rows`` products of -128 and the least."""
    most = config.rows * _MOST_INPUT << (config.weight_bits - 1)
    return signed(bits_for(most) + 1)


class MacLanes(wiring.Component):
    """``sums[i] += value * weights[i]``, exact.

    A product is in its sum two cycles after its operands. One row per cycle. ``clear`` empties the
    sums, also of what is under way. Reset: no product under way.

    Parameters
    ----------
    config : TileConfig
        Widths.
    lanes : int

    Members
    -------
    clear, en : In(1)
    value : In(signed(8))
    weights : In(ArrayLayout(signed(weight_bits), lanes))
    sums : Out(ArrayLayout(sum_shape(config), lanes))
    """

    def __init__(self, *, config, lanes):
        check_kind("config", config, TileConfig)
        self._config = config
        self._lanes = lanes
        super().__init__(
            {
                "clear": In(1),
                "en": In(1),
                "value": In(signed(8)),
                "weights": In(data.ArrayLayout(signed(config.weight_bits), lanes)),
                "sums": Out(data.ArrayLayout(sum_shape(config), lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        multiplied = Signal()
        m.d.sync += multiplied.eq(self.en & ~self.clear)
        for i in range(self._lanes):
            product = Signal(
                signed(8 + self._config.weight_bits), name=f"product_{i}", reset_less=True
            )
            m.d.sync += product.eq(self.value * self.weights[i])
            with m.If(self.clear):
                m.d.sync += self.sums[i].eq(0)
            with m.Elif(multiplied):
                m.d.sync += self.sums[i].eq(self.sums[i] + product)
        return m
