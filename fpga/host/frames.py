"""Requests as bytes, and replies from bytes that may be damaged."""

import dataclasses
import struct

from tightrope.fpga.link.protocol import (
    BLOCK_WORDS,
    CHECK_BYTES,
    REPLY_HEADER_BYTES,
    REPLY_MARK,
    REQUEST_MARK,
    VERSION,
    Answer,
    Command,
    check_word,
)

__all__ = ["Decoder", "Reply", "reply_bytes", "request_bytes"]

_REQUEST = struct.Struct("<BBBBII")
_REPLY = struct.Struct("<BBBBI")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole reply."""

    answer: int
    number: int
    version: int
    payload: bytes

    @property
    def words(self) -> tuple[int, ...]:
        """The payload."""
        return struct.unpack(f"<{len(self.payload) // 4}I", self.payload)


def request_bytes(
    command: Command, number: int, first: int = 0, count: int = 0, payload: bytes = b""
) -> bytes:
    """A request as it goes over the line."""
    body = _REQUEST.pack(REQUEST_MARK, command, number, VERSION, first, count) + payload
    return body + check_word(body)


def reply_bytes(answer: Answer, number: int, payload: bytes = b"") -> bytes:
    """A reply as the board sends it."""
    body = _REPLY.pack(REPLY_MARK, answer, number, VERSION, len(payload) // 4) + payload
    return body + check_word(body)


class Decoder:
    """Finds whole replies in what the line delivers.

    What is not one is skipped, up to the next byte that may begin one. So a damaged reply costs
    itself alone, and garbage before a reply nothing.
    """

    def __init__(self) -> None:
        self._bytes = b""
        self.skipped = 0
        """Bytes that belonged to no reply."""

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are whole with these bytes."""
        self._bytes += data
        found = []
        while True:
            begin = self._bytes.find(REPLY_MARK)
            self._skip(len(self._bytes) if begin < 0 else begin)
            if len(self._bytes) < REPLY_HEADER_BYTES:
                return found
            _, answer, number, version, count = _REPLY.unpack_from(self._bytes)
            end = REPLY_HEADER_BYTES + 4 * count
            if count > BLOCK_WORDS:
                self._skip(1)
                continue
            if len(self._bytes) < end + CHECK_BYTES:
                return found
            body, check = self._bytes[:end], self._bytes[end : end + CHECK_BYTES]
            if check != check_word(body):
                self._skip(1)
                continue
            self._bytes = self._bytes[end + CHECK_BYTES :]
            payload = body[REPLY_HEADER_BYTES:]
            found.append(Reply(answer=answer, number=number, version=version, payload=payload))

    def clear(self) -> None:
        """Forget the beginning of a reply that may be there."""
        self._skip(len(self._bytes))

    def _skip(self, count: int) -> None:
        self._bytes = self._bytes[count:]
        self.skipped += count
