"""A board without a machine: it keeps memory and answers requests, for tests of the host's side."""

import dataclasses
import socket
import struct
import threading
import zlib

from tightrope.fpga.host.frames import reply_bytes
from tightrope.fpga.link.protocol import (
    BLOCK_BYTES,
    BLOCK_WORDS,
    CHECK_BYTES,
    HEADER_BYTES,
    REQUEST_MARK,
    STATUS,
    Answer,
    Command,
    Identity,
    check_word,
)
from tightrope.fpga.simulated.cable import Cable
from tightrope.hw.config import ClusterConfig, MemoryConfig

CONFIG = ClusterConfig(harts=2, memory=MemoryConfig(size_bytes=1 << 18))


class FakeBoard:
    """Under power from ``with`` to its end; a run is over at once, with ``status``."""

    def __init__(self, config=CONFIG, **identity):
        self.identity = dataclasses.replace(
            Identity.of(config, lanes=8, clock_hz=50_000_000), **identity
        )
        self.memory = bytearray(config.memory.size_bytes)
        self.status = {name: 0 for name, _ in STATUS} | {"done": 1, "held": 1}
        self.requests = []
        """(command, first, count) of each that was whole."""
        self.answers = None
        """Instead of replies, if set: what it says to a request's number."""
        self.on_start = lambda memory: None
        """What a run does."""

    def __enter__(self):
        self._theirs, self._ours = socket.socketpair()
        self.cable = Cable(self._theirs)
        self.port = self.cable.plug()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.cable.pull()
        self._theirs.close()

    def count(self, command):
        return sum(asked == command for asked, _, _ in self.requests)

    def _serve(self):
        received = b""
        with self._ours:
            while data := self._ours.recv(4096):
                received += data
                while (frame := self._frame(received)) is not None:
                    size, reply = frame
                    received = received[size:]
                    self._ours.sendall(reply)

    def _frame(self, received):
        """The size of the first frame and what to answer; None if it is not all there."""
        begin = received.find(REQUEST_MARK)
        if begin < 0 or len(received) < begin + HEADER_BYTES:
            return None
        head = received[begin : begin + HEADER_BYTES]
        _, command, number, _, first, count = struct.unpack("<BBBBII", head)
        payload_bytes = 4 * count if command == Command.WRITE else 0
        if payload_bytes > BLOCK_BYTES:
            return begin + HEADER_BYTES, reply_bytes(Answer.BAD_FRAME, number)
        end = begin + HEADER_BYTES + payload_bytes
        if len(received) < end + CHECK_BYTES:
            return None
        body = received[begin:end]
        size = end + CHECK_BYTES
        if received[end:size] != check_word(body):
            return size, reply_bytes(Answer.BAD_FRAME, number)
        self.requests.append((command, first, count))
        if self.answers is not None:
            return size, self.answers(number)
        return size, reply_bytes(
            Answer.OK, number, self._obey(command, first, count, body[HEADER_BYTES:])
        )

    def _obey(self, command, first, count, payload):
        """The payload of the reply."""
        begin, end = 4 * first, 4 * (first + count)
        if command == Command.IDENTIFY:
            words = self.identity.words()
        elif command == Command.STATUS:
            words = self.status.values()
        elif command == Command.CHECKSUMS:
            places = range(first, first + count * BLOCK_WORDS, BLOCK_WORDS)
            words = [zlib.crc32(self.memory[4 * at : 4 * at + BLOCK_BYTES]) for at in places]
        elif command == Command.READ:
            return bytes(self.memory[begin:end])
        else:
            if command == Command.WRITE:
                self.memory[begin:end] = payload
            elif command == Command.START:
                self.on_start(self.memory)
            words = []
        return struct.pack(f"<{len(words)}I", *words)
