import functools
import operator

import pytest
from amaranth.hdl import Array, Assert, Assume, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from proof import Verdict, prove
from tightrope.hw.bus.shared import RegisterBus
from tightrope.hw.regs import FETCH_ADD_COUNT, MUTEX_COUNT
from tightrope.hw.sync.unit import SyncUnit

COUNTERS = [f"counter_{i}" for i in range(FETCH_ADD_COUNT)]
PROBES = ["taken", "arrived", "noted", "changed", "last_idx", "total", *COUNTERS]
FETCH_ADD, MUTEX, BARRIER, ARRIVE = range(4)


class Monitor(wiring.Component):
    """Harts that keep to the bus's rules, and what they may then rely on.

    ``chosen`` is any counter and any mutex. ``never`` names an event that is claimed not to happen.
    """

    def __init__(self, *, harts, never=""):
        self._harts = harts
        self._never = never
        super().__init__(
            {
                "ports": In(RegisterBus(addr_width=12)).array(harts),
                "chosen": In(4),
                "taken": In(MUTEX_COUNT),
                "arrived": In(harts),
                "noted": In(harts),
                "changed": In(1),
                "last_idx": In(4),
                "total": In(32),
                **{name: In(32) for name in COUNTERS},
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = SyncUnit(hart_count=self._harts)
        ports = [self.ports[i] for i in range(self._harts)]
        for i, port in enumerate(ports):
            wiring.connect(m, wiring.flipped(port), dut.ports[i])
            self._assume_rules(m, port)
        self._assume_constant(m, self.chosen)
        groups = [[port.stb & (port.addr[8:] == group) for port in ports] for group in range(4)]
        here = [port.addr[2:6] == self.chosen for port in ports]

        def happens(group, write):
            return [
                asked & at & port.ack & (port.we == write)
                for asked, at, port in zip(groups[group], here, ports, strict=True)
            ]

        value = ports[0].dat_r
        acks = [port.ack & ~at for port, at in zip(ports, groups[BARRIER], strict=True)]
        m.d.comb += [
            *(Assert(port.stb | ~port.ack) for port in ports),
            *(Assert(port.dat_r == value) for port in ports),
            Assert(sum(acks) <= 1),
        ]
        self._watch_counter(m, happens, ports)
        self._watch_mutex(m, happens, value)
        self._watch_barrier(m, groups[BARRIER], groups[ARRIVE], ports, dut.met)
        return m

    def _assume_rules(self, m, port):
        """A request stays as it is until it is acknowledged."""
        waiting = Signal()
        request = Cat(port.we, port.addr, port.dat_w)
        before = Signal(len(request))
        m.d.sync += [waiting.eq(port.stb & ~port.ack), before.eq(request)]
        m.d.comb += Assume(~waiting | (port.stb & (request == before)))

    def _assume_constant(self, m, signal):
        running = Signal()
        before = Signal.like(signal)
        m.d.sync += [running.eq(1), before.eq(signal)]
        m.d.comb += Assume(~running | (signal == before))

    def _watch_counter(self, m, happens, ports):
        expected = Signal(32)
        reads, writes = happens(FETCH_ADD, 0), happens(FETCH_ADD, 1)
        for port, read, write in zip(ports, reads, writes, strict=True):
            m.d.comb += Assert(~read | (port.dat_r == expected))
            with m.If(write):
                m.d.sync += expected.eq(port.dat_w)
            with m.Elif(read):
                m.d.sync += expected.eq(expected + 1)
        counter = Array(getattr(self, name) for name in COUNTERS)[self.chosen]
        on_its_way = self.changed & (self.last_idx == self.chosen)
        m.d.comb += Assert(expected == Mux(on_its_way, self.total, counter))
        if self._never == "counts to 3":
            m.d.comb += Assert(expected != 3)

    def _watch_mutex(self, m, happens, value):
        held = Signal()
        read, write = (functools.reduce(operator.or_, happens(MUTEX, we)) for we in (0, 1))
        m.d.comb += [
            Assert(~read | (value == ~held)),
            Assert(held == self.taken.bit_select(self.chosen, 1)),
        ]
        with m.If(read):
            m.d.sync += held.eq(1)
        with m.Elif(write):
            m.d.sync += held.eq(0)
        if self._never == "refuses a mutex":
            m.d.comb += Assert(~(read & held))

    def _watch_barrier(self, m, at_barrier, at_arrive, ports, met):
        """Harts wait there, or have told that they are there; or both."""
        passes = Cat(port.ack & at for port, at in zip(ports, at_barrier, strict=True))
        tells = Cat(
            port.ack & port.we & at for port, at in zip(ports, at_arrive, strict=True)
        )
        here = Cat(at_barrier)
        told = Signal(self._harts)
        all_were_here = Signal()
        opens = passes.any() | met.any()
        m.d.sync += all_were_here.eq((here | told).all() & ~opens)
        with m.If(opens):
            m.d.sync += told.eq(0)
        with m.Else():
            m.d.sync += told.eq(told | tells)
        m.d.comb += [
            Assert(~opens | (passes | met).all()),
            Assert(~opens | ((passes == here) & (met == told))),
            Assert(opens | ~all_were_here),
            Assert((self.arrived & ~(here | told)) == 0),
            Assert((told & ~self.arrived) == 0),
            Assert(told == self.noted),
        ]
        if self._never == "opens the barrier":
            m.d.comb += Assert(~opens)
        if self._never == "opens for one that waits and one that told":
            m.d.comb += Assert(~(passes.any() & met.any()))


OPENINGS = ["opens the barrier", "opens for one that waits and one that told"]


@pytest.mark.parametrize("harts", [1, 8])
def test_counters_lose_nothing_a_mutex_has_one_owner_and_the_barrier_opens_for_all(harts):
    assert prove(Monitor(harts=harts), probes=PROBES) is Verdict.PROVEN


@pytest.mark.parametrize("event", ["counts to 3", "refuses a mutex", *OPENINGS])
def test_the_assumptions_leave_room_for(event):
    assert prove(Monitor(harts=2, never=event), probes=PROBES) is Verdict.REFUTED
