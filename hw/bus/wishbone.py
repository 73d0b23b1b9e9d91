"""Wishbone B4 as VexRiscv speaks it: 30-bit word addresses, 32-bit data, incrementing bursts."""

from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CycleType", "Signature"]


class CycleType(enum.Enum, shape=3):
    """Cycle type identifier."""

    CLASSIC = 0b000
    INCR_BURST = 0b010
    END_OF_BURST = 0b111


class Signature(wiring.Signature):
    """The initiator's view of a Wishbone bus.

    ``adr`` is a word address. A transfer happens in each cycle with ``cyc & stb & ack``; after it
    a burst presents its next address in the following cycle. There is no ``err``: VexRiscv
    ignores it (see :mod:`tightrope.hw.cpu.bus_port` for how bad accesses are reported).
    """

    def __init__(self):
        super().__init__(
            {
                "adr": Out(30),
                "dat_w": Out(32),
                "dat_r": In(32),
                "sel": Out(4),
                "cyc": Out(1),
                "stb": Out(1),
                "we": Out(1),
                "cti": Out(CycleType),
                "ack": In(1),
            }
        )

    def __eq__(self, other):
        return isinstance(other, Signature)

    def __repr__(self):
        return "wishbone.Signature()"
