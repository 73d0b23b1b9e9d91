"""The host link's protocol, once, as data: read by the link's logic, by the host, by the docs.

Words are 32 bits, little-endian. The host asks, the board answers; one request at a time.

    request: REQUEST_MARK, Command, number, VERSION; first word; count; payload; CRC-32
    reply:   REPLY_MARK,   Answer,  number, VERSION;             count; payload; CRC-32

The first four are a byte each, everything else words. Only WRITE and replies have a payload, of
``count`` words, at most BLOCK_WORDS. The CRC-32 is zlib's, over all bytes before it. ``number``
comes back in the reply; a repeated request has the same. All requests may be repeated.

A request that is damaged or incomplete changes nothing. Once the line is silent, or all bytes that
the request speaks of are there, the board answers BAD_FRAME.
"""

import dataclasses
import enum
import struct
import zlib

from tightrope.hw.config import ClusterConfig

__all__ = [
    "BAUD",
    "BLOCK_BYTES",
    "BLOCK_WORDS",
    "CHECK_BYTES",
    "Answer",
    "COMMAND_HELP",
    "Command",
    "HEADER_BYTES",
    "IDENTITY",
    "Identity",
    "MAGIC",
    "REPLY_HEADER_BYTES",
    "REPLY_MARK",
    "REQUEST_MARK",
    "STATUS",
    "VERSION",
    "check_word",
]

VERSION = 1
"""Of this protocol. What a frame looks like never changes."""
MAGIC = 0x4C52_4954
"""'TIRL' in memory order."""
BAUD = 1_000_000
"""Of boards: what every USB bridge can do, and clocks of whole megahertz divide to."""
REQUEST_MARK = 0xA5
REPLY_MARK = 0x5A
BLOCK_WORDS = 512
"""Words of a frame at the most, and of a block whose CRC-32 the board tells: a block RAM's."""
BLOCK_BYTES = 4 * BLOCK_WORDS
HEADER_BYTES = 12
"""Of a request."""
REPLY_HEADER_BYTES = 8
CHECK_BYTES = 4


class Command(enum.IntEnum):
    """What the host asks for. Values are never reused."""

    IDENTIFY = 1
    HOLD = 2
    START = 3
    STATUS = 4
    WRITE = 5
    READ = 6
    CHECKSUMS = 7


class Answer(enum.IntEnum):
    """How a request ended; anything but OK: nothing was done."""

    OK = 0
    BAD_FRAME = 1
    """Damaged or incomplete. ``number`` means nothing."""
    WRONG_VERSION = 2
    """The reply's version is the board's."""
    BAD_COMMAND = 3
    BAD_RANGE = 4
    """Beyond the memory's end, or more than BLOCK_WORDS."""
    NOT_HELD = 5
    """Memory can't be reached while the machine runs."""


COMMAND_HELP = {
    Command.IDENTIFY: ("0", "0", "IDENTITY", "which machine this is"),
    Command.HOLD: ("0", "0", "none", "machine into reset; how a board wakes up"),
    Command.START: ("0", "0", "none", "machine out of reset; nothing if it runs already"),
    Command.STATUS: ("0", "0", "STATUS", "how the run is"),
    Command.WRITE: ("word address", "words", "none", "the payload to memory; held only"),
    Command.READ: ("word address", "words", "the words", "memory; held only"),
    Command.CHECKSUMS: (
        "word address",
        "blocks",
        "a word per block",
        "CRC-32 of each of so many blocks of BLOCK_WORDS words; held only",
    ),
}
"""First word, count, payload of the reply, and meaning of each command."""

IDENTITY = (
    ("magic", "MAGIC"),
    ("config_hash_low", "of the configuration's hash, the last eight digits"),
    ("config_hash_high", "the first eight"),
    ("lanes", "multipliers of each array"),
    ("memory_bytes", "of main memory"),
    ("clock_hz", "of the board's clock"),
    ("harts", ""),
    ("tight_tiles", "of all harts together"),
    ("loose_tiles", ""),
    ("tile_rows", ""),
    ("tile_cols", ""),
)
"""Payload of the reply to IDENTIFY: (name, meaning) of each word."""

STATUS = (
    ("held", "1: the machine is in reset"),
    ("done", "1: the run has ended and all its stores are in memory"),
    ("exit_status", "what firmware wrote to EXIT"),
    ("cycles", "of target time, from reset to the end or to now"),
    ("fault_hart", ""),
    ("fault_cause", ""),
    ("fault_addr", ""),
    ("fault_pc", ""),
)
"""Payload of the reply to STATUS; the last four are the trap handler's report, if there is one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What a bitstream says of itself: the words of IDENTITY, by name."""

    config_hash_low: int
    config_hash_high: int
    lanes: int
    memory_bytes: int
    clock_hz: int
    harts: int
    tight_tiles: int
    loose_tiles: int
    tile_rows: int
    tile_cols: int
    magic: int = MAGIC

    @classmethod
    def of(cls, config: ClusterConfig, *, lanes: int, clock_hz: int) -> "Identity":
        """Of the bitstream of a machine; ``lanes`` is 0 where it has no tiles."""
        return cls(
            config_hash_low=int(config.hash[8:], 16),
            config_hash_high=int(config.hash[:8], 16),
            lanes=lanes,
            memory_bytes=config.memory.size_bytes,
            clock_hz=clock_hz,
            harts=config.harts,
            tight_tiles=config.tiled_harts * config.tight_tiles_per_hart,
            loose_tiles=config.loose_tiles,
            tile_rows=config.tile.rows,
            tile_cols=config.tile.cols,
        )

    @property
    def config_hash(self) -> str:
        """``ClusterConfig.hash`` of its machine."""
        return f"{self.config_hash_high:08x}{self.config_hash_low:08x}"

    def __str__(self) -> str:
        harts = f"{self.harts} hart" + "s" * (self.harts != 1)
        kinds = {"tight": self.tight_tiles, "loose": self.loose_tiles}
        tiles = " and ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
        size = f"{self.tile_rows}x{self.tile_cols}"
        held = f"tiles of {size}: {tiles}" if tiles else "no tiles"
        return f"{harts}, {held}, {self.memory_bytes >> 10} KiB of memory"

    def words(self) -> tuple[int, ...]:
        """In the order of IDENTITY."""
        return tuple(getattr(self, name) for name, _ in IDENTITY)


def check_word(data: bytes) -> bytes:
    """The CRC-32 that ends a frame."""
    return struct.pack("<I", zlib.crc32(data))
