import pytest
from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from proof import Verdict, prove
from tightrope.hw.bus import crossbar
from tightrope.hw.bus.word_port import WordPort

BANKS = 4
BANK_WORDS = 2
ADDR_WIDTH = 4


def make(lanes):
    return crossbar.Crossbar(lanes=lanes, banks=BANKS, bank_words=BANK_WORDS, addr_width=ADDR_WIDTH)


class Monitor(wiring.Component):
    """Any requests, and what a bank and a lane may rely on.

    ``wait_limit`` is the number of cycles a lane is claimed never to stand in front of a bank;
    ``never`` names an event that is claimed not to happen.
    """

    def __init__(self, *, lanes, wait_limit=None, never=""):
        self._lanes = lanes
        self._wait_limit = len(lanes) if wait_limit is None else wait_limit
        self._never = never
        super().__init__({"ports": In(WordPort(addr_width=ADDR_WIDTH)).array(sum(lanes))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = make(self._lanes)
        ports = [self.ports[i] for i in range(sum(self._lanes))]
        lanes = [lane for requester in dut.requesters for lane in requester]
        for port, lane in zip(ports, lanes, strict=True):
            wiring.connect(m, wiring.flipped(port), lane)
        banks_asked = self._banks_asked(m, ports)
        for bank_idx in range(BANKS):
            at = [
                (port, port.valid & (asked == bank_idx))
                for port, asked in zip(ports, banks_asked, strict=True)
            ]
            self._watch_bank(m, dut.banks[bank_idx], at)
        for i, (port, asked) in enumerate(zip(ports, banks_asked, strict=True)):
            m.d.comb += Assert(port.valid | ~port.ready)
            self._watch_turn(m, i, port, asked)
        if self._never:
            waits = Cat(port.valid & ~port.ready for port in ports)
            event = {"conflict": waits.any(), "all": Cat(port.ready for port in ports).all()}
            m.d.comb += Assert(~event[self._never])
        return m

    def _banks_asked(self, m, ports):
        """A lane's number stands for the low bits of its address."""
        numbers = [(lane, count) for count in self._lanes for lane in range(count)]
        return [
            (port.addr[:2] & (BANKS - count)) | lane
            for port, (lane, count) in zip(ports, numbers, strict=True)
        ]

    def _watch_bank(self, m, bank, at):
        """One grant, which is what the bank sees; if somebody asks, somebody is granted."""
        granted = [asks & port.ready for port, asks in at]
        m.d.comb += [
            Assert(sum(granted) <= 1),
            Assert(Cat(granted).any() == Cat(asks for _, asks in at).any()),
            Assert(Cat(granted).any() | ~bank.en),
        ]
        for (port, _), grant in zip(at, granted, strict=True):
            inside = ~port.addr[-1]
            asked = Cat(port.write, port.addr[2:3], port.data, port.mask)
            seen = Cat(bank.write, bank.addr, bank.data, bank.mask)
            m.d.comb += [
                Assert(~grant | (bank.en == inside)),
                Assert(~grant | ~inside | (seen == asked)),
            ]

    def _watch_turn(self, m, i, port, asked):
        stood_cycles = Signal(range(len(self._lanes) + 1), name=f"stood_cycles_{i}")
        asked_before = Signal(2, name=f"asked_before_{i}")
        stands = Signal(range(len(self._lanes) + 1), name=f"stands_{i}")
        m.d.comb += [
            stands.eq(Mux(asked == asked_before, stood_cycles, 0)),
            Assert(~port.valid | port.ready | (stands + 1 < self._wait_limit)),
        ]
        m.d.sync += [
            asked_before.eq(asked),
            stood_cycles.eq(Mux(port.valid & ~port.ready, stands + 1, 0)),
        ]


class Broken(wiring.Component):
    """Arbiters that grant everybody, or the lowest, or nobody with number 0."""

    def __init__(self, *, count):
        super().__init__({"requests": In(count), "grant": Out(count), "take": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.grant.eq(self.choose(self.requests))
        return m


class GrantsAll(Broken):
    def choose(self, requests):
        return requests


class LowestFirst(Broken):
    def choose(self, requests):
        return requests & (~requests + 1)


class GrantsUnasked(Broken):
    def choose(self, requests):
        return 1


@pytest.mark.parametrize("lanes", [(1, 1), (1, 1, 2), (1, 4, 2, 1)])
def test_a_bank_grants_one_lane_that_asks_it_and_nobody_waits_more_than_a_turn(lanes):
    assert prove(Monitor(lanes=lanes), steps=len(lanes) + 2) is Verdict.PROVEN


def test_a_lane_may_have_to_wait_for_all_other_requesters():
    monitor = Monitor(lanes=(1, 1, 2), wait_limit=2)
    assert prove(monitor, steps=5) is Verdict.REFUTED


@pytest.mark.parametrize("event", ["conflict", "all"])
def test_the_monitor_leaves_room_for(event):
    assert prove(Monitor(lanes=(1, 2), never=event), steps=4) is Verdict.REFUTED


@pytest.mark.parametrize("arbiter", [GrantsAll, LowestFirst, GrantsUnasked])
def test_a_broken_arbiter_is_refuted(arbiter, monkeypatch):
    monkeypatch.setattr(crossbar, "RoundRobin", arbiter)
    assert prove(Monitor(lanes=(1, 1, 2)), steps=5) is Verdict.REFUTED
