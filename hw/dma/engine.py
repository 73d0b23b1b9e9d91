"""The DMA engine: blocks in, ends of blocks out, everything between by itself."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.arbiter import RoundRobin
from ..bus.onehot import onehot_mux
from ..bus.wide_port import WideRequest
from ..config import HwConfigError, MemoryConfig, check_kind
from ..mem.port import BeatWritePort, MemoryPort
from .block import DmaBlock, DmaError
from .channel import DmaChannel
from .check import BlockCheck
from .load import PieceLoader
from .piece import Piece
from .port import AlternatingPort
from .store import PieceStorer

__all__ = ["DmaEngine"]


class DmaEngine(wiring.Component):
    """Moves DmaBlocks between main memory and scratchpad, for several harts at once.

    *Blocks.* Of each channel one block runs and one waits; ``blocks`` of a channel is not ready
    while one waits. The blocks of a channel have the effect they would have one after the other,
    and end in order, each with a cycle of ``done``: what it wrote is seen by every access to either
    memory that is granted later. Blocks of different channels have no order.

    *Turns.* Blocks are cut into pieces of at most 128 bytes of a row that end at multiples of 128
    in main memory. Channels take turns with pieces, round robin, loads and stores each by
    themselves; so between two pieces of a block at most one of each other channel is begun in that
    direction. Loads and stores alternate at the scratchpad and take turns at main memory.

    *Memory.* Loads read through a MemoryPort of which many reads are outstanding, lines where whole
    lines are wanted, single beats at the ends of rows. Stores write whole beats through a port of
    their own. So main memory has two requesters more, each with its turn; nothing else changes for
    harts.

    *Time.* A block's first request is nine cycles after it was taken if its channel is idle; six of
    them are its check, one block at a time, which passes while the block before runs. Then
    min(bytes_per_cycle, 4 * words) bytes move per cycle in long rows, if nobody else is there. A
    load is done latency + 1 cycles after its last beat was granted, a store with that. So a load of
    n full cycles takes n + latency + 9, a store n + 10. A row begins in the cycle after the one
    before; one that begins or ends within a beat takes a cycle for that beat. In a channel there is
    a cycle between blocks of one direction; a block of the other one begins when those before it,
    seven at most, have ended.

    *Errors.* A bad block ends without a request, after those before it. See DmaError.

    *Back-pressure.* Every port may wait at any time. Reset: no block, counters 0; blocks that ran
    are left as they were. Undefined if main memory answers requests from before the reset.

    Parameters
    ----------
    config : MemoryConfig
        Main memory.
    words : int
        Words that a scratchpad request may have: 1, 2, 4, 8 or 16.
    scratchpad_bytes : int
        A multiple of 4.
    addr_width : int
        Of the scratchpad's word addresses.
    channel_count : int
        Harts, 1 to 8.

    Members
    -------
    blocks : In(stream.Signature(DmaBlock)) * channel_count
    memory_read : Out(MemoryPort)
    memory_write : Out(BeatWritePort)
    scratchpad : Out(WideRequest(words=words, addr_width=addr_width))
    busy : Out(channel_count)
        The channel has a block.
    loading, storing : Out(1)
        A block of that direction has begun and not ended. For waveforms.
    done, errors : Out(channel_count), Out(DmaError * channel_count)
        A block of the channel has ended in this cycle, and how.
    load_bytes, store_bytes, busy_cycles, wait_cycles : Out(32)
        Since reset, modulo 2**32: bytes written to and read from the scratchpad; cycles in which
        any channel was busy; cycles in which a request waited for main memory or scratchpad.

    Raises
    ------
    TypeError
        If ``config`` is not a MemoryConfig.
    HwConfigError
        If a number is out of range.
    """

    def __init__(self, *, config, words, scratchpad_bytes, addr_width, channel_count):
        check_kind("config", config, MemoryConfig)
        if words not in (1, 2, 4, 8, 16) or isinstance(words, bool):
            raise HwConfigError(f"dma words must be 1, 2, 4, 8 or 16, not {words!r}")
        if type(channel_count) is not int or not 1 <= channel_count <= 8:
            raise HwConfigError(
                f"dma channel_count must be an integer from 1 to 8, not {channel_count!r}"
            )
        most = 4 << addr_width
        if (
            type(scratchpad_bytes) is not int
            or scratchpad_bytes % 4
            or not (0 < scratchpad_bytes <= most)
        ):
            raise HwConfigError(
                f"dma scratchpad_bytes must be a multiple of 4 up to {most},"
                f" not {scratchpad_bytes!r}"
            )
        self._config = config
        self._words = words
        self._scratchpad_bytes = scratchpad_bytes
        self._addr_width = addr_width
        self._channel_count = channel_count
        counters = ("load_bytes", "store_bytes", "busy_cycles", "wait_cycles")
        super().__init__(
            {
                "blocks": In(stream.Signature(DmaBlock)).array(channel_count),
                "memory_read": Out(MemoryPort(width_bytes=config.bytes_per_cycle)),
                "memory_write": Out(BeatWritePort(width_bytes=config.bytes_per_cycle)),
                "scratchpad": Out(WideRequest(words=words, addr_width=addr_width)),
                "busy": Out(channel_count),
                "loading": Out(1),
                "storing": Out(1),
                "done": Out(channel_count),
                "errors": Out(data.ArrayLayout(DmaError, channel_count)),
                **{name: Out(32) for name in counters},
            }
        )

    def elaborate(self, platform):
        m = Module()
        words, width, count = self._words, self._addr_width, self._channel_count
        sizes = {"words": words, "addr_width": width}
        m.submodules.loader = loader = PieceLoader(
            config=self._config, channel_count=count, **sizes
        )
        m.submodules.storer = storer = PieceStorer(
            config=self._config, channel_count=count, **sizes
        )
        m.submodules.port = port = AlternatingPort(**sizes)
        connect(m, loader.memory, flipped(self.memory_read))
        connect(m, storer.memory, flipped(self.memory_write))
        connect(m, loader.writes, port.writes)
        connect(m, storer.reads, port.reads)
        connect(m, port.memory, flipped(self.scratchpad))
        m.d.comb += storer.answer.eq(self.scratchpad.rdata)

        channels = []
        for i in range(count):
            m.submodules[f"channel_{i}"] = channel = DmaChannel(
                channel_idx=i, channel_count=count, addr_width=width
            )
            connect(m, flipped(self.blocks[i]), channel.block)
            m.d.comb += [
                channel.moved.eq(loader.moved[i] | storer.moved[i]),
                self.busy[i].eq(channel.busy),
                self.done[i].eq(channel.done),
                self.errors[i].eq(channel.error),
            ]
            channels.append(channel)
        m.d.comb += [
            self.loading.eq(Cat(c.moving & ~c.store for c in channels).any()),
            self.storing.eq(Cat(c.moving & c.store for c in channels).any()),
        ]
        self._check(m, channels)
        piece = Piece(addr_width=width, channel_count=count)
        loads = self._take_turns(m, "load", channels, [~c.store for c in channels], loader, piece)
        stores = self._take_turns(m, "store", channels, [c.store for c in channels], storer, piece)
        m.d.comb += Cat(channel.pieces.ready for channel in channels).eq(loads | stores)
        self._count(m, port)
        return m

    def _check(self, m, channels):
        m.submodules.check = check = BlockCheck(
            channel_count=self._channel_count,
            memory_bytes=self._config.size_bytes,
            scratchpad_bytes=self._scratchpad_bytes,
        )
        for i, channel in enumerate(channels):
            m.d.comb += [
                check.requests[i].eq(channel.check),
                check.blocks[i].eq(channel.waiting),
                channel.checked.eq(check.checked[i]),
                channel.check_error.eq(check.error),
            ]

    def _take_turns(self, m, name, channels, wanted, mover, piece):
        """Give a mover the pieces of its direction; returns whose is taken."""
        m.submodules[f"{name}_arbiter"] = arbiter = RoundRobin(count=self._channel_count)
        chosen = Signal(piece, name=f"{name}_piece")
        taken = Signal(self._channel_count, name=f"{name}_taken")
        offers = zip(channels, wanted, strict=True)
        m.d.comb += [
            arbiter.requests.eq(Cat(channel.pieces.valid & wants for channel, wants in offers)),
            arbiter.take.eq(mover.pieces.ready),
            chosen.eq(onehot_mux(arbiter.grant, [channel.pieces.payload for channel in channels])),
            mover.pieces.valid.eq(arbiter.requests.any()),
            mover.pieces.payload.eq(chosen),
            taken.eq(arbiter.grant & mover.pieces.ready.replicate(self._channel_count)),
        ]
        return taken

    def _count(self, m, port):
        wrote = port.writes.valid & port.writes.ready
        read = port.reads.valid & port.reads.ready
        targets = (self.memory_read, self.memory_write, self.scratchpad)
        for counter, event, amount in (
            (self.load_bytes, wrote, port.writes.payload.count << 2),
            (self.store_bytes, read, port.reads.payload.count << 2),
            (self.busy_cycles, self.busy.any(), 1),
            (self.wait_cycles, Cat(port.valid & ~port.ready for port in targets).any(), 1),
        ):
            with m.If(event):
                m.d.sync += counter.eq(counter + amount)
