"""What a hart sleeps for: pending events, their mask, and the wake line."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus.shared import RegisterBus
from ..regs import HART_LOCAL_REGS, Event

__all__ = ["EVENT_BITS", "EventUnit"]

_OFFSET = {reg.name: reg.offset_bytes for reg in HART_LOCAL_REGS}
EVENT_BITS = sum(Event).bit_length()


class EventUnit(wiring.Component):
    """The EVENT_PENDING, EVENT_MASK and SLEEP registers of a hart.

    An event is pending from the cycle after it on, until it is cleared; one that happens while it
    is cleared stays. ``wake`` is high while one of the mask is pending: firmware enables the
    core's timer interrupt for ``wfi`` alone, with interrupts off, so that it is never taken. The
    hart counts as asleep from the cycle after a write to SLEEP to the one before ``wake``; with
    ``wake`` high already, not at all. Latency of accesses: none. Reset: nothing pending, nothing
    enabled, awake.

    Members
    -------
    bus : In(RegisterBus(addr_width=12))
        Other registers are ignored and read as 0.
    happened : In(EVENT_BITS)
        Event bits, for one cycle each.
    wake, asleep : Out(1)
    """

    bus: In(RegisterBus(addr_width=12))
    happened: In(EVENT_BITS)
    wake: Out(1)
    asleep: Out(1)

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        pending = Signal(EVENT_BITS)
        mask = Signal(EVENT_BITS)
        cleared = Signal(EVENT_BITS)
        sleeping = Signal()
        m.d.comb += [
            bus.ack.eq(bus.stb),
            self.wake.eq((pending & mask).any()),
            self.asleep.eq(sleeping & ~self.wake),
        ]
        m.d.sync += pending.eq(pending & ~cleared | self.happened)
        with m.If(self.wake):
            m.d.sync += sleeping.eq(0)
        with m.Switch(bus.addr):
            with m.Case(_OFFSET["EVENT_PENDING"]):
                m.d.comb += bus.dat_r.eq(pending)
                with m.If(bus.stb & bus.we):
                    m.d.comb += cleared.eq(bus.dat_w)
            with m.Case(_OFFSET["EVENT_MASK"]):
                m.d.comb += bus.dat_r.eq(mask)
                with m.If(bus.stb & bus.we):
                    m.d.sync += mask.eq(bus.dat_w)
            with m.Case(_OFFSET["SLEEP"]), m.If(bus.stb & bus.we & ~self.wake):
                m.d.sync += sleeping.eq(1)
        return m
