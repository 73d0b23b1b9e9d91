"""The analog array: its interface, and a behavioural body for simulation."""

import pathlib

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from .ports import PortWidths

__all__ = ["ArrayInterface", "BehaviouralArray", "array_sources"]


def array_sources() -> list[pathlib.Path]:
    """The sources a Verilator build of :class:`BehaviouralArray` needs."""
    folder = pathlib.Path(__file__).parent
    return [folder / "aimc_array.sv", folder / "aimc_array.cpp"]


class ArrayInterface(wiring.Signature):
    """The control's view of an array with two input banks and two output banks.

    Each ``*_en`` makes one thing happen, in that cycle. The control starts an MVM or a weight write
    only while ``busy`` is 0, never writes the input bank or reads the output bank of a running MVM,
    and stays inside the geometry. There is no reset: weights survive it.

    ``busy`` may rise in the cycle after ``start_en`` or ``weight_en`` and extends the configured
    latency: in the first cycle without it, the outputs may be read. A body that always fits into
    the configured latencies ties it to 0.

    ``late`` is not the control's: while it is 1, the machine's clock must have no edge, and nothing
    in the machine may count the time. It depends on registers only, of the machine's clock and of
    one that never waits. With it a body keeps the configured latencies whatever it takes.

    Parameters
    ----------
    config : TileConfig
        Geometry and widths.
    port_bytes, port_bytes_out : int
        Width of ``input_data`` and ``output_data``; powers of two from 4 to 64.

    Members
    -------
    input_index : position in the window of byte 0 of ``input_data``, of which ``input_count``
        (1 to ``port_bytes``) bytes are written
    weight_data : four int8 for row ``weight_row``, columns ``weight_col`` to ``weight_col`` + 3
    start_bytes : input bytes that were written; rows of the window from there on see 0
    output_index : number of the first 32-bit word in ``output_data``, a multiple of its words;
        ``output_data`` answers in the next cycle and stays until the next ``output_en``, with
        anything in the words beyond the bank
    """

    def __init__(self, *, config, port_bytes=8, port_bytes_out=4):
        check_kind("config", config, TileConfig)
        self._config = config
        self._ports = PortWidths(port_bytes=port_bytes, port_bytes_out=port_bytes_out)
        row, rows = bits_for(config.rows - 1), bits_for(config.rows)
        col, cols = bits_for(config.cols - 1), bits_for(config.cols)
        super().__init__(
            {
                "input_en": Out(1),
                "input_bank": Out(1),
                "input_index": Out(row),
                "input_data": Out(8 * port_bytes),
                "input_count": Out(bits_for(port_bytes)),
                "weight_en": Out(1),
                "weight_row": Out(row),
                "weight_col": Out(col),
                "weight_data": Out(32),
                "start_en": Out(1),
                "start_input_bank": Out(1),
                "start_output_bank": Out(1),
                "start_row": Out(row),
                "start_rows": Out(rows),
                "start_col": Out(col),
                "start_cols": Out(cols),
                "start_shift": Out(5),
                "start_bytes": Out(rows),
                "output_en": Out(1),
                "output_bank": Out(1),
                "output_index": Out(bits_for(config.cols * config.output_bytes // 4 - 1)),
                "output_data": In(8 * port_bytes_out),
                "busy": In(1),
                "late": In(1),
            }
        )

    @property
    def config(self):
        return self._config

    @property
    def ports(self):
        return self._ports

    def __eq__(self, other):
        if not isinstance(other, ArrayInterface):
            return False
        return self.config == other.config and self.ports == other.ports

    def __repr__(self):
        return f"ArrayInterface(config={self.config!r}, ports={self.ports!r})"


class BehaviouralArray(wiring.Component):
    """An array whose storage and arithmetic are C++ functions, for Verilator only.

    The MVM is computed at once when it is started, exactly; the latency is the control's to spend.
    One call per event, none while idle. Weights are 0 at first.

    Parameters
    ----------
    config : TileConfig
        Geometry and widths.
    port_bytes, port_bytes_out : int
        See ArrayInterface.

    Members
    -------
    bus : ``In(ArrayInterface(...))`` of these
    """

    def __init__(self, config, *, port_bytes=8, port_bytes_out=4):
        interface = ArrayInterface(
            config=config, port_bytes=port_bytes, port_bytes_out=port_bytes_out
        )
        super().__init__({"bus": In(interface)})

    def elaborate(self, platform):
        m = Module()
        config = self.bus.signature.config
        ports = {}
        for path, member, port in self.bus.signature.flatten(self.bus):
            ports[("i_" if member.flow == In else "o_") + path[0]] = port
        m.submodules.body = Instance(
            "aimc_array",
            p_ROWS=config.rows,
            p_COLS=config.cols,
            p_WEIGHT_BITS=config.weight_bits,
            p_ADC_BITS=config.adc_bits,
            p_INPUT_BYTES=self.bus.signature.ports.bytes_in,
            p_OUTPUT_WORDS=self.bus.signature.ports.words_out,
            i_clk=ClockSignal(),
            **ports,
        )
        return m
