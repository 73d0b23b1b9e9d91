import pytest
from amaranth.hdl import Assert, Assume, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from proof import Verdict, prove


class Stepper(wiring.Component):
    """Counts 0, 2, 4, 6, 0 when told to; ``claim`` is asserted of the count."""

    step: In(1)

    def __init__(self, claim, *, still=False):
        self._claim = claim
        self._still = still
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        count = Signal(4)
        with m.If(self.step):
            m.d.sync += count.eq(0)
            with m.If(count != 6):
                m.d.sync += count.eq(count + 2)
        if self._still:
            m.d.comb += Assume(~self.step)
        m.d.comb += Assert(self._claim(count))
        return m


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        (lambda count: ~count[0] & (count <= 6), Verdict.PROVEN),
        (lambda count: count != 6, Verdict.REFUTED),
        (lambda count: count != 9, Verdict.OPEN),
    ],
    ids=["true", "false", "true_but_not_inductive"],
)
def test_verdicts(claim, verdict):
    assert prove(Stepper(claim)) is verdict


def test_assumptions_count():
    assert prove(Stepper(lambda count: count == 0, still=True)) is Verdict.PROVEN
    assert prove(Stepper(lambda count: count == 0)) is Verdict.REFUTED
