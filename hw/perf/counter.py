"""Counters of events that are late in their cycle."""

from amaranth.hdl import Signal

__all__ = ["counted"]


def counted(m, event, name):
    """A counter, 32 bits: by how much ``event`` was more than 0 in all cycles before this one.

    The event is kept for a cycle and added in the next: what decides whether it happens is often
    all that there is time for. What is returned has it already, so nobody can tell. It wraps; a
    reset makes it 0.
    """
    before = Signal(len(event), name=f"{name}_before")
    count = Signal(32, name=f"{name}_count")
    value = Signal(32, name=name)
    m.d.comb += value.eq(count + before)
    m.d.sync += [before.eq(event), count.eq(value)]
    return value
