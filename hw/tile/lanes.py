"""Raw converter results become int8, several per cycle."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import TileConfig, check_kind
from ..digital.requantiser import Activation, Requantiser
from .constants import Constants

__all__ = ["LANE_LATENCY_CYCLES", "PostGroup", "PostLanes", "RawGroup"]

LANE_LATENCY_CYCLES = 4
"""From ``i`` to ``o`` of PostLanes."""

_FLAGS = {"half": 1, "last": 1}


class RawGroup(data.StructLayout):
    """Neighbouring converter results; ``half``: only the first four; ``last`` ends an MVM's.

    ``shift`` is that of the converter.
    """

    def __init__(self, *, config):
        elements = data.ArrayLayout(signed(8 * config.output_bytes), config.post_lanes)
        super().__init__({**_FLAGS, "elements": elements, "shift": 5})


class PostGroup(data.StructLayout):
    """What became of a RawGroup."""

    def __init__(self, *, lanes):
        super().__init__({**_FLAGS, "data": 8 * lanes})


class PostLanes(wiring.Component):
    """``clip(requantise((element << shift) + bias, scale) + zero_point, min, max)``, in int32.

    What comes in at cycle t is at ``o`` in cycle t + LANE_LATENCY_CYCLES, for one cycle; one group
    per cycle, never any back-pressure. An ideal converter has no shift. Reset empties it.

    Parameters
    ----------
    config : TileConfig
        With ``post_lanes``.

    Members
    -------
    i_valid, i : In(1), In(RawGroup(config=config))
    constants : In(ArrayLayout(Constants, post_lanes))
        For what came in the cycle before.
    activation : In(Activation)
        Must not change while something is on its way.
    o_valid, o : Out(1), Out(PostGroup(lanes=post_lanes))

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
                "i_valid": In(1),
                "i": In(RawGroup(config=config)),
                "constants": In(data.ArrayLayout(Constants, config.post_lanes)),
                "activation": In(Activation),
                "o_valid": Out(1),
                "o": Out(PostGroup(lanes=config.post_lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        valid = Signal()
        group = Signal.like(self.i, reset_less=True)
        m.d.sync += [valid.eq(self.i_valid), group.eq(self.i)]

        results = []
        for lane in range(self._config.post_lanes):
            m.submodules[f"requantiser_{lane}"] = requantiser = Requantiser()
            element, constants = group.elements[lane], self.constants[lane]
            shifted = Signal(signed(32), name=f"shifted_{lane}")
            ideal = self._config.adc_bits == 32
            m.d.comb += [
                shifted.eq(element if ideal else element << group.shift),
                requantiser.i.valid.eq(valid),
                requantiser.i.payload.value.eq(shifted + constants.bias),
                requantiser.i.payload.scale.eq(constants.scale),
                requantiser.activation.eq(self.activation),
            ]
            results.append(requantiser.o.payload)
        m.d.comb += [self.o_valid.eq(requantiser.o.valid), self.o.data.eq(Cat(results))]

        flags = Cat(group.half, group.last)
        for stage in range(LANE_LATENCY_CYCLES - 1):
            delayed = Signal(2, name=f"flags_{stage}", reset_less=True)
            m.d.sync += delayed.eq(flags)
            flags = delayed
        m.d.comb += Cat(self.o.half, self.o.last).eq(flags)
        return m
