"""The requantiser: an accumulator times a scale becomes an int8, one per cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Activation", "Requantisation", "Requantiser", "Scale"]

Scale = data.StructLayout({"shift": 6, "multiplier": 26})
"""A word: the multiplier is a multiple of 64, of which the lower 6 bits are left out."""

Requantisation = data.StructLayout({"value": signed(32), "scale": Scale})

Activation = data.StructLayout({"zero_point": signed(8), "min": signed(8), "max": signed(8)})

_FRACTION_BITS = 26
"""Bits of the product that even the least shift drops: 32, less the 6 of the multiplier."""


class Requantiser(wiring.Component):
    """``clip(value * multiplier / 2**shift + zero_point, min, max)``, rounded half to even, exact.

    A pipeline of three registers (operands, product, shifted product) and the last sum and clip
    behind them: what comes in at cycle t is at ``o`` in cycle t + 3, for one cycle. One value per
    cycle, never any back-pressure on either side; results come out in order. Reset empties it.

    A shift counts modulo 32: outside 32 .. 62 it is taken as the one of 32 .. 63 that agrees in its
    lower five bits. A result is undefined if ``min > max``, or if ``activation`` changes while it
    is on its way.

    Members
    -------
    i : In(stream.Signature(Requantisation, always_ready=True))
    activation : In(Activation)
    o : Out(stream.Signature(signed(8), always_ready=True))
    busy : Out(1)
        Something is on its way, or at ``o``.
    """

    i: In(stream.Signature(Requantisation, always_ready=True))
    activation: In(Activation)
    o: Out(stream.Signature(signed(8), always_ready=True))
    busy: Out(1)

    def elaborate(self, platform):
        m = Module()
        on_its_way = Signal(3)
        taken = Signal(Requantisation, reset_less=True)
        product = Signal(signed(32 + _FRACTION_BITS), reset_less=True)
        distance = Signal(5, reset_less=True)
        m.d.sync += [
            on_its_way.eq(Cat(self.i.valid, on_its_way)),
            taken.eq(self.i.payload),
            product.eq(taken.value * taken.scale.multiplier),
            distance.eq(taken.scale.shift),
        ]
        quotient, round_up = self._shift(m, product, distance)
        m.d.comb += [
            self.busy.eq(on_its_way.any()),
            self.o.valid.eq(on_its_way[-1]),
            self.o.payload.eq(self._activate(m, quotient, round_up)),
        ]
        return m

    def _shift(self, m, product, distance):
        """Divide by 2**(_FRACTION_BITS + distance): registers of the quotient and its rounding."""
        # The quotient with one bit of fraction, and whether any lower one is set.
        word, rest = product[_FRACTION_BITS - 1 :].as_signed(), product[: _FRACTION_BITS - 1].any()
        for i in range(len(distance)):
            shifted = Signal.like(word, name=f"shifted_{i}")
            shifted_rest = Signal(name=f"rest_{i}")
            m.d.comb += [shifted.eq(word), shifted_rest.eq(rest)]
            with m.If(distance[i]):
                m.d.comb += shifted.eq(word >> (1 << i))
                m.d.comb += shifted_rest.eq(rest | word[: 1 << i].any())
            word, rest = shifted, shifted_rest

        # Whatever is outside -256 .. 255 becomes min or max, for every zero point: nine bits do.
        quotient = Signal(signed(9), reset_less=True)
        round_up = Signal(reset_less=True)
        whole, sign = word[1:], word[-1]
        inside = (whole[8:] == 0) | whole[8:].all()
        m.d.sync += [
            quotient.eq(Mux(inside, whole[:9].as_signed(), Mux(sign, -256, 255))),
            round_up.eq(word[0] & (rest | whole[0])),
        ]
        return quotient, round_up

    def _activate(self, m, quotient, round_up):
        result = Signal(signed(10))
        m.d.comb += result.eq(quotient + round_up + self.activation.zero_point)
        low, high = self.activation.min, self.activation.max
        return Mux(result < low, low, Mux(result > high, high, result))
