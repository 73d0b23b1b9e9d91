import pytest
from amaranth.hdl import Assert, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from proof import Verdict, prove
from tightrope.hw.coupling.digital import DigitalCommand, DigitalUnit
from tightrope.hw.isa import AccOp

PROBES = ["column", "i__valid", "o__valid"]


class Monitor(wiring.Component):
    """Each value that was accepted comes out once, and TAKE is accepted when none is owed.

    ``i__valid`` and ``o__valid`` are the two ends of the requantiser. ``never`` names an event that
    is claimed not to happen; ``columns`` is what a row is claimed to have.
    """

    command: In(stream.Signature(DigitalCommand))
    column: In(2)
    i__valid: In(1)
    o__valid: In(1)

    def __init__(self, *, never="", columns=4):
        self._never = never
        self._columns = columns
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = DigitalUnit()
        wiring.connect(m, wiring.flipped(self.command), dut.command)
        accepted = self.command.valid & self.command.ready

        def does(member):
            command = self.command.payload
            return accepted & command.is_acc & (command.member == member)

        left = Signal(3)  # columns to read from now on
        m.d.sync += left.eq(Mux(does(AccOp.OUT_ROW), self._columns - 1, left - left.any()))
        m.d.comb += [
            Assert(~(accepted & left.any())),
            Assert(self.column == (-left)[:2]),
            Assert(self.i__valid == left.any() | does(AccOp.OUT_ROW) | does(AccOp.REQUANTISE)),
        ]

        owed = Signal(4)  # of what was accepted before, not out yet
        on_its_way = Signal(3)
        due = does(AccOp.OUT_ROW) * self._columns + does(AccOp.REQUANTISE)
        m.d.sync += [
            owed.eq(owed + due - self.o__valid),
            on_its_way.eq(Cat(self.i__valid, on_its_way)),
        ]
        m.d.comb += [
            Assert(owed == left + sum(on_its_way)),
            Assert(self.o__valid == on_its_way[-1]),
            Assert(~(does(AccOp.TAKE) | does(AccOp.ACTIVATION)) | (owed == 0)),
        ]
        if self._never == "owes six":
            m.d.comb += Assert(owed != 6)
        if self._never == "takes a row":
            row_before = Signal()
            m.d.sync += row_before.eq(row_before | does(AccOp.OUT_ROW))
            m.d.comb += Assert(~(row_before & does(AccOp.TAKE)))
        return m


def test_each_column_is_read_once_and_take_waits_for_all_that_were_started():
    assert prove(Monitor(), probes=PROBES) is Verdict.PROVEN


@pytest.mark.parametrize("event", ["owes six", "takes a row"])
def test_at_times_the_unit(event):
    assert prove(Monitor(never=event), probes=PROBES, steps=9) is Verdict.REFUTED


def test_a_row_is_not_three_columns():
    assert prove(Monitor(columns=3), probes=PROBES) is Verdict.REFUTED
