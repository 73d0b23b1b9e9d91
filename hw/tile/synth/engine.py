"""What computes MVMs: input and weight memories, multipliers, converter, in the board's time."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ...config import TileConfig, check_kind
from .converter import CONVERTER_CYCLES, Converter
from .inputs import InputStore
from .lanes import MacLanes
from .sequencer import Sequencer
from .weights import WeightStore

__all__ = ["MvmEngine", "MvmJob"]


class MvmJob(data.StructLayout):
    """An MVM: ``start_*`` of ArrayInterface, without the banks.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    """

    def __init__(self, *, config):
        super().__init__(
            {
                "row": bits_for(config.rows - 1),
                "rows": bits_for(config.rows),
                "col": bits_for(config.cols - 1),
                "cols": bits_for(config.cols),
                "shift": 5,
                "bytes": bits_for(config.rows),
            }
        )


class MvmEngine(wiring.Component):
    """Computes an MVM column group by column group, one row of ``lanes`` columns per cycle.

    An MVM of r rows whose columns lie in g groups of ``lanes`` takes g * (r + 3) cycles, one for
    each column, and 4. Its results come in order, the last one in the last cycle with ``running``.
    ``start`` ends an MVM that runs; some results of it may still come, before the first of the new
    one. Inputs and weights that are written while they may be read are undefined in that MVM.
    Reset: nothing runs; weights and inputs stay.

    Parameters
    ----------
    config : TileConfig
        Geometry and widths.
    lanes : int
        Multipliers, see :func:`check_lanes`.
    port_bytes : int
        Width of an input write.

    Members
    -------
    weight_en, weight_row, weight_col, weight_data
        As of WeightStore.
    input_en, input_bank, input_index, input_data, input_count, input_more
        As of InputStore.
    start : In(1)
    job, bank : In(MvmJob(config=config)), In(1)
        What to start, from which input bank; they must stay while it runs, from the cycle of
        ``start`` on.
    running : Out(1)
        From the cycle after ``start``.
    result_en, result_element, result : Out
        A result and its position.
    """

    def __init__(self, *, config, lanes, port_bytes):
        check_kind("config", config, TileConfig)
        self._config = config
        self._weights = WeightStore(config=config, lanes=lanes)
        self._inputs = InputStore(config=config, port_bytes=port_bytes)
        self._sequencer = Sequencer(config=config, lanes=lanes)
        self._lanes = MacLanes(config=config, lanes=lanes)
        super().__init__(
            {
                "weight_en": In(1),
                "weight_row": In(bits_for(config.rows - 1)),
                "weight_col": In(bits_for(config.cols - 1)),
                "weight_data": In(32),
                "input_en": In(1),
                "input_bank": In(1),
                "input_index": In(bits_for(config.rows - 1)),
                "input_data": In(8 * port_bytes),
                "input_count": In(bits_for(port_bytes)),
                "input_more": Out(1),
                "start": In(1),
                "job": In(MvmJob(config=config)),
                "bank": In(1),
                "running": Out(1),
                "result_en": Out(1),
                "result_element": Out(bits_for(config.cols - 1)),
                "result": Out(8 * config.output_bytes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.weights = weights = self._weights
        m.submodules.inputs = inputs = self._inputs
        m.submodules.sequencer = sequencer = self._sequencer
        m.submodules.lanes = lanes = self._lanes
        for name in ("en", "row", "col", "data"):
            m.d.comb += getattr(weights, name).eq(getattr(self, f"weight_{name}"))
        for name in ("en", "bank", "index", "data", "count"):
            m.d.comb += getattr(inputs, name).eq(getattr(self, f"input_{name}"))

        value = Signal(8, reset_less=True)
        present = Signal(reset_less=True)  # the row that is read has an input
        m.d.sync += [
            present.eq(sequencer.read_row < self.job.bytes),
            value.eq(inputs.value & present.replicate(8)),
        ]
        m.d.comb += [
            self.input_more.eq(inputs.more),
            inputs.read_bank.eq(self.bank),
            inputs.read_row.eq(sequencer.read_row),
            weights.read_addr.eq(sequencer.read_addr),
            sequencer.start.eq(self.start),
            lanes.clear.eq(sequencer.clear),
            lanes.en.eq(sequencer.multiply),
            lanes.value.eq(value),
            lanes.weights.eq(weights.weights),
        ]
        for name in ("row", "rows", "col", "cols"):
            m.d.comb += getattr(sequencer, name).eq(getattr(self.job, name))
        self._convert(m, lanes.sums[sequencer.lane])
        return m

    def _convert(self, m, total):
        """Sums become results. Those under way at a start still do, and new ones take their places
        later; but the last one must not end the new MVM.
        """
        sequencer = self._sequencer
        m.submodules.converter = converter = Converter(config=self._config)
        m.d.comb += [converter.i.eq(total), converter.shift.eq(self.job.shift)]
        step = data.StructLayout({"en": 1, "last": 1, "element": len(self.result_element)})
        entered = Signal(step)
        m.d.comb += [
            entered.en.eq(sequencer.convert),
            entered.last.eq(sequencer.last),
            entered.element.eq(sequencer.element),
        ]
        delayed = entered
        for i in range(CONVERTER_CYCLES):
            stage = Signal(step, name=f"stage_{i}")
            m.d.sync += stage.eq(delayed)
            with m.If(self.start):
                m.d.sync += stage.last.eq(0)
            delayed = stage
        m.d.comb += [
            self.result_en.eq(delayed.en),
            self.result_element.eq(delayed.element),
            self.result.eq(converter.o),
        ]
        with m.If(self.start):
            m.d.sync += self.running.eq(1)
        with m.Elif(delayed.last):
            m.d.sync += self.running.eq(0)
