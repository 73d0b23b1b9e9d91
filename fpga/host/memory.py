"""Main memory of a board: only what differs goes over the line, in either direction."""

import zlib
from collections.abc import Callable, Iterator

from tightrope.fpga.link.protocol import BLOCK_BYTES, BLOCK_WORDS

from .errors import BoardError, LinkLostError, NoAnswerError
from .link import Link

__all__ = ["load", "read_back"]

CHECKSUM_BLOCKS = 32
"""Of one request: few enough for its reply to come soon."""

Tell = Callable[[int, int], None]
"""Gets how many blocks are done, of how many."""


def load(link: Link, content: bytes, tell: Tell = lambda done, total: None) -> int:
    """Make memory begin with ``content``; returns how many blocks had to be written.

    What is there already stays: zeros after power-on, what the image has in common with the last
    one, and what a load that was cut short had written. Afterwards every block is checked. Whole
    blocks are written, so what follows ``content`` in its last one is 0.

    Raises
    ------
    BoardError
        Also if memory does not keep what is written to it.
    LinkLostError
        Says how far it came.
    """
    blocks = list(_blocks(content))
    wanted = [zlib.crc32(block) for block in blocks]
    missing = [i for i, found in enumerate(_checksums(link, len(blocks))) if found != wanted[i]]
    for done, i in enumerate(missing):
        tell(done, len(missing))
        try:
            link.write(i * BLOCK_WORDS, blocks[i])
        except (LinkLostError, NoAnswerError) as error:
            raise LinkLostError(
                f"{error}; {done} of {len(missing)} blocks were loaded, and the same command "
                f"goes on from there"
            ) from error
    tell(len(missing), len(missing))
    if missing:
        for i, found in enumerate(_checksums(link, len(blocks))):
            if found != wanted[i]:
                raise BoardError(
                    f"the board's memory does not keep what is written to it, at offset "
                    f"{i * BLOCK_BYTES:#x}"
                )
    return len(missing)


def read_back(link: Link, loaded: bytes, tell: Tell = lambda done, total: None) -> bytes:
    """What has become of memory that began with ``loaded``."""
    blocks = list(_blocks(loaded))
    sums = _checksums(link, len(blocks))
    changed = [i for i, found in enumerate(sums) if found != zlib.crc32(blocks[i])]
    for done, i in enumerate(changed):
        tell(done, len(changed))
        blocks[i] = link.read(i * BLOCK_WORDS, BLOCK_WORDS)
        if zlib.crc32(blocks[i]) != sums[i]:
            raise BoardError(f"the board's memory changes by itself, at {i * BLOCK_BYTES:#x}")
    tell(len(changed), len(changed))
    return b"".join(blocks)[: len(loaded)]


def _blocks(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), BLOCK_BYTES):
        yield content[begin : begin + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0")


def _checksums(link: Link, count: int) -> list[int]:
    """Of the first ``count`` blocks."""
    found: list[int] = []
    while len(found) < count:
        some = min(CHECKSUM_BLOCKS, count - len(found))
        found += link.checksums(len(found) * BLOCK_WORDS, some)
    return found
