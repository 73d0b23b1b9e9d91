"""The converter behind the columns: a sum becomes a number of ``adc_bits``."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import TileConfig, check_kind
from .lanes import sum_shape

__all__ = ["CONVERTER_CYCLES", "Converter"]

CONVERTER_CYCLES = 3


class Converter(wiring.Component):
    """``clip(round_half_away(sum / 2**shift))``; with ``adc_bits=32`` the sum as it is.

    What goes in at cycle t comes out at t + CONVERTER_CYCLES. One sum per cycle. ``shift`` must
    stay until then. Outputs are undefined before the first sum.

    Parameters
    ----------
    config : TileConfig
        Widths.

    Members
    -------
    i : In(sum_shape(config))
    shift : In(5)
    o : Out(signed(8 * config.output_bytes))
    """

    def __init__(self, *, config):
        check_kind("config", config, TileConfig)
        self._config = config
        super().__init__(
            {
                "i": In(sum_shape(config)),
                "shift": In(5),
                "o": Out(signed(8 * config.output_bytes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = self._config.adc_bits
        if bits == 32:
            value = self.i
            for i in range(CONVERTER_CYCLES - 1):
                delayed = Signal.like(value, name=f"delayed_{i}", reset_less=True)
                m.d.sync += delayed.eq(value)
                value = delayed
            m.d.sync += self.o.eq(value)
            return m

        negative = Signal(CONVERTER_CYCLES - 1, reset_less=True)
        magnitude = Signal(len(self.i), reset_less=True)
        # With one bit of fraction, which is all that rounding to the nearest wants to know.
        halves = Signal(len(self.i) + 1, reset_less=True)
        rounded = Signal(len(self.i))
        limit = 1 << (bits - 1)
        m.d.sync += [
            magnitude.eq(Mux(self.i < 0, -self.i, self.i)),
            negative[0].eq(self.i < 0),
            halves.eq((magnitude << 1) >> self.shift),
            negative[1].eq(negative[0]),
        ]
        m.d.comb += rounded.eq((halves >> 1) + halves[0])
        with m.If(negative[1]):
            m.d.sync += self.o.eq(Mux(rounded >= limit, -limit, -rounded))
        with m.Else():
            m.d.sync += self.o.eq(Mux(rounded >= limit, limit - 1, rounded))
        return m
