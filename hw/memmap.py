"""The address map. Byte addresses; everything with bit 31 set is uncached."""

import dataclasses

__all__ = ["HART_LOCAL", "HOST", "LOOSE_TILE", "MAIN_MEMORY", "SCRATCHPAD", "SYNC", "Region"]


@dataclasses.dataclass(frozen=True)
class Region:
    """A block of addresses; ``stride_bytes`` separates the members of an array of blocks."""

    name: str
    base_addr: int
    size_bytes: int
    stride_bytes: int = 0


UNCACHED_BIT = 1 << 31

SCRATCHPAD = Region("scratchpad", 0x1000_0000, 0x0010_0000)
"""Banked memory that loose tiles stream from. Cached; uncached with bit 31 set, as main memory."""
MAIN_MEMORY = Region("main_memory", 0x4000_0000, 0x2000_0000)
"""Cached; the same memory appears uncached with bit 31 set."""
HOST = Region("host", 0xE000_0000, 0x1000)
"""Mailbox to the host, on the shared peripheral bus."""
LOOSE_TILE = Region("loose_tile", 0xE100_0000, 0x0010_0000, stride_bytes=0x1000)
"""Loose tiles, one page each, on the shared peripheral bus."""
HART_LOCAL = Region("hart_local", 0xF000_0000, 0x1000)
"""Identity, bus error and counters: each hart sees its own."""
SYNC = Region("sync", 0xF001_0000, 0x1000)
"""Fetch-and-add counters, mutexes, barrier: one unit, a port for each hart."""
