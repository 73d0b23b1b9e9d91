"""Bytes at absolute addresses: grows at the end, patched in place."""

from collections.abc import Iterable, Mapping

import numpy as np
from tightrope.hw.headers import DCACHE_BYTES

from .errors import ImageError
from .layout import STACK_HOT_BYTES, STRUCTS, size_bytes

__all__ = [
    "ALIGN_BYTES",
    "Arena",
    "SCRATCH_PHASE_BYTES",
    "WEIGHTS_PHASE_BYTES",
    "pack_struct",
    "pack_words",
]

ALIGN_BYTES = 64
"""Two lines of the data cache; everything large begins at a multiple of it."""
SCRATCH_PHASE_BYTES = 1024
"""Where in a round of the data cache the scratch of every hart begins; what a kernel keeps there is
2 KiB in most cases."""
WEIGHTS_PHASE_BYTES = 32
"""Where in a round of the data cache the weights of digital kernels begin: then no row of weights
has a row of the input within a line of it, and pointwise kernels read the input where it is. That
it is the same place for all layers lets the model know which lines meet."""


def pack_words(values: Iterable[int]) -> bytes:
    """Little-endian 32-bit words, negative values as two's complement."""
    words = [int(value) for value in values]
    for word in words:
        if not -(1 << 31) <= word < 1 << 32:
            raise ImageError(f"a word must fit 32 bits, not {word!r}")
    return np.array([word & 0xFFFF_FFFF for word in words], "<u4").tobytes()


def pack_struct(kind: str, fields: Mapping[str, int]) -> bytes:
    """One structure of ``layout.STRUCTS``; fields that are not given are 0."""
    names = [name for name, _ in STRUCTS[kind]]
    unknown = sorted(set(fields) - set(names))
    if unknown:
        raise ImageError(f"a {kind} has no field {unknown[0]!r}")
    return pack_words(fields.get(name, 0) for name in names)


class Arena:
    """A growing stretch of memory that begins at ``base_addr``."""

    def __init__(self, base_addr: int) -> None:
        self.base_addr = base_addr
        self.data = bytearray()

    @property
    def end_addr(self) -> int:
        """The first address past what is there."""
        return self.base_addr + len(self.data)

    def align(self, unit: int) -> int:
        """Zeros up to a multiple of ``unit`` bytes; returns the address reached."""
        self.data += bytes(-self.end_addr % unit)
        return self.end_addr

    def put(self, content: bytes | np.ndarray, align: int = 4, phase: int = 0) -> int:
        """Appends ``content`` (arrays as they lie in memory, C order); returns its address.

        The address is ``phase`` past a multiple of ``align``.
        """
        self.data += bytes((phase - self.end_addr) % align)
        addr = self.end_addr
        self.data += content.tobytes() if isinstance(content, np.ndarray) else content
        return addr

    def avoid_stacks(self, size_bytes: int) -> None:
        """Makes sure that the next ``size_bytes`` are not where the stacks are in the data cache.

        The stacks of all harts end where a round of the cache does. What inner loops read again and
        again lies together in the rest of a round, if it fits, so that nothing of it drives out
        another part or the stack.
        """
        room = DCACHE_BYTES - STACK_HOT_BYTES
        begin = self.align(4) % DCACHE_BYTES
        if size_bytes <= room < begin + size_bytes:
            self.align(DCACHE_BYTES)

    def patch(self, addr: int, content: bytes) -> None:
        """Overwrites what was put at ``addr``."""
        begin = addr - self.base_addr
        if begin < 0 or begin + len(content) > len(self.data):
            raise ImageError(f"can't patch {len(content)} bytes at {addr:#x}: nothing is there")
        self.data[begin : begin + len(content)] = content

    def put_structs(self, kind: str, items: Iterable[Mapping[str, int]]) -> int:
        """Appends an array of structures; returns its address."""
        return self.put(b"".join(pack_struct(kind, item) for item in items))

    def reserve_structs(self, kind: str, count: int) -> int:
        """Room for ``count`` structures, zero for now; returns its address."""
        return self.put(bytes(count * size_bytes(STRUCTS[kind])))
