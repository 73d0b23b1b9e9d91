"""The mailbox to the host: end of the run, fault report, bus and memory totals."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bus.shared import RegisterBus
from ..perf.counter import counted
from ..regs import HOST_REGS, MachineCounter

__all__ = ["HostMailbox"]

_OFFSET = {reg.name: reg.offset_bytes for reg in HOST_REGS}


class HostMailbox(wiring.Component):
    """Registers through which firmware talks to whoever started it.

    Latency: answers in the same cycle. The first write to EXIT counts. Reset: not done, all zero.

    Members
    -------
    bus : In(RegisterBus)
    done : Out(1)
        EXIT has been written; ``exit_status`` holds its low byte.
    cycles : Out(32)
        Cycles from reset to EXIT.
    fault_cause, fault_addr, fault_pc, fault_hart : Out(32)
        What the trap handler reported.
    memory_beat, shared_transfer : In(1)
        Events to count.
    scratchpad_beats : In(6)
        Words to count.
    dma_counters : In(32) * 4
        Values of the DMA engine's counters, in their order.
    """

    bus: In(RegisterBus(addr_width=12))
    done: Out(1)
    exit_status: Out(8)
    cycles: Out(32)
    fault_cause: Out(32)
    fault_addr: Out(32)
    fault_pc: Out(32)
    fault_hart: Out(32)
    memory_beat: In(1)
    shared_transfer: In(1)
    scratchpad_beats: In(6)
    dma_counters: In(32).array(4)

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.cycles.eq(self.cycles + (~self.done & 1))
        m.d.comb += self.bus.ack.eq(self.bus.stb)
        faults = {
            "FAULT_CAUSE": self.fault_cause, "FAULT_ADDR": self.fault_addr,
            "FAULT_PC": self.fault_pc, "FAULT_HART": self.fault_hart,
        }
        counters = {
            MachineCounter.MEMORY_BEATS: counted(m, self.memory_beat, "memory_beats"),
            MachineCounter.SHARED_TRANSFERS: counted(m, self.shared_transfer, "shared_transfers"),
            MachineCounter.SCRATCHPAD_BEATS: counted(m, self.scratchpad_beats, "scratch_beats"),
        }
        dma = [counter for counter in MachineCounter if counter.name.startswith("DMA_")]
        counters |= zip(dma, self.dma_counters, strict=True)
        with m.Switch(self.bus.addr):
            for name, value in faults.items():
                with m.Case(_OFFSET[name]):
                    m.d.comb += self.bus.dat_r.eq(value)
            for counter, value in counters.items():
                with m.Case(_OFFSET["COUNTER"] + 4 * counter):
                    m.d.comb += self.bus.dat_r.eq(value)
        with m.If(self.bus.stb & self.bus.we), m.Switch(self.bus.addr):
            for name, value in faults.items():
                with m.Case(_OFFSET[name]):
                    m.d.sync += value.eq(self.bus.dat_w)
            with m.Case(_OFFSET["EXIT"]), m.If(~self.done):
                m.d.sync += [self.done.eq(1), self.exit_status.eq(self.bus.dat_w)]
        return m
