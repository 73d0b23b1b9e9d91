"""The streamer of a tile: jobs in, events out, everything between by itself."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.wide_port import WideRequest
from ..config import HwConfigError, TileConfig, check_kind
from ..tile.ports import QueueWord
from .buffer import StreamBuffer
from .drain import ResultDrain
from .feed import TileFeeder
from .fetch import StepFetcher
from .job import JobError, StreamJob
from .merge import StepMerger
from .port import SharedPort
from .step import Beat, Ticket
from .walk import PatchWalker

__all__ = ["TileStreamer"]

_BEATS = 8
"""Fills go on while reads are on their way."""
_TICKETS = 8
"""Twice the MVMs that a tile can hold."""


class TileStreamer(wiring.Component):
    """Runs StreamJobs on a tile: input from memory, results to memory, through one port.

    *Jobs.* One runs and one waits; ``job`` is not ready while both do. Jobs end in order, each with
    a cycle of ``done``, after its last write was taken. A job is read while the one before it
    computes and is written: let one that reads what another writes wait for that one's ``done``.
    So, too, must the results of a job not overlap its own input.

    *Time.* Reads of MVM n + 1, MVM n and writes of n - 1 overlap. The period of a long job is the
    longest of the tile's latency; the kernel positions of the slice; and, plus at most 3 cycles,
    the requests: words / ``words`` of each run of bytes without a gap in memory, and of the result.
    A word more is read of a run that begins within a word and needs it. Writes come before reads.
    The first read is asked for nine cycles after its job was taken, if there was none before, and
    up to ``kernel_w`` cycles later if kernel columns can be joined.

    *Errors.* A job with a bad descriptor ends without a request. One that would leave the memory
    ends at that MVM: those before it are complete, nothing else is written. See JobError.

    *Back-pressure.* Every port may wait at any time. Reset: no job, counters 0. While ``busy``, all
    that is connected to the tile here is the streamer's: undefined if something else uses it or
    resets the tile, or if the tile has results when the first job is given.

    Parameters
    ----------
    config : TileConfig
        The tile.
    words : int
        Words that move per cycle: 1, 2, 4, 8 or 16. Both ports of the tile have 4 * words bytes.
    size_bytes : int
        Of the memory, from byte address 0 on; a multiple of 4.
    addr_width : int
        Of the memory's word addresses.

    Members
    -------
    job : In(stream.Signature(StreamJob))
    memory : Out(WideRequest(words=words, addr_width=addr_width))
        ``error`` is not used: no request leaves the memory.
    queue, process, drop, dequeue, dequeue_words, dequeue_last, config_en, config_index, config_data
        To the ports of the tile's names.
    busy : Out(1)
        There is a job, or a rest of one that had an error.
    done, done_tag, done_error : Out(1), Out(16), Out(JobError)
        A job has ended in this cycle; its tag, and how.
    bytes_in, bytes_out, conflict_cycles, busy_cycles : Out(32)
        Since reset, modulo 2**32: input bytes read, without padding; result bytes written; cycles
        in which a request waited; cycles of ``busy``.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    HwConfigError
        If a number is out of range.
    """

    def __init__(self, *, config, words, size_bytes, addr_width):
        check_kind("config", config, TileConfig)
        if words not in (1, 2, 4, 8, 16) or isinstance(words, bool):
            raise HwConfigError(f"streamer words must be 1, 2, 4, 8 or 16, not {words!r}")
        most = 4 << addr_width
        if not isinstance(size_bytes, int) or size_bytes % 4 or not 0 < size_bytes <= most:
            raise HwConfigError(
                f"streamer size_bytes must be a multiple of 4 up to {most}, not {size_bytes!r}"
            )
        self._config = config
        self._words = words
        self._size_bytes = size_bytes
        self._addr_width = addr_width
        counters = ("bytes_in", "bytes_out", "conflict_cycles", "busy_cycles")
        super().__init__(
            {
                "job": In(stream.Signature(StreamJob)),
                "memory": Out(WideRequest(words=words, addr_width=addr_width)),
                "queue": Out(stream.Signature(QueueWord(port_bytes=4 * words))),
                "process": Out(stream.Signature(1)),
                "drop": Out(1),
                "dequeue": In(stream.Signature(32 * words)),
                "dequeue_words": In(range(words + 1)),
                "dequeue_last": In(1),
                "config_en": Out(1),
                "config_index": Out(3),
                "config_data": Out(32),
                "busy": Out(1),
                "done": Out(1),
                "done_tag": Out(16),
                "done_error": Out(JobError),
                **{name: Out(32) for name in counters},
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, words, width = self._config, self._words, self._addr_width
        m.submodules.walker = walker = PatchWalker(
            config=config, size_bytes=self._size_bytes, addr_width=width
        )
        m.submodules.merger = merger = StepMerger(config=config)
        m.submodules.fetcher = fetcher = StepFetcher(config=config, words=words, addr_width=width)
        m.submodules.feeder = feeder = TileFeeder(words=words)
        m.submodules.drain = drain = ResultDrain(words=words, addr_width=width)
        m.submodules.port = port = SharedPort(words=words, addr_width=width)
        m.submodules.beats = beats = StreamBuffer(shape=Beat(words=words), depth=_BEATS)
        ticket = Ticket(addr_width=width)
        m.submodules.tickets = tickets = StreamBuffer(shape=ticket, depth=_TICKETS)

        # The job that waits.
        waiting = stream.Signature(StreamJob).create()
        m.d.comb += self.job.ready.eq(~waiting.valid | waiting.ready)
        with m.If(self.job.ready):
            m.d.sync += waiting.valid.eq(self.job.valid)
        with m.If(self.job.ready & self.job.valid):
            m.d.sync += waiting.payload.eq(self.job.payload)
        connect(m, waiting, walker.job)
        connect(m, walker.steps, merger.i)
        connect(m, merger.o, fetcher.steps)
        connect(m, fetcher.beats, beats.i)
        connect(m, beats.o, feeder.beats)
        connect(m, walker.tickets, tickets.i)
        connect(m, tickets.o, drain.tickets)
        connect(m, fetcher.reads, port.reads)
        connect(m, drain.writes, port.writes)
        connect(m, port.answers, feeder.answers)
        connect(m, port.memory, flipped(self.memory))
        connect(m, feeder.queue, flipped(self.queue))
        connect(m, feeder.process, flipped(self.process))
        connect(m, flipped(self.dequeue), drain.dequeue)
        parts_busy = (
            waiting.valid, walker.busy, merger.o.valid, fetcher.busy, beats.o.valid, tickets.o.valid
        )  # fmt: skip
        m.d.comb += [
            self.drop.eq(feeder.drop),
            self.config_en.eq(feeder.config_en),
            self.config_index.eq(feeder.config_index),
            self.config_data.eq(feeder.config_data),
            drain.dequeue_words.eq(self.dequeue_words),
            drain.dequeue_last.eq(self.dequeue_last),
            self.done.eq(drain.done),
            self.done_tag.eq(drain.done_tag),
            self.done_error.eq(drain.done_error),
            self.busy.eq(Cat(parts_busy).any()),
        ]
        self._count(m, fetcher, drain)
        return m

    def _count(self, m, fetcher, drain):
        conflict = self.memory.valid & ~self.memory.ready
        for counter, amount in (
            (self.bytes_in, fetcher.taken_bytes),
            (self.bytes_out, drain.taken_words << 2),
            (self.conflict_cycles, conflict),
            (self.busy_cycles, self.busy),
        ):
            with m.If(amount != 0):
                m.d.sync += counter.eq(counter + amount)
