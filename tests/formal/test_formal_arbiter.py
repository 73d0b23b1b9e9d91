import pytest
from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from proof import Verdict, prove
from tightrope.hw.bus.arbiter import RoundRobin


class LowestFirst(wiring.Component):
    """An arbiter that is not fair."""

    def __init__(self, *, count):
        self._count = count
        super().__init__({"requests": In(count), "grant": Out(count), "take": In(1)})

    def elaborate(self, platform):
        m = Module()
        above = Signal(self._count)
        m.d.comb += self.grant.eq(self.requests & (~self.requests + 1))
        with m.If(self.take & self.grant.any()):
            m.d.sync += above.eq(~(self.grant | (self.grant - 1)))
        return m


class Monitor(wiring.Component):
    """One grant at a time, to somebody who asks; nobody is passed over ``count`` times."""

    def __init__(self, *, dut, count, wait_limit=None):
        self._dut = dut
        self._count = count
        self._wait_limit = count if wait_limit is None else wait_limit
        super().__init__({"requests": In(count), "take": In(1), "above": In(count)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = self._dut
        count, grant = self._count, dut.grant
        m.d.comb += [
            dut.requests.eq(self.requests),
            dut.take.eq(self.take),
            Assert((grant & (grant - 1)) == 0),
            Assert((grant & ~self.requests) == 0),
            Assert(grant.any() == self.requests.any()),
        ]
        served = Signal(range(count), init=count - 1)
        m.d.comb += [
            Assert(served < count),
            Assert(self.above == ((1 << count) - 2 << served)[:count]),
        ]
        for i in range(count):
            with m.If(self.take & grant[i]):
                m.d.sync += served.eq(i)
            self._count_turns(m, i, served)
        return m

    def _count_turns(self, m, i, served):
        passed_over = Signal(range(self._count + 1), name=f"passed_over_{i}")
        others_first = Mux(served < i, i - 1 - served, self._count + i - 1 - served)
        grant = self._dut.grant
        with m.If(~self.requests[i] | (self.take & grant[i])):
            m.d.sync += passed_over.eq(0)
        with m.Elif(self.take & grant.any()):
            m.d.sync += passed_over.eq(passed_over + 1)
        m.d.comb += Assert(passed_over < self._wait_limit)
        if self._wait_limit == self._count:
            # Why it holds, for the induction.
            m.d.comb += Assert(passed_over + others_first < self._count)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_round_robin_grants_one_request_and_passes_nobody_over_twice_in_a_turn(count):
    monitor = Monitor(dut=RoundRobin(count=count), count=count)
    assert prove(monitor, probes=["above"]) is Verdict.PROVEN


def test_round_robin_may_let_a_request_wait_for_all_others():
    monitor = Monitor(dut=RoundRobin(count=4), count=4, wait_limit=3)
    assert prove(monitor, probes=["above"]) is Verdict.REFUTED


def test_an_unfair_arbiter_is_refuted():
    monitor = Monitor(dut=LowestFirst(count=4), count=4)
    assert prove(monitor, probes=["above"]) is Verdict.REFUTED
