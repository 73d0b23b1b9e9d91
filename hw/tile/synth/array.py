"""The array as logic that a board can hold: it computes in the board's time."""

from amaranth.hdl import Const, DomainRenamer, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In
from amaranth.utils import bits_for, exact_log2

from ...board import BLOCK_RAM, BOARD_DOMAIN
from ..array import ArrayInterface
from .engine import MvmEngine, MvmJob
from .weights import check_lanes

__all__ = ["SynthesizableArray"]

_NEVER = Const(0, 1)


class SynthesizableArray(wiring.Component):
    """An array of ``lanes`` multipliers that take turns, see :class:`MvmEngine`.

    What it is told, it takes over with the machine's clock, and does it with the board's. If that
    takes longer than the machine's time allows (an MVM longer than ``mvm_latency_cycles``, an input
    word that lies in two words of the memory longer than a cycle), ``late`` is 1 until it is done.
    An MVM that is started while one runs ends that one, without a result.

    Both domains must be reset together, for two cycles of the board's clock at least; weights stay,
    which are 0 at power-on.

    Parameters
    ----------
    config : TileConfig
        Geometry, widths and latencies.
    lanes : int
        See :func:`check_lanes`.
    port_bytes, port_bytes_out : int
        See ArrayInterface.

    Members
    -------
    bus : ``In(ArrayInterface(...))`` of these

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    HwConfigError
        If ``lanes`` does not suit it.
    """

    def __init__(self, config, *, lanes, port_bytes=8, port_bytes_out=4):
        interface = ArrayInterface(
            config=config, port_bytes=port_bytes, port_bytes_out=port_bytes_out
        )
        check_lanes(config, lanes)
        self._config = config
        self._lanes = lanes
        super().__init__({"bus": In(interface)})

    def elaborate(self, platform):
        m = Module()
        bus, config = self.bus, self._config
        engine = MvmEngine(
            config=config, lanes=self._lanes, port_bytes=bus.signature.ports.bytes_in
        )
        m.submodules.engine = DomainRenamer(BOARD_DOMAIN)(engine)

        weight_asked = self._take_over(m, bus, "weight", engine, ("row", "col", "data"))
        input_asked = self._take_over(
            m, bus, "input", engine, ("bank", "index", "data", "count"), again=engine.input_more
        )
        start_asked = _asked(m, bus.start_en, "start")
        output_bank = Signal(reset_less=True)
        job = Signal(MvmJob(config=config), reset_less=True)
        input_bank = Signal(reset_less=True)
        remaining = Signal(range(config.mvm_latency_cycles))
        with m.If(bus.start_en):
            m.d.sync += [
                input_bank.eq(bus.start_input_bank), output_bank.eq(bus.start_output_bank),
                remaining.eq(config.mvm_latency_cycles - 1),
                *(job[name].eq(getattr(bus, f"start_{name}")) for name in job.shape().members),
            ]  # fmt: skip
        with m.Elif(remaining != 0):
            m.d.sync += remaining.eq(remaining - 1)

        m.d.comb += [
            engine.weight_en.eq(weight_asked),
            engine.input_en.eq(input_asked),
            engine.start.eq(start_asked),
            engine.job.eq(job),
            engine.bank.eq(input_bank),
            bus.late.eq(((remaining == 0) & (start_asked | engine.running)) | engine.input_more),
        ]
        self._add_outputs(m, bus, engine, output_bank)
        return m

    def _take_over(self, m, bus, prefix, engine, names, again=_NEVER):
        """Keep the arguments of what ``bus`` asks for; returns whether the engine should do it."""
        for name in names:
            argument = getattr(bus, f"{prefix}_{name}")
            kept = Signal.like(argument, name=f"{prefix}_{name}", reset_less=True)
            with m.If(getattr(bus, f"{prefix}_en")):
                m.d.sync += kept.eq(argument)
            m.d.comb += getattr(engine, f"{prefix}_{name}").eq(kept)
        return _asked(m, getattr(bus, f"{prefix}_en"), prefix, again)

    def _add_outputs(self, m, bus, engine, output_bank):
        """Two banks, written element by element and read in beats."""
        element_bits = 8 * self._config.output_bytes
        beat_elements = bus.signature.ports.bytes_out // self._config.output_bytes
        position_bits = exact_log2(beat_elements)
        beat_bits = bits_for(-(-self._config.cols // beat_elements) - 1)
        m.submodules.outputs = outputs = memory.Memory(
            shape=data.ArrayLayout(element_bits, beat_elements),
            depth=2 << beat_bits,
            init=[],
            attrs=BLOCK_RAM,
        )
        write = outputs.write_port(granularity=1, domain=BOARD_DOMAIN)
        read = outputs.read_port()
        element = engine.result_element
        m.d.comb += [
            write.addr[:-1].eq(element[position_bits:]),
            write.addr[-1].eq(output_bank),
            write.en.eq(Mux(engine.result_en, 1 << element[:position_bits], 0)),
            read.en.eq(bus.output_en),
            read.addr[:-1].eq(bus.output_index >> exact_log2(bus.signature.ports.words_out)),
            read.addr[-1].eq(bus.output_bank),
            bus.output_data.eq(read.data.as_value()),
        ]
        for part in write.data:
            m.d.comb += part.eq(engine.result)


def _asked(m, en, name, again=_NEVER):
    """What happens in a cycle of the machine, in the next cycle of the board, and as long as
    ``again``: never twice, however long the machine's next cycle is.
    """
    # They keep their values in reset: a difference that it made would be a request.
    asked = Signal(name=f"{name}_asked", reset_less=True)
    done = Signal(name=f"{name}_done", reset_less=True)
    m.d.sync += asked.eq(asked ^ en)
    with m.If(~again):
        m.d[BOARD_DOMAIN] += done.eq(asked)
    return asked ^ done
