"""A serial line: eight data bits, no parity, one stop bit.

Written here because PyPI's amaranth-stdio is an empty version 0.
"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter", "check_divisor"]

DATA_BITS = 8
FRAME_BITS = DATA_BITS + 2
"""With start and stop bit."""
MIN_DIVISOR = 4
"""Below, the middle of a bit is nothing one could speak of."""


def check_divisor(divisor):
    """Raise TypeError or ValueError unless a bit may take ``divisor`` cycles."""
    if not isinstance(divisor, int) or isinstance(divisor, bool):
        raise TypeError(f"divisor must be an integer, not {divisor!r}")
    if divisor < MIN_DIVISOR:
        raise ValueError(f"divisor must be at least {MIN_DIVISOR}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Bytes from a line.

    A byte is there for one cycle, in the middle of its stop bit; who doesn't take it then has lost
    it. One whose stop bit is 0 is dropped. Reset: nothing received, an idle line.

    Parameters
    ----------
    divisor : int
        Cycles per bit, at least MIN_DIVISOR.

    Members
    -------
    rx : In(1)
        Asynchronous; 1 when idle.
    valid : Out(1)
    data : Out(8)

    Raises
    ------
    TypeError, ValueError
        A divisor that can't be.
    """

    rx: In(1, init=1)
    valid: Out(1)
    data: Out(DATA_BITS)

    def __init__(self, *, divisor):
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self._divisor))
        bits_left = Signal(range(FRAME_BITS + 1))
        m.d.sync += self.valid.eq(0)
        with m.If((bits_left == 0) & ~line):
            m.d.sync += [timer.eq(self._divisor // 2 - 1), bits_left.eq(FRAME_BITS)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(bits_left != 0):
            m.d.sync += [timer.eq(self._divisor - 1), bits_left.eq(bits_left - 1)]
            with m.If(bits_left == 1):
                m.d.sync += self.valid.eq(line)
            with m.Else():
                # The start bit passes through here too, and out at the other end.
                m.d.sync += self.data.eq(Cat(self.data[1:], line))
            with m.If((bits_left == FRAME_BITS) & line):
                # Too short for a start bit.
                m.d.sync += bits_left.eq(0)
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a line, one after the other without a gap if they are there in time.

    A byte is taken in the cycle with ``valid & ready``; its start bit begins in the next one.
    Reset: an idle line.

    Parameters
    ----------
    divisor : int
        Cycles per bit, at least MIN_DIVISOR.

    Members
    -------
    tx : Out(1)
        From a register; 1 when idle.
    valid : In(1)
    data : In(8)
    ready : Out(1)

    Raises
    ------
    TypeError, ValueError
        A divisor that can't be.
    """

    tx: Out(1, init=1)
    valid: In(1)
    data: In(DATA_BITS)
    ready: Out(1)

    def __init__(self, *, divisor):
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self._divisor))
        bits_left = Signal(range(FRAME_BITS + 1))
        bits = Signal(FRAME_BITS, init=(1 << FRAME_BITS) - 1)
        m.d.comb += [self.tx.eq(bits[0]), self.ready.eq(bits_left == 0)]
        with m.If(self.ready & self.valid):
            m.d.sync += [
                bits.eq(Cat(Const(0, 1), self.data, Const(1, 1))),
                bits_left.eq(FRAME_BITS),
                timer.eq(self._divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(~self.ready):
            m.d.sync += [
                bits.eq(Cat(bits[1:], Const(1, 1))),
                bits_left.eq(bits_left - 1),
                timer.eq(self._divisor - 1),
            ]
        return m
