"""The crossbar: harts and streamers to the banks of a word-interleaved memory."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..config import HwConfigError, check_power_of_two
from .arbiter import RoundRobin
from .onehot import onehot_mux
from .word_port import BankPort, WordPort

__all__ = ["Crossbar"]


class Crossbar(wiring.Component):
    """Each bank serves one word per cycle, round robin among the requesters that ask it.

    A requester has one or more lanes, each a WordPort. Lane l of a requester with n lanes asks for
    word addresses with ``addr % n == l`` only (those address bits are ignored), so its lanes never
    meet in a bank and share one place in each bank's turn. Any other address is free.

    Latency: a request without a conflict is granted in its own cycle, its answer comes in the next.
    Throughput: one word per lane and cycle, and per bank and cycle. Back-pressure: ``ready``. A
    lane that keeps asking the same bank is granted within as many cycles as there are requesters.
    A request beyond the last bank's end waits for its turn like any other, then is answered with
    ``error``. Reset: no answer outstanding, requester 0 is first everywhere.

    Parameters
    ----------
    lanes : sequence of int
        For each requester its lanes: 1, 2, 4, 8 or 16, at most ``banks``.
    banks : int
        2 to 32, a power of two; a word's bank is ``addr % banks``.
    bank_words : int
        A power of two, at least 2.
    addr_width : int
        Of word addresses; wider than the memory needs, at most 30.

    Members
    -------
    requester_<i> : In(WordPort(addr_width=addr_width)) * lanes[i]
        Also as ``requesters[i]``.
    banks : Out(BankPort(words=bank_words)) * banks
    conflict : Out(len(lanes))
        The requesters that ask for a word and don't get it in this cycle.

    Raises
    ------
    HwConfigError
    """

    def __init__(self, *, lanes, banks, bank_words, addr_width):
        check_power_of_two("crossbar.banks", banks, 2, 32)
        check_power_of_two("crossbar.bank_words", bank_words, 2, 1 << 28)
        if not lanes:
            raise HwConfigError("crossbar.lanes must name at least one requester")
        for i, count in enumerate(lanes):
            check_power_of_two(f"crossbar.lanes[{i}]", count, 1, min(banks, 16))
        least = exact_log2(banks * bank_words) + 1
        if not isinstance(addr_width, int) or not least <= addr_width <= 30:
            raise HwConfigError(
                f"crossbar.addr_width must be an integer from {least} to 30, not {addr_width!r}"
            )
        self._bank_bits = exact_log2(banks)
        self._row_bits = exact_log2(bank_words)
        port = WordPort(addr_width=addr_width)
        super().__init__(
            {
                **{f"requester_{i}": In(port).array(count) for i, count in enumerate(lanes)},
                "banks": Out(BankPort(words=bank_words)).array(banks),
                "conflict": Out(len(lanes)),
            }
        )
        self.requesters = [
            [getattr(self, f"requester_{i}")[lane] for lane in range(count)]
            for i, count in enumerate(lanes)
        ]

    def elaborate(self, platform):
        m = Module()
        count = len(self.requesters)
        bank_count = 1 << self._bank_bits
        asks = [Signal(count, name=f"asks_{i}") for i in range(bank_count)]
        grants = [Signal(count, name=f"grants_{i}") for i in range(bank_count)]
        # In one piece, because a simulator selects it in one operation.
        access = data.StructLayout(
            {"addr": self._row_bits, "en": 1, "write": 1, "mask": 4, "data": 32}
        )
        accesses = []
        for i, lanes in enumerate(self.requesters):
            accesses.append([])
            for lane_idx in range(len(lanes)):
                chosen = Signal(access, name=f"access_{i}_{lane_idx}")
                accesses[i].append(chosen)
                self._connect_lane(m, i, lane_idx, chosen, asks, grants)
            m.d.comb += self.conflict[i].eq(Cat(lane.valid & ~lane.ready for lane in lanes).any())
        for i in range(bank_count):
            m.submodules[f"arbiter_{i}"] = arbiter = RoundRobin(count=count)
            chosen = Signal(access, name=f"bank_access_{i}")
            bank = self.banks[i]
            m.d.comb += [
                arbiter.requests.eq(asks[i]),
                arbiter.take.eq(1),
                grants[i].eq(arbiter.grant),
                chosen.eq(onehot_mux(arbiter.grant, [lanes[i % len(lanes)] for lanes in accesses])),
                *(getattr(bank, name).eq(getattr(chosen, name)) for name in access.members),
            ]
        return m

    def _connect_lane(self, m, i, lane_idx, access, asks, grants):
        """One lane: what it asks of which of its banks, and their answer."""
        lane_count = len(self.requesters[i])
        lane = self.requesters[i][lane_idx]
        reached = range(lane_idx, 1 << self._bank_bits, lane_count)
        row = lane.addr[self._bank_bits :]
        here = Signal(len(reached), name=f"here_{i}_{lane_idx}")
        answering = Signal(len(reached), name=f"answering_{i}_{lane_idx}")
        beyond = Signal(name=f"beyond_{i}_{lane_idx}")
        which = lane.addr[exact_log2(lane_count) : self._bank_bits]
        for position, bank in enumerate(reached):
            m.d.comb += [
                here[position].eq(which == position),
                asks[bank][i].eq(lane.valid & here[position]),
            ]
        m.d.comb += [
            beyond.eq(row[self._row_bits :].any()),
            access.addr.eq(row),
            access.en.eq(~beyond),
            access.write.eq(lane.write),
            access.mask.eq(lane.mask),
            access.data.eq(lane.data),
            lane.ready.eq(Cat(grants[bank][i] for bank in reached).any()),
            lane.rdata.eq(onehot_mux(answering, [self.banks[bank].rdata for bank in reached])),
        ]
        m.d.sync += [
            answering.eq(Mux(beyond, 0, here)),
            lane.error.eq(lane.ready & beyond),
        ]
