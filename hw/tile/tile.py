"""A tile: an analog array and the control that makes it a coprocessor of queues."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..config import TileConfig, check_kind
from ..isa import TileConfigReg
from .array import BehaviouralArray
from .constants import ColumnConstants
from .input import InputBuffers
from .ports import PortWidths, QueueWord
from .post import PostStage
from .reader import ResultReader
from .status import StatusBits, StatusRegisters
from .window import WindowRegisters

__all__ = ["ProgramWord", "QueueWord", "Tile"]

ProgramWord = data.StructLayout({"row": 16, "col": 16, "data": 32})
"""Four int8 weights for columns ``col`` to ``col`` + 3, the first in the low bits."""


class Tile(wiring.Component):
    """Queues input, runs MVMs, hands out results, in order.

    *Input.* ``queue`` appends to the input buffer that is being filled, one word per cycle;
    ``process`` hands that buffer over with the window of that cycle, and with a word queued in
    that cycle. Neither is ready while both buffers are handed over. A buffer is free again when
    its MVM has its result.

    *MVM.* Starts as soon as the array is idle and an output buffer is free, at the earliest in the
    cycle after ``process``. ``mvm_latency_cycles`` later its first word is on ``dequeue`` (the
    latency counts from the cycle after the start, the array may extend it); MVMs follow each
    other without a gap.

    *Output.* ``dequeue`` gives one beat per cycle while results are there, waits for a result that
    is to come, and answers 0 (ERROR_EMPTY) if there is none. A beat is as many words as the port
    is wide, all of one result; the last one of a result may have fewer.

    *Post-processing.* With ``post_lanes``, an MVM that is handed over with TILE_SHIFT_POST gives
    int8, see :class:`PostStage`: its first word, if ``post_lanes`` is four or more, is on
    ``dequeue`` five cycles later than that of a raw one, and its output buffer is free when its
    last converter result was read. COLUMN, BIAS, SCALE and ACTIVATION are used as results pass:
    what an MVM needs must not change between its ``process`` and the last word it gives.

    *Programming.* ``program`` is ready when the array is idle and no MVM is handed over; it keeps
    the array busy for ``program_latency_cycles`` and sustains one write in as many cycles.

    *RESET.* Drops input, MVMs and results at once, and clears the errors; counters, weights and
    the other configuration registers stay. The array finishes a weight write.

    Reset value: no input, no result, empty window. What is ignored sets its error bit, but for
    registers that are not there.

    Parameters
    ----------
    config : TileConfig
        Geometry, widths and latencies.
    array : callable
        Called in ``elaborate`` with ``config``, and with those of the following two that are not
        the default; returns a component with ``bus``, an ``In(ArrayInterface(...))`` of all three.
        ``port_bytes_out`` is then at least what post-processing takes in a cycle.
    port_bytes, port_bytes_out : int
        Width of ``queue`` and of ``dequeue``; powers of two from 4 to 64.

    Members
    -------
    queue : In(stream.Signature(QueueWord(port_bytes=port_bytes)))
    process : In(stream.Signature(1))
        The payload is not used.
    drop : In(1)
        Drops what was queued since the last ``process``; not together with the two.
    dequeue : Out(stream.Signature(8 * port_bytes_out))
    dequeue_words, dequeue_last : Out(range(port_bytes_out // 4 + 1)), Out(1)
        Words of a result on ``dequeue``, from the lowest; they are the last ones of it.
    program : In(stream.Signature(ProgramWord))
    config_en, config_index, config_data : In(1), In(3), In(32)
        Write of a TileConfigReg, in any cycle.
    status_index, status_data : In(4), Out(32)
        Read of a TileStatusReg, combinational.
    error : In(StatusBits)
        Pulses of error bits that the coupling raises.
    waiting : In(1)
        A requester waits for this tile in this cycle.
    result : Out(1)
        TileStatus.RESULT: ``dequeue`` carries words of a result.
    coming : Out(1)
        A result is in post-processing: its next words come within a few cycles.
    pending : Out(1)
        An MVM is handed over and has no result yet.
    failed : Out(1)
        An error bit is set.
    busy : Out(1)
        TileStatus.BUSY: the array computes or is being programmed.
    late : Out(1)
        See ArrayInterface.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    HwConfigError
        If a width is not one of those.
    """

    def __init__(self, *, config, array=BehaviouralArray, port_bytes=8, port_bytes_out=4):
        check_kind("config", config, TileConfig)
        self._config = config
        self._array = array
        self._ports = PortWidths(port_bytes=port_bytes, port_bytes_out=port_bytes_out)
        super().__init__(
            {
                "queue": In(stream.Signature(QueueWord(port_bytes=port_bytes))),
                "process": In(stream.Signature(1)),
                "drop": In(1),
                "dequeue": Out(stream.Signature(8 * port_bytes_out)),
                "dequeue_words": Out(range(port_bytes_out // 4 + 1)),
                "dequeue_last": Out(1),
                "program": In(stream.Signature(ProgramWord)),
                "config_en": In(1),
                "config_index": In(3),
                "config_data": In(32),
                "status_index": In(4),
                "status_data": Out(32),
                "error": In(StatusBits),
                "waiting": In(1),
                "result": Out(1),
                "coming": Out(1),
                "pending": Out(1),
                "failed": Out(1),
                "busy": Out(1),
                "late": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, ports = self._config, self._ports
        array_ports = ports.of_array(config)
        m.submodules.array = array = self._array(config, **array_ports.keywords)
        m.submodules.registers = window = WindowRegisters(config=config)
        m.submodules.buffers = buffers = InputBuffers(config=config, port_bytes=ports.bytes_in)
        m.submodules.reader = reader = ResultReader(
            config=config, port_bytes_out=array_ports.bytes_out
        )
        m.submodules.status = status = StatusRegisters(
            config=config, port_bytes=ports.bytes_in, port_bytes_out=ports.bytes_out
        )

        computing = Signal()
        programming = Signal()
        timer = Signal(range(max(config.mvm_latency_cycles, config.program_latency_cycles)))
        idle = Signal()  # or in its last busy cycle
        clear = Signal()
        start = Signal()
        finish = Signal()
        weight = Signal()
        ignored = Signal()  # a write of a constant
        m.d.comb += [
            idle.eq((timer == 0) & ~array.bus.busy),
            clear.eq(self.config_en & (self.config_index == TileConfigReg.RESET)),
            start.eq(buffers.head_valid & idle & ~reader.full & ~clear),
            finish.eq(computing & idle),
            self.program.ready.eq(idle & ~buffers.pending),
            self.pending.eq(buffers.pending),
            self.failed.eq(status.failed),
            self.busy.eq(computing | programming | array.bus.busy),
            self.late.eq(array.bus.late),
        ]
        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.If(idle):
            m.d.sync += [computing.eq(start), programming.eq(weight)]
        with m.If(start):
            m.d.sync += timer.eq(config.mvm_latency_cycles - 1)
        with m.If(weight):
            m.d.sync += timer.eq(config.program_latency_cycles - 1)
        with m.If(clear):
            m.d.sync += computing.eq(0)
            with m.If(computing):
                m.d.sync += timer.eq(0)

        connect(m, flipped(self.queue), buffers.queue)
        connect(m, flipped(self.process), buffers.process)
        post = None
        if config.post_lanes:
            post = self._add_post(m, buffers.head, start, clear, ignored)
        self._connect_output(m, reader, post)
        m.d.comb += [
            window.en.eq(self.config_en),
            window.index.eq(self.config_index),
            window.data.eq(self.config_data),
            buffers.clear.eq(clear),
            buffers.drop.eq(self.drop),
            buffers.window.eq(window.window),
            buffers.window_valid.eq(window.valid),
            buffers.start.eq(start),
            buffers.computing.eq(computing),
            buffers.finish.eq(finish),
            reader.clear.eq(clear),
            reader.start.eq(start),
            reader.cols.eq(buffers.head.cols),
            reader.finish.eq(finish),
            reader.pending.eq(buffers.pending),
            status.start.eq(start),
            status.rows.eq(buffers.head.rows),
            status.cols.eq(buffers.head.cols),
            status.computing.eq(computing),
        ]
        self._connect_array(m, array.bus, buffers, reader)
        self._connect_programming(m, array.bus, status, weight)
        self._connect_status(m, buffers, status, ignored)
        m.d.comb += [array.bus.start_en.eq(start), status.clear_errors.eq(clear)]
        return m

    def _add_post(self, m, head, start, clear, ignored):
        m.submodules.constants = constants = ColumnConstants(config=self._config)
        post = PostStage(config=self._config, port_bytes_out=self._ports.bytes_out)
        m.submodules.post = ResetInserter(clear)(post)
        m.d.comb += [
            constants.en.eq(self.config_en),
            constants.index.eq(self.config_index),
            constants.data.eq(self.config_data),
            constants.column.eq(post.column),
            post.constants.eq(constants.constants),
            post.activation.eq(constants.activation),
            post.start.eq(start),
            post.window.eq(head),
            self.coming.eq(post.coming),
            ignored.eq(constants.error),
        ]
        return post

    def _connect_output(self, m, reader, post):
        """The reader, or post-processing behind it, is what hands out results."""
        output = reader
        if post is not None:
            output = post
            connect(m, reader.dequeue, post.beats)
            m.d.comb += [
                post.beat_words.eq(reader.words_out), post.beat_last.eq(reader.last_out)
            ]  # fmt: skip
        connect(m, output.dequeue, flipped(self.dequeue))
        m.d.comb += [
            self.result.eq(output.words_out != 0),
            self.dequeue_words.eq(output.words_out),
            self.dequeue_last.eq(output.last_out),
        ]

    def _connect_array(self, m, bus, buffers, reader):
        head = buffers.head
        m.d.comb += [
            bus.input_en.eq(buffers.input_en),
            bus.input_bank.eq(buffers.input_bank),
            bus.input_index.eq(buffers.input_index),
            bus.input_data.eq(buffers.input_data),
            bus.input_count.eq(buffers.input_count),
            bus.start_input_bank.eq(buffers.head_bank),
            bus.start_output_bank.eq(reader.bank),
            bus.start_row.eq(head.row),
            bus.start_rows.eq(head.rows),
            bus.start_col.eq(head.col),
            bus.start_cols.eq(head.cols),
            bus.start_shift.eq(head.shift),
            bus.start_bytes.eq(head.bytes),
            bus.output_en.eq(reader.output_en),
            bus.output_bank.eq(reader.output_bank),
            bus.output_index.eq(reader.output_index),
            reader.output_data.eq(bus.output_data),
        ]

    def _connect_programming(self, m, bus, status, weight):
        word = self.program.payload
        inside = (word.row < self._config.rows) & (word.col <= self._config.cols - 4)
        m.d.comb += [
            weight.eq(self.program.valid & self.program.ready & inside),
            bus.weight_en.eq(weight),
            bus.weight_row.eq(word.row),
            bus.weight_col.eq(word.col),
            bus.weight_data.eq(word.data),
            status.weight.eq(weight),
        ]

    def _connect_status(self, m, buffers, status, ignored):
        dequeued = self.dequeue.valid & self.dequeue.ready
        programmed = self.program.valid & self.program.ready
        own = Signal(StatusBits)
        m.d.comb += [
            own.result.eq(self.result),
            own.busy.eq(self.busy),
            own.input_full.eq(~self.queue.ready),
            own.error_empty.eq(dequeued & ~self.result),
            own.error_range.eq((programmed & ~status.weight) | ignored),
            status.state.eq(own.as_value() | buffers.error.as_value() | self.error.as_value()),
            status.index.eq(self.status_index),
            self.status_data.eq(status.data),
            status.waiting.eq(self.waiting),
        ]
        with m.If(dequeued):
            m.d.comb += status.words_out.eq(self.dequeue_words)
        with m.If(buffers.input_en):
            m.d.comb += status.bytes_in.eq(buffers.input_count)
