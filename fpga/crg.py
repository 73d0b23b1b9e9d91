"""Clock and reset of a board: oscillator, phase-locked loop, power-on reset."""

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out
from tightrope.hw.board import BOARD_DOMAIN

__all__ = ["Crg", "PowerOnReset"]

POWER_ON_BITS = 10
"""A thousand cycles: block RAM of an ECP5 must not be written in the first moments."""

_LOOP_FILTER = {
    "a_ICP_CURRENT": "12", "a_LPF_RESISTOR": "8",
    "a_MFG_ENABLE_FILTEROPAMP": "1", "a_MFG_GMCREF_SEL": "2",
}  # fmt: skip
"""Of the charge pump and the filter, as ecppll has them for every loop; what is not given is 0."""


class PowerOnReset(wiring.Component):
    """Reset from configuration on, until the clock has been steady for 2**POWER_ON_BITS cycles.

    In the domain of the board, whose reset this makes: its own registers have none.

    Members
    -------
    locked : In(1)
        The clock is steady; may change at any time. When it falls, all begins anew.
    reset : Out(1)
        A register.
    """

    locked: In(1)
    reset: Out(1, init=1)

    def __init__(self):
        super().__init__()
        self._count = Signal(POWER_ON_BITS, reset_less=True)

    def elaborate(self, platform):
        m = Module()
        locked = Signal()
        m.submodules.locked = FFSynchronizer(self.locked, locked, o_domain="power_on")
        m.domains.power_on = ClockDomain(local=True, reset_less=True)
        m.d.comb += ClockSignal("power_on").eq(ClockSignal(BOARD_DOMAIN))
        with m.If(~locked):
            m.d.power_on += [self._count.eq(0), self.reset.eq(1)]
        with m.Elif(self._count.all()):
            m.d.power_on += self.reset.eq(0)
        with m.Else():
            m.d.power_on += self._count.eq(self._count + 1)
        return m


class Crg(wiring.Component):
    """Makes clock and reset of the domain ``board``, which it is in, from the oscillator.

    Parameters
    ----------
    dividers : PllDividers or None
        None: the clock is the oscillator's.

    Members
    -------
    oscillator : In(1)
    board_clk, board_rst : Out(1)
    """

    oscillator: In(1)
    board_clk: Out(1)
    board_rst: Out(1)

    def __init__(self, *, dividers):
        self._dividers = dividers
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.power_on = power_on = PowerOnReset()
        if self._dividers is None:
            m.d.comb += [self.board_clk.eq(self.oscillator), power_on.locked.eq(1)]
        else:
            m.submodules.pll = self._pll(self.board_clk, power_on.locked)
        m.d.comb += self.board_rst.eq(power_on.reset)
        return m

    def _pll(self, clk, locked):
        dividers = self._dividers
        feedback = Signal()
        return Instance(
            "EHXPLLL",
            **_LOOP_FILTER,
            p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED", p_OUTDIVIDER_MUXA="DIVA", p_OUTDIVIDER_MUXB="DIVB",
            p_OUTDIVIDER_MUXC="DIVC", p_OUTDIVIDER_MUXD="DIVD",
            p_CLKI_DIV=dividers.input,
            p_CLKFB_DIV=dividers.feedback,
            p_FEEDBK_PATH="CLKOP",
            p_CLKOP_ENABLE="ENABLED", p_CLKOP_DIV=dividers.loop,
            p_CLKOP_CPHASE=dividers.loop - 1, p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED", p_CLKOS_DIV=dividers.output,
            p_CLKOS_CPHASE=dividers.output - 1, p_CLKOS_FPHASE=0,
            i_RST=0, i_STDBY=0, i_PHASESEL0=0, i_PHASESEL1=0, i_PHASEDIR=1, i_PHASESTEP=1,
            i_PHASELOADREG=1, i_PLLWAKESYNC=0, i_ENCLKOP=0, i_ENCLKOS=0,
            i_CLKI=self.oscillator, i_CLKFB=feedback,
            o_CLKOP=feedback, o_CLKOS=clk, o_LOCK=locked,
        )  # fmt: skip
