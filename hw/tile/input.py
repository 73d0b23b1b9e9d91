"""Collects input bytes in one buffer while the MVM of the other one waits or runs."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from ..config import TileConfig, check_kind
from .ports import QueueWord
from .status import StatusBits
from .window import Window

__all__ = ["InputBuffers"]


class InputBuffers(wiring.Component):
    """Two input banks of an array, filled and handed over in turn.

    One word per cycle. ``queue`` and ``process`` are ready unless both banks are handed over; with
    both in one cycle the word goes in first. A bank that is handed over is ``head`` from the next
    cycle on, if no other is before it, and is free again after ``finish``.

    Parameters
    ----------
    config : TileConfig
        Geometry.
    port_bytes : int
        Width of ``queue``.

    Members
    -------
    clear : In(1)
        Drops the contents of both banks; wins over everything else.
    drop : In(1)
        Drops what was queued and not handed over; wins over ``queue`` and ``process``, which must
        be 0.
    queue : In(stream.Signature(QueueWord(port_bytes=port_bytes)))
    process : In(stream.Signature(1))
        Hands the bank over with ``window``, or empties it if ``window_valid`` is 0. The
        payload is not used.
    input_en, input_bank, input_index, input_data, input_count
        As in ArrayInterface.
    head, head_bank, head_valid : Out(Window(config=config)), Out(1), Out(1)
        The oldest bank that was handed over and not started.
    start : In(1)
        ``head`` starts.
    computing, finish : In(1)
        An MVM runs; this is its last cycle.
    pending : Out(1)
        A bank is handed over.
    error : Out(StatusBits)
        Pulses of error bits.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config, port_bytes=8):
        check_kind("config", config, TileConfig)
        self._config = config
        self._port_bytes = port_bytes
        super().__init__(
            {
                "clear": In(1),
                "drop": In(1),
                "queue": In(stream.Signature(QueueWord(port_bytes=port_bytes))),
                "process": In(stream.Signature(1)),
                "window": In(Window(config=config)),
                "window_valid": In(1),
                "input_en": Out(1),
                "input_bank": Out(1),
                "input_index": Out(bits_for(config.rows - 1)),
                "input_data": Out(8 * port_bytes),
                "input_count": Out(bits_for(port_bytes)),
                "head": Out(Window(config=config)),
                "head_bank": Out(1),
                "head_valid": Out(1),
                "start": In(1),
                "computing": In(1),
                "finish": In(1),
                "pending": Out(1),
                "error": Out(StatusBits),
            }
        )

    def elaborate(self, platform):
        m = Module()
        window = Window(config=self._config)
        windows = [Signal(window, name=f"window_{i}") for i in range(2)]
        filled = Signal(range(self._config.rows + 1))  # bytes in the bank that is being filled
        handed = Signal(range(3))

        ready = handed != 2
        end = Signal(range(self._config.rows + self._port_bytes + 1))
        total = Signal.like(filled)  # with the word of this cycle
        fits = Signal()
        m.d.comb += [
            self.queue.ready.eq(ready),
            self.process.ready.eq(ready),
            self.pending.eq(handed != 0),
            self.head.eq(Mux(self.head_bank, windows[1], windows[0])),
            self.head_valid.eq(Mux(self.computing, handed == 2, self.pending)),
            end.eq(filled + self.queue.payload.count),
            fits.eq(end <= self._config.rows),
            total.eq(Mux(self.input_en, end, filled)),
            self.input_en.eq(self.queue.valid & ready & fits),
            self.input_index.eq(filled),
            self.input_data.eq(self.queue.payload.data),
            self.input_count.eq(self.queue.payload.count),
        ]

        captured = Signal(window)
        processed = self.process.valid & ready
        handed_over = processed & self.window_valid
        m.d.comb += [captured.eq(self.window), captured.bytes.eq(total)]
        m.d.sync += filled.eq(Mux(processed | self.drop, 0, total))
        with m.If(handed_over):
            m.d.sync += self.input_bank.eq(~self.input_bank)
            with m.If(self.input_bank):
                m.d.sync += windows[1].eq(captured)
            with m.Else():
                m.d.sync += windows[0].eq(captured)
        with m.If(self.start):
            m.d.sync += self.head_bank.eq(~self.head_bank)
        with m.If(handed_over ^ self.finish):
            m.d.sync += handed.eq(handed + Cat(1, self.finish))  # +1 or, modulo four, -1
        with m.If(self.clear):
            m.d.sync += [filled.eq(0), handed.eq(0), self.input_bank.eq(0), self.head_bank.eq(0)]

        m.d.comb += [
            self.error.error_range.eq(self.queue.valid & ready & ~fits),
            self.error.error_window.eq(processed & ~self.window_valid),
            self.error.error_short.eq(handed_over & (total != self.window.rows)),
        ]
        return m
