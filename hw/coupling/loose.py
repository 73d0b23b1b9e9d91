"""The loose coupling: a tile behind registers on the shared peripheral bus."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..bus.shared import RegisterBus
from ..config import TileConfig
from ..regs import LOOSE_TILE_REGS
from ..tile.array import BehaviouralArray
from ..tile.tile import ProgramWord, Tile

__all__ = ["LooseTile"]

ProgramAddress = data.StructLayout({"row": 16, "col": 16})
_REGS = {reg.name: reg for reg in LOOSE_TILE_REGS}


def _words(name):
    """The word addresses of a register."""
    reg = _REGS[name]
    return range(reg.offset_bytes // 4, reg.offset_bytes // 4 + reg.count)


class LooseTile(wiring.Component):
    """LOOSE_TILE_REGS in front of a :class:`Tile`.

    Every access is answered in its cycle, with two exceptions that hold the bus for at most
    ``program_latency_cycles``: while a write to PROGRAM_DATA waits in its one-word buffer for the
    array, a further one and PROCESS wait too.

    What can't be taken is ignored and sets ERROR_RANGE: INPUT and PROCESS while both input buffers
    are handed over (check INPUT_FULL before the first byte of a patch: its whole patch is then
    accepted), PROGRAM_DATA while an MVM is handed over. OUTPUT without a result is 0 and sets
    ERROR_EMPTY. OUTPUT gives one word per cycle once STATUS shows RESULT, to the end of the result.

    The tile belongs to the hart that read ACQUIRE as 1 until it writes RELEASE. Accesses of others
    except reads of ACQUIRE and STATUS are ignored, read as 0 and set ERROR_OWNER. Narrow stores
    count for INPUT only, where they queue the bytes of the selected lanes, which must be
    neighbours. Unused offsets read as 0. Reset frees the tile.

    Parameters
    ----------
    config : TileConfig
        The tile.
    array : callable
        See :class:`Tile`.

    Members
    -------
    bus : In(RegisterBus(addr_width=12))
    busy : Out(1)
        ``busy`` of the tile.

    Raises
    ------
    TypeError
        If ``config`` is not a TileConfig.
    """

    def __init__(self, *, config, array=BehaviouralArray):
        if not isinstance(config, TileConfig):
            raise TypeError(f"config must be a TileConfig, not {config!r}")
        self._config = config
        self._array = array
        super().__init__({"bus": In(RegisterBus(addr_width=12)), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        m.submodules.tile = tile = Tile(config=self._config, array=self._array)

        owned = Signal()
        owner = Signal(3)
        mine = Signal()
        hold = Signal()
        write = Signal()  # by the owner, in this cycle
        read = Signal()
        denied = Signal()
        open_to_all = Signal()
        m.d.comb += [
            mine.eq(owned & (owner == bus.hart)),
            bus.ack.eq(bus.stb & ~hold),
            write.eq(bus.ack & bus.we & mine),
            read.eq(bus.ack & ~bus.we & mine),
            denied.eq(bus.ack & ~mine & (bus.we | ~open_to_all)),
            self.busy.eq(tile.busy),
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

        with m.Switch(bus.addr[2:]):
            with m.Case(*_words("ACQUIRE")):
                granted = mine | ~owned
                m.d.comb += [open_to_all.eq(1), bus.dat_r.eq(granted)]
                with m.If(bus.ack & ~bus.we & granted):
                    m.d.sync += [owned.eq(1), owner.eq(bus.hart)]
            with m.Case(*_words("RELEASE")), m.If(write):
                m.d.sync += owned.eq(0)
            with m.Case(*_words("PROCESS")):
                m.d.comb += [hold.eq(mine & bus.we & delayed), tile.process.valid.eq(write)]
                m.d.comb += tile.error.error_range.eq(write & ~tile.process.ready)
            with m.Case(*_words("INPUT")):
                m.d.comb += tile.queue.valid.eq(write & bus.sel.any())
                m.d.comb += tile.error.error_range.eq(write & ~tile.queue.ready)
            with m.Case(*_words("OUTPUT")):
                output = Mux(mine, tile.dequeue.payload, 0)
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
        return m

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
