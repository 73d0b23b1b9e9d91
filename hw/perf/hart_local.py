"""Registers that each hart has for itself: identity, bus error, sleep, counters, DMA channel."""

from amaranth.hdl import Array, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.descriptor_registers import DescriptorRegisters
from ..bus.shared import RegisterBus
from ..dma.block import DmaBlock, DmaError
from ..regs import HART_LOCAL_REGS, Event, HartCounter
from ..sync.events import EVENT_BITS, EventUnit
from .counter import counted

__all__ = ["HartLocal"]

_OFFSET = {reg.name: reg.offset_bytes for reg in HART_LOCAL_REGS}


class HartLocal(wiring.Component):
    """Identity, bus error latch, :class:`EventUnit` and counters of one hart.

    Latency: answers in the same cycle. The first bad access is kept until BUS_ERROR is written with
    1; meanwhile the interrupt is high. Counters count from reset and wrap at 2**32. Reset: zero.

    Parameters
    ----------
    hart : int
    config : ClusterConfig

    Members
    -------
    bus : In(RegisterBus)
    bad, bad_addr : In
        A bad access of this hart.
    interrupt : Out(1)
    happened, wake, asleep : In(EVENT_BITS), Out(1), Out(1)
        As of EventUnit; Event.DMA is added here.
    dma, dma_busy, dma_done, dma_error : Out(stream.Signature(DmaBlock)), In(1), In(1), In(DmaError)
        The hart's channel, as of DmaEngine, if there is one.
    events : In(1) * len(HartCounter)
        The event happens in this cycle (INSTRUCTIONS is not connected).
    """

    def __init__(self, *, hart, config):
        self._hart = hart
        self._config = config
        dma = {}
        if config.dma_bytes_per_cycle:
            dma = {
                "dma": Out(stream.Signature(DmaBlock)),
                "dma_busy": In(1),
                "dma_done": In(1),
                "dma_error": In(DmaError),
            }
        super().__init__(
            {
                **dma,
                "bus": In(RegisterBus(addr_width=12)),
                "bad": In(1),
                "bad_addr": In(32),
                "interrupt": Out(1),
                "happened": In(EVENT_BITS),
                "wake": Out(1),
                "asleep": Out(1),
                "events": In(1).array(len(HartCounter)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bad_addr = Signal(32)
        counters = [
            counted(m, self.events[event], event.name.lower())
            if event is not HartCounter.INSTRUCTIONS
            else Const(0, 32)
            for event in HartCounter
        ]
        events = self._add_events(m)
        identity = {
            "HART_ID": self._hart,
            "HART_COUNT": self._config.harts,
            "CONFIG_HASH": int(self._config.hash[:8], 16),
            "TILE_ADC_BITS": self._config.tile.adc_bits,
            "TIGHT_TILES": self._config.tight_tiles_of(self._hart),
            "BUS_ERROR_ADDR": bad_addr,
            "BUS_ERROR": self.interrupt,
        }
        with m.If(self.bus.addr[8:] == _OFFSET["COUNTER"] >> 8):
            m.d.comb += self.bus.dat_r.eq(Array(counters)[self.bus.addr[2:8]])
        with m.Else(), m.Switch(self.bus.addr):
            for name, value in identity.items():
                with m.Case(_OFFSET[name]):
                    m.d.comb += self.bus.dat_r.eq(
                        Const(value, 32) if isinstance(value, int) else value
                    )
            with m.Default():
                m.d.comb += self.bus.dat_r.eq(events.bus.dat_r)
        if self._config.dma_bytes_per_cycle:
            self._add_dma(m, events)
        m.d.comb += self.bus.ack.eq(self.bus.stb)

        clear = self.bus.stb & self.bus.we & (self.bus.addr == _OFFSET["BUS_ERROR"])
        with m.If(self.bad & ~self.interrupt):
            m.d.sync += [self.interrupt.eq(1), bad_addr.eq(self.bad_addr)]
        with m.Elif(clear & self.bus.dat_w[0]):
            m.d.sync += self.interrupt.eq(0)
        return m

    def _add_events(self, m):
        m.submodules.events = events = EventUnit()
        m.d.comb += [
            events.bus.stb.eq(self.bus.stb),
            events.bus.we.eq(self.bus.we),
            events.bus.addr.eq(self.bus.addr),
            events.bus.dat_w.eq(self.bus.dat_w),
            events.happened.eq(self.happened),
            self.wake.eq(events.wake),
            self.asleep.eq(events.asleep),
        ]
        return events

    def _add_dma(self, m, events):
        m.submodules.dma_registers = registers = DescriptorRegisters(
            table=HART_LOCAL_REGS, name="DMA", job=DmaBlock, error=DmaError
        )
        connect(m, registers.job, flipped(self.dma))
        m.d.comb += [
            registers.write.eq(self.bus.stb & self.bus.we),
            registers.addr.eq(self.bus.addr[2:]),
            registers.dat_w.eq(self.bus.dat_w),
            registers.allowed.eq(1),
            registers.busy.eq(self.dma_busy),
            registers.done.eq(self.dma_done),
            registers.done_error.eq(self.dma_error),
        ]
        with m.If(self.dma_done):
            m.d.comb += events.happened.eq(self.happened | Event.DMA)
        with m.If(self.bus.addr[8:] == _OFFSET["DMA"] >> 8):
            m.d.comb += self.bus.dat_r.eq(registers.dat_r)
