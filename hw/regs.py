"""Memory-mapped registers: byte offsets in their region, access, meaning."""

import dataclasses

from .isa import TileStatusReg

__all__ = ["HART_LOCAL_REGS", "HOST_REGS", "HartCounter", "LOOSE_TILE_REGS", "Reg", "SYNC_REGS"]

import enum


@dataclasses.dataclass(frozen=True)
class Reg:
    """One 32-bit register, or ``count`` of them in a row."""

    name: str
    offset_bytes: int
    access: str
    doc: str
    count: int = 1


class HartCounter(enum.IntEnum):
    """Per-hart event counters, 32 bits, free-running from reset, wrapping."""

    CYCLES = 0
    """Clock cycles."""
    INSTRUCTIONS = 1
    """Retired instructions: read from the core's minstret CSR; 0 in the register bank."""
    SLEEP_CYCLES = 2
    """Waiting in the barrier (the hart could be clock-gated)."""
    DBUS_WAIT_CYCLES = 3
    """Data bus request pending and not acknowledged (barrier excluded)."""
    IBUS_WAIT_CYCLES = 4
    """Instruction bus request pending and not acknowledged."""
    CFU_WAIT_CYCLES = 5
    """Waiting for a tile on the CFU; what the digital unit takes counts as work."""
    ICACHE_FILLS = 6
    """Instruction cache lines fetched."""
    DCACHE_FILLS = 7
    """Data cache lines fetched."""
    STORES = 8
    """Stores to main memory."""
    UNCACHED = 9
    """Uncached accesses: main memory reads past the cache, and every register access."""
    CFU_COMMANDS = 10
    """CFU commands accepted."""
    SHARED_ACCESSES = 11
    """Accesses to the shared peripheral bus."""
    MEMORY_BEATS = 12
    """Cycles the main memory array was occupied by this hart's requests."""


HART_LOCAL_REGS = (
    Reg("HART_ID", 0x00, "ro", "This hart's number, from 0."),
    Reg("HART_COUNT", 0x04, "ro", "Harts in the cluster."),
    Reg("CONFIG_HASH", 0x08, "ro", "The first 32 bits of the configuration's hash."),
    Reg("BUS_ERROR_ADDR", 0x0C, "ro", "Byte address of the first bad access since the last clear."),
    Reg("BUS_ERROR", 0x10, "w1c", "1: a bad access happened; raises the software interrupt."),
    Reg("TILE_ADC_BITS", 0x14, "ro", "Converter width of the tiles, 32 if ideal."),
    Reg("COUNTER", 0x100, "ro", "HartCounter values.", count=len(HartCounter)),
)

FETCH_ADD_COUNT = 16
MUTEX_COUNT = 16

SYNC_REGS = (
    Reg("FETCH_ADD", 0x000, "rw", "A read returns the value and adds one; a write sets it.",
        count=FETCH_ADD_COUNT),
    Reg("MUTEX", 0x100, "rw", "A read returns 1 if it took the mutex, else 0; a write frees it.",
        count=MUTEX_COUNT),
    Reg("BARRIER", 0x200, "ro", "A read returns once every hart of the cluster has read it."),
)

HOST_REGS = (
    Reg("EXIT", 0x00, "wo", "Ends the run: bits 7:0 are the status, 0 is success."),
    Reg("FAULT_CAUSE", 0x04, "rw", "mcause of a trap that ended the run."),
    Reg("FAULT_ADDR", 0x08, "rw", "The address that faulted."),
    Reg("FAULT_PC", 0x0C, "rw", "mepc of the trap."),
    Reg("FAULT_HART", 0x10, "rw", "The hart that trapped."),
    Reg("MEMORY_BEATS", 0x14, "ro", "Cycles the main memory array was occupied."),
    Reg("SHARED_TRANSFERS", 0x18, "ro", "Transfers on the shared peripheral bus."),
)

LOOSE_TILE_REGS = (
    Reg("ACQUIRE", 0x00, "ro", "1 if the tile is now this hart's, 0 if another hart holds it."),
    Reg("RELEASE", 0x04, "wo", "Gives the tile back."),
    Reg("PROCESS", 0x08, "wo", "Starts an MVM, as CM_PROCESS does."),
    Reg("INPUT", 0x10, "wo", "Queues the bytes that the store carries: sb, sh or sw.", count=1),
    Reg("OUTPUT", 0x14, "ro", "Dequeues four bytes; check STATUS first: with no result it is 0."),
    Reg("PROGRAM_ADDR", 0x18, "wo", "Row in bits 15:0, column in 31:16 of the next weights."),
    Reg("PROGRAM_DATA", 0x1C, "wo", "Programs four weights; the column then moves on by four."),
    Reg("CONFIG", 0x20, "wo", "TileConfigReg registers.", count=8),
    Reg("STATUS", 0x40, "ro", "TileStatusReg registers.", count=len(TileStatusReg)),
)
