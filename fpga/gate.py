"""The gate of the machine's clock: it has no edge while the machine is late, see docs/fpga.md."""

from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from tightrope.hw.board import BOARD_DOMAIN

__all__ = ["EcpGate", "NoGate", "SimulationGate"]


class _Gate(wiring.Component):
    """A gate of the board's clock.

    Members
    -------
    late : In(1)
        In a cycle of the board in which this is 1, ``clk`` has no edge at the end.
    clk : Out(1)
        The machine's clock; its edges are the board's.
    """

    late: In(1)
    clk: Out(1)

    def _add_runs(self, m):
        """Whether the next edge is the machine's too: a register of the falling edge, so that it
        changes while the clock is low and no pulse is cut short."""
        m.domains.fall = ClockDomain(local=True, reset_less=True, clk_edge="neg")
        runs = Signal(init=1)
        m.d.comb += ClockSignal("fall").eq(ClockSignal(BOARD_DOMAIN))
        m.d.fall += runs.eq(~self.late)
        return runs


class EcpGate(_Gate):
    """The gate that each global clock of an ECP5 passes."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.gate = Instance(
            "DCCA", i_CLKI=ClockSignal(BOARD_DOMAIN), i_CE=self._add_runs(m), o_CLKO=self.clk
        )
        return m


class SimulationGate(_Gate):
    """The same as logic, for Verilator: both clocks rise before any register changes.

    Not for Amaranth's simulator, where the machine's would rise a step after the board's.
    """

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.clk.eq(ClockSignal(BOARD_DOMAIN) & self._add_runs(m))
        return m


class NoGate(_Gate):
    """One clock for a machine that is never late: without tiles, with its memory on chip."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.clk.eq(ClockSignal(BOARD_DOMAIN))
        return m
