"""The accumulators of a hart and the products of int8 that go into them."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, enum, memory, wiring
from amaranth.lib.wiring import In, Out

from ..isa import ACCUMULATOR_COUNT

__all__ = ["COLUMNS", "ROWS", "Accumulators", "Source"]

COLUMNS = 4
ROWS = ACCUMULATOR_COUNT // COLUMNS


class Source(enum.Enum, shape=2):
    """What is written."""

    TOTAL = 0
    """The element and all four products."""
    PRODUCTS = 1
    """In each column the old value and this column's product."""
    OPERAND = 2
    """``a``."""
    BIASES = 3
    """In each column its bias."""


class Accumulators(wiring.Component):
    """Rows of four accumulators of 32 bits, a bank per column, and four multipliers of int8.

    What is read answers in the same cycle; what is written changes at its end, so a new operation
    every cycle sees all earlier ones. Sums wrap. Accumulators are 0 at power-on and keep their
    values over a reset.

    Members
    -------
    row, column : In(2)
        The element; all of a cycle happens in this row.
    write : In(4)
        The columns to write.
    source : In(Source)
        What to write there.
    a, b : In(32)
        Four int8 each.
    biases : In(ArrayLayout(32, 4))
        One for each column.
    element : Out(32)
        The element, as it is.
    total : Out(32)
        The element and all four products.
    """

    row: In(range(ROWS))
    column: In(range(COLUMNS))
    write: In(COLUMNS)
    source: In(Source)
    a: In(32)
    b: In(32)
    biases: In(data.ArrayLayout(32, COLUMNS))
    element: Out(32)
    total: Out(32)

    def elaborate(self, platform):
        m = Module()
        values = Signal(data.ArrayLayout(32, COLUMNS))
        products = Signal(data.ArrayLayout(signed(16), COLUMNS))
        one = Signal(32)  # what a single element may become
        m.d.comb += [
            self.element.eq(values[self.column]),
            self.total.eq(self.element + sum(products[i] for i in range(COLUMNS))),
            one.eq(Mux(self.source == Source.OPERAND, self.a, self.total)),
        ]
        for i in range(COLUMNS):
            bank = memory.Memory(shape=32, depth=ROWS, init=[])
            m.submodules[f"bank_{i}"] = bank
            read, write = bank.read_port(domain="comb"), bank.write_port()
            a, b = self.a.word_select(i, 8).as_signed(), self.b.word_select(i, 8).as_signed()
            m.d.comb += [
                products[i].eq(a * b),
                values[i].eq(read.data),
                read.addr.eq(self.row),
                write.addr.eq(self.row),
                write.en.eq(self.write[i]),
                write.data.eq(one),
            ]
            with m.Switch(self.source):
                with m.Case(Source.PRODUCTS):
                    m.d.comb += write.data.eq(read.data + products[i])
                with m.Case(Source.BIASES):
                    m.d.comb += write.data.eq(self.biases[i])
        return m
