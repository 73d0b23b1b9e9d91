"""The loose coupling: a tile behind registers on the shared peripheral bus."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.descriptor_registers import DescriptorRegisters
from ..bus.shared import RegisterBus
from ..bus.wide_port import WideRequest
from ..config import TileConfig, check_kind
from ..mem.scratchpad import word_addr_width
from ..regs import LOOSE_STREAM_REGS, LOOSE_TILE_REGS
from ..stream.job import JobError, StreamJob
from ..tile.array import BehaviouralArray
from ..tile.tile import ProgramWord, Tile
from .stream_tile import StreamTile

__all__ = ["LooseTile"]

ProgramAddress = data.StructLayout({"row": 16, "col": 16})
_REGS = {reg.name: reg for reg in LOOSE_TILE_REGS}


def _words(name):
    """The word addresses of a register."""
    reg = _REGS[name]
    return range(reg.offset_bytes // 4, reg.offset_bytes // 4 + reg.count)


class LooseTile(wiring.Component):
    """LOOSE_TILE_REGS in front of a :class:`Tile`.

    Every access is answered in its cycle, with three exceptions that hold the bus. While a write to
    PROGRAM_DATA waits in its one-word buffer for the array, a further one and PROCESS wait too, for
    at most ``program_latency_cycles``. A read of OUTPUT waits for words in post-processing, a few
    cycles more than it takes to fill the tile's port.

    What can't be taken is ignored and sets ERROR_RANGE: INPUT and PROCESS while both input buffers
    are handed over (check INPUT_FULL before the first byte of a patch: its whole patch is then
    accepted), PROGRAM_DATA while an MVM is handed over. OUTPUT without a result is 0 and sets
    ERROR_EMPTY. Once STATUS shows RESULT, OUTPUT may be read to the end of that result; raw ones
    give one word per cycle.

    The tile belongs to the hart that read ACQUIRE as 1 until it writes RELEASE. Accesses of others
    except reads of ACQUIRE, STATUS and LOOSE_STREAM_REGS are ignored, read as 0 and set
    ERROR_OWNER. Narrow stores count for INPUT only, where they queue the bytes of the selected
    lanes, which must be neighbours. Unused offsets read as 0. Reset frees the tile.

    With ``stream_words``, LOOSE_STREAM_REGS are there too. Writes to them wait as PROCESS does; a
    JOB_PUSH without room, or while a result of PROCESS is there or to come, sets ERROR_RANGE.
    While the streamer has a job, the owner may read ACQUIRE and STATUS and use LOOSE_STREAM_REGS;
    anything else is ignored, RELEASE too, and sets ERROR_BUSY. A job can't be stopped; it drops
    what was queued and leaves its window in the CONFIG registers.

    Parameters
    ----------
    config : TileConfig
        The tile.
    stream_words : int
        Words per cycle to and from the scratchpad; 0 if the tile does not stream.
    scratchpad_bytes : int
        Size of the scratchpad.
    array : callable
        See :class:`Tile`.

    Members
    -------
    bus : In(RegisterBus(addr_width=12))
    busy : Out(1)
        ``busy`` of the tile.
    late : Out(1)
        See ArrayInterface.
    memory : Out(WideRequest)
        With ``stream_words`` only.
    owner : Out(3)
        The hart that holds the tile, or held it last.
    ended, answered, released : Out(1)
        For a cycle: a job has ended; RESULT or an error bit rose without a job; the owner has
        written RELEASE.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config, array=BehaviouralArray, stream_words=0, scratchpad_bytes=0):
        check_kind("config", config, TileConfig)
        self._config = config
        self._array = array
        self._stream_words = stream_words
        self._scratchpad_bytes = scratchpad_bytes
        memory = {}
        if stream_words:
            addr_width = word_addr_width(scratchpad_bytes)
            memory["memory"] = Out(WideRequest(words=stream_words, addr_width=addr_width))
        super().__init__(
            {
                **memory,
                "bus": In(RegisterBus(addr_width=12)),
                "busy": Out(1),
                "late": Out(1),
                "ended": Out(1),
                "answered": Out(1),
                "released": Out(1),
                "owner": Out(3),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        m.submodules.tile = tile = self._make_tile()
        streaming = tile.streaming if self._stream_words else Const(0)

        owned = Signal()
        owner = self.owner
        mine = Signal()
        hold = Signal()
        write = Signal()  # by the owner, in this cycle
        read = Signal()
        denied = Signal()
        open_to_all = Signal()
        is_job = Signal()
        m.d.comb += [
            mine.eq(owned & (owner == bus.hart)),
            bus.ack.eq(bus.stb & ~hold),
            write.eq(bus.ack & bus.we & mine & ~streaming),
            read.eq(bus.ack & ~bus.we & mine & ~streaming),
            denied.eq(bus.ack & ~mine & (bus.we | ~open_to_all)),
            self.busy.eq(tile.busy),
            self.late.eq(tile.late),
            tile.waiting.eq(bus.stb & hold),
            tile.config_index.eq(bus.addr[2:]),
            tile.config_data.eq(bus.dat_w),
            tile.status_index.eq(bus.addr[2:]),
            tile.error.error_owner.eq(denied),
        ]
        self._wire_input(m, tile)
        address = Signal(ProgramAddress)
        program_en = Signal()
        delayed = self._add_program_buffer(m, tile, address, program_en)
        if self._stream_words:
            jobs = self._add_jobs(m, tile, mine)

        answer = ~streaming & (tile.result | tile.failed)
        had_answer = Signal()
        m.d.sync += had_answer.eq(answer)
        m.d.comb += self.answered.eq(answer & ~had_answer)

        with m.Switch(bus.addr[2:]):
            with m.Case(*_words("ACQUIRE")):
                granted = mine | ~owned
                m.d.comb += [open_to_all.eq(1), bus.dat_r.eq(granted)]
                with m.If(bus.ack & ~bus.we & granted):
                    m.d.sync += [owned.eq(1), owner.eq(bus.hart)]
            with m.Case(*_words("RELEASE")), m.If(write):
                m.d.sync += owned.eq(0)
                m.d.comb += self.released.eq(1)
            with m.Case(*_words("PROCESS")):
                m.d.comb += [hold.eq(mine & bus.we & delayed), tile.process.valid.eq(write)]
                m.d.comb += tile.error.error_range.eq(write & ~tile.process.ready)
            with m.Case(*_words("INPUT")):
                m.d.comb += tile.queue.valid.eq(write & bus.sel.any())
                m.d.comb += tile.error.error_range.eq(write & ~tile.queue.ready)
            with m.Case(*_words("OUTPUT")):
                output = Mux(mine & ~streaming, tile.dequeue.payload, 0)
                filling = tile.coming & ~tile.result
                m.d.comb += hold.eq(mine & ~bus.we & ~streaming & filling)
                m.d.comb += [tile.dequeue.ready.eq(read), bus.dat_r.eq(output)]
                m.d.comb += tile.error.error_empty.eq(read & ~tile.result)
            with m.Case(*_words("PROGRAM_ADDR")), m.If(write):
                m.d.sync += address.eq(bus.dat_w)
            with m.Case(*_words("PROGRAM_DATA")):
                m.d.comb += [hold.eq(mine & bus.we & delayed), program_en.eq(write & ~tile.pending)]
                m.d.comb += tile.error.error_range.eq(write & tile.pending)
            with m.Case(*_words("CONFIG")):
                m.d.comb += tile.config_en.eq(write)
            with m.Case(*_words("STATUS")):
                m.d.comb += [open_to_all.eq(1), bus.dat_r.eq(tile.status_data)]
            if self._stream_words:
                with m.Case(*jobs.word_addrs):
                    m.d.comb += [hold.eq(mine & bus.we & delayed), bus.dat_r.eq(jobs.dat_r)]
                    m.d.comb += [open_to_all.eq(1), tile.error.error_range.eq(jobs.refused)]
                    m.d.comb += is_job.eq(1)
        m.d.comb += tile.error.error_busy.eq(
            bus.ack & mine & streaming & ~is_job & (bus.we | ~open_to_all)
        )
        return m

    def _add_jobs(self, m, tile, mine):
        bus = self.bus
        m.submodules.jobs = jobs = DescriptorRegisters(
            table=LOOSE_STREAM_REGS, name="JOB", job=StreamJob, error=JobError
        )
        connect(m, jobs.job, tile.job)
        connect(m, tile.memory, flipped(self.memory))
        m.d.comb += [
            jobs.write.eq(bus.ack & bus.we & mine),
            jobs.addr.eq(bus.addr[2:]),
            jobs.dat_w.eq(bus.dat_w),
            jobs.allowed.eq(tile.streaming | ~(tile.result | tile.coming | tile.pending)),
            jobs.busy.eq(tile.streaming),
            jobs.done.eq(tile.done),
            jobs.done_tag.eq(tile.done_tag),
            jobs.done_error.eq(tile.done_error),
            self.ended.eq(tile.done),
        ]
        return jobs

    def _make_tile(self):
        if not self._stream_words:
            return Tile(config=self._config, array=self._array)
        return StreamTile(
            config=self._config,
            words=self._stream_words,
            scratchpad_bytes=self._scratchpad_bytes,
            array=self._array,
        )

    def _wire_input(self, m, tile):
        """Bring the selected lanes of a store to the bottom."""
        sel = self.bus.sel
        word = tile.queue.payload
        m.d.comb += word.count.eq(sum(sel))
        for lane in reversed(range(4)):
            with m.If(sel[lane]):
                m.d.comb += word.data.eq(self.bus.dat_w[8 * lane :])

    def _add_program_buffer(self, m, tile, address, program_en):
        """Keep a write to PROGRAM_DATA that the array can't take yet; returns whether there is."""
        bus = self.bus
        full = Signal()
        kept = Signal(ProgramWord)
        word = Signal(ProgramWord)
        m.d.comb += [
            word.row.eq(address.row),
            word.col.eq(address.col),
            word.data.eq(bus.dat_w),
            tile.program.valid.eq(full | program_en),
            tile.program.payload.eq(Mux(full, kept, word)),
        ]
        with m.If(tile.program.ready):
            m.d.sync += full.eq(0)
        with m.Elif(program_en):
            m.d.sync += [full.eq(1), kept.eq(word)]
        with m.If(program_en):
            m.d.sync += address.col.eq(address.col + 4)
        return full
