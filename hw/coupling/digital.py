"""The digital unit: what a hart computes with beside its tiles."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..digital.requantiser import Activation, Requantiser
from ..isa import AccOp, DotOp
from .accumulators import COLUMNS, ROWS, Accumulators, Source

__all__ = ["DigitalCommand", "DigitalUnit"]

DigitalCommand = data.StructLayout(
    {"is_acc": 1, "member": 3, "argument": 4, "inputs_0": 32, "inputs_1": 32}
)
"""``member`` is a DotOp, or an AccOp if ``is_acc``."""

_ACC = 8


class DigitalUnit(wiring.Component):
    """Executes DotOp and AccOp: accumulators, four channels, a requantiser, the packed result.

    ``result`` answers in the cycle of the command, but for DOT4: what answers that is ``total`` in
    the next cycle. One command per cycle, but

    - OUT_ROW reads a column per cycle, the first in its own, and leaves the column's bias there:
      nothing is accepted in the three cycles after it;
    - TAKE and ACTIVATION wait until no value is on its way through the requantiser: the first cycle
      in which they are accepted is the 4th after a REQUANTISE, the 7th after an OUT_ROW.

    Members that don't exist answer 0 and change nothing. All state is 0 at power-on. Reset ends the
    reading of a row and empties the requantiser; accumulators, channels, the activation and the
    packed result keep their values.

    Members
    -------
    command : In(stream.Signature(DigitalCommand))
    result : Out(32)
        The answer, while the command is accepted.
    is_total : Out(1)
        The command's answer is the ``total`` of the next cycle.
    total : Out(32)
    """

    command: In(stream.Signature(DigitalCommand))
    result: Out(32)
    is_total: Out(1)
    total: Out(32)

    def elaborate(self, platform):
        m = Module()
        command, argument = self.command.payload, self.command.payload.argument
        m.submodules.accumulators = accumulators = Accumulators()
        m.submodules.requantiser = requantiser = Requantiser()

        accepted = Signal()
        must_wait = Signal()  # for the requantiser
        one = Signal()  # the argument is an element, not a row
        read = Signal()  # a column goes to the requantiser
        column = Signal(range(COLUMNS))  # of the row that is being read; 0 if none is
        row = Signal(range(ROWS), reset_less=True)
        direct = Signal()  # an operand goes there
        set_channel, set_activation = Signal(), Signal()

        reading = column.any()
        scale = self._add_channels(m, set_channel, column, accumulators)
        packed = self._add_result(m, set_activation, requantiser)
        operand = requantiser.i.payload
        m.d.comb += [
            self.command.ready.eq(~reading & ~(must_wait & requantiser.busy)),
            accepted.eq(self.command.valid & self.command.ready),
            accumulators.row.eq(Mux(reading, row, Mux(one, argument[2:], argument[:2]))),
            accumulators.column.eq(Mux(one & ~reading, argument[:2], column)),
            accumulators.a.eq(command.inputs_0),
            accumulators.b.eq(command.inputs_1),
            self.total.eq(accumulators.total),
            requantiser.i.valid.eq(read | (direct & accepted)),
            operand.value.eq(Mux(direct & ~reading, command.inputs_0, accumulators.element)),
            operand.scale.eq(Mux(direct & ~reading, command.inputs_1, scale)),
        ]
        m.d.sync += column.eq(column + read)
        with m.If(~reading):
            m.d.sync += row.eq(argument)

        with m.Switch(Cat(command.member, command.is_acc)):
            with m.Case(DotOp.DOT4):
                m.d.comb += [one.eq(1), accumulators.write.eq(accepted << argument[:2])]
                m.d.comb += [accumulators.source.eq(Source.TOTAL), self.is_total.eq(1)]
            with m.Case(DotOp.MAC4):
                m.d.comb += accumulators.write.eq(accepted.replicate(COLUMNS))
                m.d.comb += accumulators.source.eq(Source.PRODUCTS)
            with m.Case(_ACC | AccOp.SWAP):
                m.d.comb += [one.eq(1), accumulators.write.eq(accepted << argument[:2])]
                m.d.comb += accumulators.source.eq(Source.OPERAND)
                m.d.comb += self.result.eq(accumulators.element)
            with m.Case(_ACC | AccOp.CHANNEL):
                m.d.comb += set_channel.eq(accepted)
            with m.Case(_ACC | AccOp.ACTIVATION):
                m.d.comb += [must_wait.eq(1), set_activation.eq(accepted)]
            with m.Case(_ACC | AccOp.BIAS_ROW):
                m.d.comb += accumulators.write.eq(accepted.replicate(COLUMNS))
                m.d.comb += accumulators.source.eq(Source.BIASES)
            with m.Case(_ACC | AccOp.OUT_ROW):
                m.d.comb += accumulators.write.eq(accepted)  # the first column
                m.d.comb += [read.eq(accepted), accumulators.source.eq(Source.BIASES)]
            with m.Case(_ACC | AccOp.REQUANTISE):
                m.d.comb += direct.eq(1)
            with m.Case(_ACC | AccOp.TAKE):
                m.d.comb += [must_wait.eq(1), self.result.eq(packed)]
        with m.If(reading):
            m.d.comb += [read.eq(1), accumulators.source.eq(Source.BIASES)]
            m.d.comb += accumulators.write.eq(1 << column)
        return m

    def _add_channels(self, m, set_channel, column, accumulators):
        """The channels; returns the scale of ``column``. All biases are needed at once."""
        command = self.command.payload
        channel = command.argument[:2]
        m.submodules.scales = scales = memory.Memory(shape=32, depth=COLUMNS, init=[])
        biases = Signal(data.ArrayLayout(32, COLUMNS), reset_less=True)
        read, write = scales.read_port(domain="comb"), scales.write_port()
        m.d.comb += [
            read.addr.eq(column),
            write.addr.eq(channel),
            write.data.eq(command.inputs_0),
            write.en.eq(set_channel),
            accumulators.biases.eq(biases),
        ]
        with m.If(set_channel):
            m.d.sync += biases[channel].eq(command.inputs_1)
        return read.data

    def _add_result(self, m, set_activation, requantiser):
        """The activation, and the last four results, which are returned."""
        activation = Signal(Activation, reset_less=True)
        packed = Signal(32, reset_less=True)
        result = requantiser.o
        m.d.comb += requantiser.activation.eq(activation)
        with m.If(set_activation):
            m.d.sync += activation.eq(self.command.payload.inputs_0)
        with m.If(result.valid):
            m.d.sync += packed.eq(Cat(packed[8:], result.payload))
        return packed
