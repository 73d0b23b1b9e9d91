"""Synchronisation between harts: fetch-and-add counters, mutexes, a barrier."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus.arbiter import RoundRobin
from ..bus.onehot import onehot_mux
from ..bus.shared import RegisterBus
from ..regs import FETCH_ADD_COUNT, MUTEX_COUNT, SYNC_REGS

__all__ = ["SyncUnit"]

_OFFSET = {reg.name: reg.offset_bytes for reg in SYNC_REGS}


class SyncUnit(wiring.Component):
    """Atomic operations, one per cycle over all harts, round robin.

    Latency: counters and mutexes answer in the cycle they are granted. A read of the barrier is
    answered, for all harts together, in the cycle after the last of them has arrived. A hart that
    has arrived by a write to ARRIVE may go on; a second one before all have arrived does nothing,
    and a read of the barrier waits for the others as usual.
    Back-pressure: no acknowledgement. Reset: counters 0, mutexes free, nobody at the barrier.

    Parameters
    ----------
    hart_count : int

    Members
    -------
    ports : In(RegisterBus) * hart_count
    asleep : Out(hart_count)
        Harts whose barrier read is waiting.
    met : Out(hart_count)
        In the cycle in which all have arrived, those that did so by a write to ARRIVE.
    """

    def __init__(self, *, hart_count):
        self._hart_count = hart_count
        super().__init__(
            {
                "ports": In(RegisterBus(addr_width=12)).array(hart_count),
                "asleep": Out(hart_count),
                "met": Out(hart_count),
            }
        )

    def elaborate(self, platform):
        m = Module()
        count = self._hart_count
        ports = [self.ports[i] for i in range(count)]
        m.submodules.arbiter = arbiter = RoundRobin(count=count)
        group = Signal(4)
        idx = Signal(4)
        we = Signal()
        dat_w = Signal(32)
        result = Signal(32)
        at_barrier = [port.stb & (port.addr[8:] == _OFFSET["BARRIER"] >> 8) for port in ports]
        arrived = Signal(count)
        noted = Signal(count)  # by a write to ARRIVE
        arrives = Signal(count)
        release = Signal()

        m.d.comb += [
            arbiter.requests.eq(Cat(
                port.stb & ~barrier for port, barrier in zip(ports, at_barrier, strict=True))),
            arbiter.take.eq(1),
            group.eq(onehot_mux(arbiter.grant, [port.addr[8:] for port in ports])),
            idx.eq(onehot_mux(arbiter.grant, [port.addr[2:6] for port in ports])),
            we.eq(onehot_mux(arbiter.grant, [port.we for port in ports])),
            dat_w.eq(onehot_mux(arbiter.grant, [port.dat_w for port in ports])),
            self.asleep.eq(Cat(at_barrier) & ~release.replicate(count)),
        ]
        # The harts are registered as arrived first, so that the release doesn't depend on the
        # other harts' address decoders within one cycle.
        m.d.comb += release.eq(arrived.all())
        with m.If(we & (group == _OFFSET["ARRIVE"] >> 8)):
            m.d.comb += arrives.eq(arbiter.grant)
        with m.If(release):
            m.d.sync += [arrived.eq(0), noted.eq(0)]
        with m.Else():
            m.d.sync += [
                arrived.eq(Cat(at_barrier) | noted | arrives),
                noted.eq(noted | arrives),
            ]
        m.d.comb += self.met.eq(noted & release.replicate(count))

        self._counters_and_mutexes(m, arbiter.grant.any(), group, idx, we, dat_w, result)
        for i, port in enumerate(ports):
            m.d.comb += [
                port.ack.eq(arbiter.grant[i] | (at_barrier[i] & release)),
                port.dat_r.eq(result),
            ]
        return m

    def _counters_and_mutexes(self, m, granted, group, idx, we, dat_w, result):
        taken = Signal(MUTEX_COUNT)
        counts = Signal()
        value = self._add_counters(m, counts, idx, we, dat_w)
        with m.If(group == _OFFSET["FETCH_ADD"] >> 8):
            m.d.comb += [counts.eq(granted), result.eq(value)]
        with m.Elif(group == _OFFSET["MUTEX"] >> 8):
            m.d.comb += result.eq(~taken.bit_select(idx, 1))
            with m.If(granted):
                m.d.sync += taken.bit_select(idx, 1).eq(~we)

    def _add_counters(self, m, counts, idx, we, dat_w):
        """The counters; returns the one that is asked for, which ``counts`` changes.

        It is written a cycle later: a sum behind the choice of a counter would be late in its own.
        """
        counters = Array(Signal(32, name=f"counter_{i}") for i in range(FETCH_ADD_COUNT))
        changed = Signal()  # in the cycle before, the one of last_idx
        last_idx = Signal.like(idx, reset_less=True)
        last = Signal(32, reset_less=True)
        adds = Signal(reset_less=True)
        total = Signal(32)
        value = Signal(32)
        m.d.comb += [
            total.eq(last + adds),
            value.eq(Mux(changed & (idx == last_idx), total, counters[idx])),
        ]
        m.d.sync += [
            changed.eq(counts), adds.eq(~we), last.eq(Mux(we, dat_w, value)), last_idx.eq(idx),
        ]  # fmt: skip
        with m.If(changed):
            m.d.sync += counters[last_idx].eq(total)
        return value
