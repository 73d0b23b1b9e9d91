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

    An operation takes two cycles: in its own the row is read and the operands are multiplied, in
    the next one sums are made, and written at its end. What is read is what earlier operations
    leave, those whose sums are being made included; so a new operation every cycle sees all earlier
    ones. Sums wrap. Accumulators are 0 at power-on. A reset changes none, and ends no operation.

    Members
    -------
    row, column : In(2)
        The element; all of an operation happens in this row.
    write : In(4)
        The columns to write.
    source : In(Source)
        What to write there.
    a, b : In(32)
        Four int8 each.
    biases : In(ArrayLayout(32, 4))
        One for each column.
    element : Out(32)
        The element, before this operation.
    total : Out(32)
        The element and all four products, of the operation of the cycle before.
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
        words = data.ArrayLayout(32, COLUMNS)
        values = Signal(words)
        products = Signal(data.ArrayLayout(signed(16), COLUMNS))
        m.d.comb += self.element.eq(values[self.column])
        for i in range(COLUMNS):
            a, b = self.a.word_select(i, 8).as_signed(), self.b.word_select(i, 8).as_signed()
            m.d.comb += products[i].eq(a * b)
        sums = self._add_sums(m, words, values, products)
        row = Signal.like(self.row, reset_less=True)
        write = Signal(COLUMNS, reset_less=True)
        m.d.sync += [row.eq(self.row), write.eq(self.write)]
        for i in range(COLUMNS):
            bank = memory.Memory(shape=32, depth=ROWS, init=[])
            m.submodules[f"bank_{i}"] = bank
            reader, writer = bank.read_port(domain="comb"), bank.write_port()
            is_written = write[i] & (row == self.row)
            m.d.comb += [
                reader.addr.eq(self.row),
                values[i].eq(Mux(is_written, sums[i], reader.data)),
                writer.addr.eq(row),
                writer.en.eq(write[i]),
                writer.data.eq(sums[i]),
            ]
        return m

    def _add_sums(self, m, words, values, products):
        """What each column becomes if it is written, a cycle after its parts are here."""
        sums = Signal(words)
        is_total = Signal(reset_less=True)
        element = Signal(32, reset_less=True)
        pairs = Signal(data.ArrayLayout(signed(17), 2), reset_less=True)
        olds = Signal(words, reset_less=True)
        addends = Signal(products.shape(), reset_less=True)
        m.d.sync += [
            is_total.eq(self.source == Source.TOTAL),
            element.eq(self.element),
            pairs[0].eq(products[0] + products[1]),
            pairs[1].eq(products[2] + products[3]),
            olds.eq(values),
            addends.eq(0),
        ]
        with m.Switch(self.source):
            with m.Case(Source.PRODUCTS):
                m.d.sync += addends.eq(products)
            with m.Case(Source.OPERAND):
                m.d.sync += olds.eq(self.a.replicate(COLUMNS))
            with m.Case(Source.BIASES):
                m.d.sync += olds.eq(self.biases)
        m.d.comb += self.total.eq(element + pairs[0] + pairs[1])
        for i in range(COLUMNS):
            m.d.comb += sums[i].eq(Mux(is_total, self.total, olds[i] + addends[i]))
        return sums
