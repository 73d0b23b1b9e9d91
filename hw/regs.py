"""Memory-mapped registers: byte offsets in their region, access, meaning."""

import dataclasses
import enum

from .dma.descriptor import BLOCK_WORDS
from .isa import TileStatusReg
from .stream.descriptor import JOB_WORDS

__all__ = [
    "Event",
    "HART_LOCAL_REGS",
    "HOST_REGS",
    "HartCounter",
    "JobStatus",
    "LOOSE_STREAM_REGS",
    "LOOSE_TILE_REGS",
    "MachineCounter",
    "Reg",
    "SYNC_REGS",
]


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
    """Waiting in the barrier or, after a write to SLEEP, for an event (it could be clock-gated)."""
    DBUS_WAIT_CYCLES = 3
    """Data bus request pending and not acknowledged (barrier excluded)."""
    IBUS_WAIT_CYCLES = 4
    """Instruction bus request pending and not acknowledged."""
    CFU_WAIT_CYCLES = 5
    """Waiting for a tile on the CFU; what the digital unit takes counts as work."""
    ICACHE_FILLS = 6
    """Instruction cache lines fetched."""
    DCACHE_FILLS = 7
    """Data cache lines fetched, from main memory or scratchpad."""
    STORES = 8
    """Stores to main memory."""
    UNCACHED = 9
    """Uncached accesses: reads past the cache, and every register access."""
    CFU_COMMANDS = 10
    """CFU commands accepted."""
    SHARED_ACCESSES = 11
    """Accesses to the shared peripheral bus."""
    MEMORY_BEATS = 12
    """Cycles the main memory array was occupied by this hart's requests."""
    SCRATCHPAD_ACCESSES = 13
    """Words that this hart read from the scratchpad or wrote to it."""
    SCRATCHPAD_CONFLICTS = 14
    """Cycles in which this hart wanted a word of the scratchpad whose bank served another."""


class MachineCounter(enum.IntEnum):
    """Counters of what all harts share, as HartCounter: 32 bits, from reset, wrapping."""

    MEMORY_BEATS = 0
    """Cycles the main memory array was occupied, by whomever."""
    SHARED_TRANSFERS = 1
    """Transfers on the shared peripheral bus."""
    SCRATCHPAD_BEATS = 2
    """Words that the scratchpad's banks read or wrote."""
    DMA_LOAD_BYTES = 3
    """Bytes that the DMA engine wrote to the scratchpad."""
    DMA_STORE_BYTES = 4
    """Bytes that it read from the scratchpad."""
    DMA_BUSY_CYCLES = 5
    """Cycles in which it had a block."""
    DMA_WAIT_CYCLES = 6
    """Cycles in which a request of it waited."""


class Event(enum.IntFlag):
    """What a hart can sleep for: bits of HART_LOCAL EVENT_PENDING and EVENT_MASK."""

    BARRIER = 1
    """Every hart has arrived at the barrier, this one by SYNC.ARRIVE."""
    DMA = 2
    """A block of this hart's DMA channel is done."""
    STREAM = 4
    """A job of a loose tile that this hart holds has ended."""
    TILE = 8
    """A tile that this hart holds has a result and had none before; or a loose one has an error,
    which may be all that comes. Jobs of a streamer are STREAM."""
    RELEASE = 16
    """A loose tile was released by the hart that held it."""


HART_LOCAL_REGS = (
    Reg("HART_ID", 0x00, "ro", "This hart's number, from 0."),
    Reg("HART_COUNT", 0x04, "ro", "Harts in the cluster."),
    Reg("CONFIG_HASH", 0x08, "ro", "The first 32 bits of the configuration's hash."),
    Reg("BUS_ERROR_ADDR", 0x0C, "ro", "Byte address of the first bad access since the last clear."),
    Reg("BUS_ERROR", 0x10, "w1c", "1: a bad access happened; raises the software interrupt."),
    Reg("TILE_ADC_BITS", 0x14, "ro", "Converter width of the tiles, 32 if ideal."),
    Reg("EVENT_PENDING", 0x18, "w1c", "Event bits that happened; writing 1 clears a bit."),
    Reg("EVENT_MASK", 0x1C, "rw", "Event bits that end sleep."),
    Reg("SLEEP", 0x20, "wo", "Asleep from a write until EVENT_PENDING & EVENT_MASK isn't 0."),
    Reg("TIGHT_TILES", 0x24, "ro", "Tight tiles of this hart."),
    Reg("COUNTER", 0x100, "ro", "HartCounter values.", count=len(HartCounter)),
    Reg("DMA", 0x200, "wo", "Words of the DmaBlock to push; they keep their values.",
        count=BLOCK_WORDS),
    Reg("DMA_PUSH", 0x280, "wo", "Gives the hart's DMA channel the block, if there is room."),
    Reg("DMA_STATUS", 0x284, "ro", "JobStatus bits; blocks that ended in bits 31:16."),
    Reg("DMA_ERROR", 0x288, "rw", "DmaError of the last block that failed; any write clears it."),
)

FETCH_ADD_COUNT = 16
MUTEX_COUNT = 16

SYNC_REGS = (
    Reg("FETCH_ADD", 0x000, "rw", "A read returns the value and adds one; a write sets it.",
        count=FETCH_ADD_COUNT),
    Reg("MUTEX", 0x100, "rw", "A read returns 1 if it took the mutex, else 0; a write frees it.",
        count=MUTEX_COUNT),
    Reg("BARRIER", 0x200, "ro", "A read returns once every hart of the cluster has arrived."),
    Reg("ARRIVE", 0x300, "wo", "A write arrives at the barrier and returns: see Event.BARRIER."),
)

HOST_REGS = (
    Reg("EXIT", 0x00, "wo", "Ends the run: bits 7:0 are the status, 0 is success."),
    Reg("FAULT_CAUSE", 0x04, "rw", "mcause of a trap that ended the run."),
    Reg("FAULT_ADDR", 0x08, "rw", "The address that faulted."),
    Reg("FAULT_PC", 0x0C, "rw", "mepc of the trap."),
    Reg("FAULT_HART", 0x10, "rw", "The hart that trapped."),
    Reg("COUNTER", 0x14, "ro", "MachineCounter values.", count=len(MachineCounter)),
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


class JobStatus(enum.IntFlag):
    """Bits of a tile's JOB_STATUS, and of HART_LOCAL DMA_STATUS for blocks; bits 31:16 count those
    that ended, modulo 2**16."""

    ROOM = 1
    """A push would be taken."""
    BUSY = 2
    """There is a job."""
    FAILED = 4
    """The register of the last error is not 0."""


LOOSE_STREAM_REGS = (
    Reg("JOB", 0x100, "wo", "Words of the StreamJob to push; they keep their values.",
        count=JOB_WORDS),
    Reg("JOB_PUSH", 0x180, "wo", "Gives the tile the job, with addresses in the scratchpad."),
    Reg("JOB_STATUS", 0x184, "ro", "JobStatus bits; jobs that ended in bits 31:16."),
    Reg("JOB_ERROR", 0x188, "rw", "JobError in bits 7:0, tag in 31:16 of the last job that failed;"
        " any write clears it."),
)
"""More registers in the page of a loose tile that streams."""
