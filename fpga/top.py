"""The whole of what is in the FPGA: machine, host link, clock and pins."""

from amaranth.hdl import ClockDomain, Module
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out, connect
from tightrope.hw.board import BOARD_DOMAIN

from .crg import Crg
from .machine import FAULTS

__all__ = ["BoardTop", "Top"]

STATUS = ("done", "exit_status", "cycles", *(f"fault_{name}" for name in FAULTS), "late")


class Top(wiring.Component):
    """Machine and link, in the domain ``board``: all of the design but its clock and its pins.

    Parameters
    ----------
    machine : BoardMachine
    link : Component
        With the members that follow, in the domain ``board``: ``rx : In(1)``, which it synchronises
        by itself, ``tx : Out(1)``; ``hold : Out(1)`` and ``memory : Out(HostMemoryPort())`` for the
        machine's; and an input for each of the machine's outputs in STATUS.

    Members
    -------
    rx : In(1)
    tx : Out(1)
    """

    rx: In(1, init=1)
    tx: Out(1, init=1)

    def __init__(self, *, machine, link):
        self._machine = machine
        self._link = link
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.machine = machine = self._machine
        m.submodules.link = link = self._link
        connect(m, link.memory, machine.memory)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx), machine.hold.eq(link.hold)]
        for name in STATUS:
            m.d.comb += getattr(link, name).eq(getattr(machine, name))
        return m


class BoardTop(wiring.Component):
    """A :class:`Top` at the pins of a board: its oscillator and its UART.

    For a platform of amaranth-boards with resources of the names in ``board``.

    Parameters
    ----------
    top : Top
    board : Board
    dividers : PllDividers or None
        See :class:`Crg`.
    """

    def __init__(self, *, top, board, dividers):
        self._top = top
        self._board = board
        self._dividers = dividers
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        board = self._board
        m.domains.board = domain = ClockDomain(BOARD_DOMAIN)
        m.submodules.crg = crg = Crg(dividers=self._dividers)
        m.submodules.top = top = self._top
        m.submodules.oscillator = oscillator = io.Buffer(
            "i", platform.request(board.oscillator, dir="-")
        )
        uart = platform.request("uart", dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [
            crg.oscillator.eq(oscillator.i), domain.clk.eq(crg.board_clk),
            domain.rst.eq(crg.board_rst), top.rx.eq(rx.i), tx.o.eq(top.tx),
        ]  # fmt: skip
        return m
