"""The shared register bus: all harts to the host mailbox and the loose tiles."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .arbiter import RoundRobin
from .onehot import onehot_mux
from .shared import RegisterBus

__all__ = ["SharedFabric"]


class SharedFabric(wiring.Component):
    """Round-robin bus with one transfer per cycle.

    A granted access keeps the bus until its target acknowledges it. Latency: none of its own.
    Back-pressure: no acknowledgement. Reset: free.

    Parameters
    ----------
    hart_count, tile_count : int
    addr_width : int
        Of the harts' side; its top bit selects the tiles, bits 12 upwards which of them.

    Members
    -------
    harts : In(RegisterBus(addr_width)) * hart_count
    host : Out(RegisterBus(12))
    tiles : Out(RegisterBus(12)) * tile_count
    transfer : Out(1)
        A transfer completes in this cycle.
    """

    def __init__(self, *, hart_count, tile_count, addr_width):
        self._hart_count = hart_count
        self._tile_count = tile_count
        self._addr_width = addr_width
        super().__init__(
            {
                "harts": In(RegisterBus(addr_width=addr_width)).array(hart_count),
                "host": Out(RegisterBus(addr_width=12)),
                "tiles": Out(RegisterBus(addr_width=12)).array(tile_count),
                "transfer": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        harts = [self.harts[i] for i in range(self._hart_count)]
        targets = [self.host, *(self.tiles[i] for i in range(self._tile_count))]
        m.submodules.arbiter = arbiter = RoundRobin(count=self._hart_count)
        held = Signal(self._hart_count)
        grant = Signal(self._hart_count)
        selected = Signal(len(targets))
        ack = Signal()
        bus = RegisterBus(addr_width=self._addr_width).create(path=("granted",))

        m.d.comb += [
            arbiter.requests.eq(Cat(hart.stb for hart in harts)),
            arbiter.take.eq(ack),
            grant.eq(Mux(held.any(), held, arbiter.grant)),
        ]
        for member in ("stb", "we", "addr", "sel", "dat_w"):
            values = [getattr(hart, member) for hart in harts]
            m.d.comb += getattr(bus, member).eq(onehot_mux(grant, values))
        m.d.comb += bus.hart.eq(
            Cat(
                Cat(grant[i] for i in range(self._hart_count) if i >> bit & 1).any()
                if self._hart_count >> bit > 0 and self._hart_count > 1 << bit
                else 0
                for bit in range(3)
            )
        )
        m.d.sync += held.eq(Mux(ack, 0, grant))

        is_tile = bus.addr[-1]
        m.d.comb += selected[0].eq(~is_tile)
        for i in range(self._tile_count):
            m.d.comb += selected[i + 1].eq(is_tile & (bus.addr[12:-1] == i))
        for i, target in enumerate(targets):
            m.d.comb += [
                target.stb.eq(bus.stb & selected[i]), target.we.eq(bus.we),
                target.addr.eq(bus.addr), target.sel.eq(bus.sel), target.hart.eq(bus.hart),
                target.dat_w.eq(bus.dat_w),
            ]
        m.d.comb += ack.eq(bus.stb & onehot_mux(selected, [target.ack for target in targets]))
        m.d.comb += self.transfer.eq(ack)
        dat_r = Signal(32)
        m.d.comb += dat_r.eq(onehot_mux(selected, [target.dat_r for target in targets]))
        for i, hart in enumerate(harts):
            m.d.comb += [hart.ack.eq(ack & grant[i]), hart.dat_r.eq(dat_r)]
        return m
