"""Main memory behind a Wishbone bus: an array whose answers take as long as they take."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, exact_log2
from tightrope.hw.board import BOARD_DOMAIN
from tightrope.hw.config import MemoryConfig, check_kind
from tightrope.hw.mem.host_port import HostMemoryPort
from tightrope.hw.mem.main_memory import storage_members

__all__ = ["BeatBus", "WishboneArray"]


def _adr_bits(config):
    return bits_for(config.size_bytes // config.bytes_per_cycle - 1)


class BeatBus(wiring.Signature):
    """The initiator's view of a Wishbone bus as wide as main memory; single classic transfers.

    Parameters
    ----------
    config : MemoryConfig

    Members
    -------
    adr : in beats of ``bytes_per_cycle``, from the start of memory
    """

    def __init__(self, *, config):
        check_kind("config", config, MemoryConfig)
        self._config = config
        width = config.bytes_per_cycle
        super().__init__(
            {
                "adr": Out(_adr_bits(config)),
                "dat_w": Out(8 * width),
                "dat_r": In(8 * width),
                "sel": Out(width),
                "cyc": Out(1),
                "stb": Out(1),
                "we": Out(1),
                "ack": In(1),
            }
        )

    @property
    def config(self):
        return self._config

    def __eq__(self, other):
        return isinstance(other, BeatBus) and self.config == other.config

    def __repr__(self):
        return f"BeatBus(config={self.config!r})"


class WishboneArray(wiring.Component):
    """The memory array somewhere behind a bus, in target time: late while an answer isn't there.

    Machine's port: as BehaviouralArray; one access per cycle, ``rdata`` is valid in the cycle after
    ``en``, which lasts until the bus has answered. One write is on its way while the machine goes
    on; what comes next waits for it. Accesses take effect in their order.
    Host's port: one request at a time.
    Reset: none. What was begun is finished, so a target of the bus never sees a transfer end
    without its ``ack``; a reset of the machine, which needs its clock, waits for that.

    Parameters
    ----------
    config : MemoryConfig

    Members
    -------
    en, addr, we, wdata, wmask, rdata, late
        See :func:`storage_members`.
    host : In(HostMemoryPort())
    bus : Out(BeatBus(config))
        Both in the domain of the board.

    Raises
    ------
    TypeError
        If ``config`` is not a MemoryConfig.
    """

    def __init__(self, *, config):
        self._signature = BeatBus(config=config)
        width = config.bytes_per_cycle
        self._words = width // 4
        self._place_bits = exact_log2(self._words)
        self._access = data.StructLayout(
            {"we": 1, "adr": _adr_bits(config), "data": 8 * width, "mask": width}
        )
        super().__init__(
            {
                **storage_members(config),
                "late": Out(1),
                "host": In(HostMemoryPort()),
                "bus": Out(self._signature),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # The border between both times: an access is one change of `asked`, the end of the
        # machine's waiting for it one of `done`. Neither side has a reset: with one on either, an
        # access would be seen that never was.
        asked, done = Signal(reset_less=True), Signal(reset_less=True)
        access = Signal(self._access, reset_less=True)
        with m.If(self.en):
            m.d.sync += [
                asked.eq(~asked),
                access.we.eq(self.we),
                access.adr.eq(self.addr),
                access.data.eq(self.wdata),
                access.mask.eq(self.wmask),
            ]
        pending, busy = Signal(), Signal(reset_less=True)
        m.d.comb += [
            pending.eq(asked != done),
            self.late.eq(pending & (busy | ~access.we)),
            self.host.ready.eq(~busy & ~pending),
        ]
        self._add_transfers(m, busy, pending, access, done)
        return m

    def _add_transfers(self, m, busy, pending, access, done):
        """One transfer after the other on the bus: the machine's, else the host's."""
        bus, host = self.bus, self.host
        board = m.d[BOARD_DOMAIN]
        transfer = Signal(self._access, reset_less=True)
        is_host, found = Signal(reset_less=True), Signal.like(self.rdata, reset_less=True)
        place = host.addr[: self._place_bits]
        asked_place = Signal.like(place, reset_less=True)
        board += host.rsp_valid.eq(0)
        with m.If(busy & bus.ack):
            board += busy.eq(0)
            with m.If(~transfer.we):
                board += [found.eq(bus.dat_r), host.rsp_valid.eq(is_host), done.eq(done ^ ~is_host)]
        with m.Elif(~busy & pending):
            board += [transfer.eq(access), is_host.eq(0), busy.eq(1), done.eq(done ^ access.we)]
        with m.Elif(~busy & host.valid):
            board += [
                transfer.we.eq(host.we),
                transfer.adr.eq(host.addr[self._place_bits :]),
                transfer.data.eq(Cat([host.wdata] * self._words)),
                transfer.mask.eq(Const(0xF, 4 * self._words) << (place << 2)),
                asked_place.eq(place),
                is_host.eq(1),
                busy.eq(1),
            ]
        m.d.comb += [
            bus.cyc.eq(busy),
            bus.stb.eq(busy),
            bus.we.eq(transfer.we),
            bus.adr.eq(transfer.adr),
            bus.dat_w.eq(transfer.data),
            bus.sel.eq(Mux(transfer.we, transfer.mask, ~Const(0, len(bus.sel)))),
            self.rdata.eq(found),
            host.rdata.eq(found.word_select(asked_place, 32)),
        ]
