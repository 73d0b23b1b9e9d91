"""The host's end of the link: requests that arrive, however often they have to be sent."""

import secrets
import time
from collections.abc import Sequence

from tightrope.fpga.link.protocol import (
    BLOCK_WORDS,
    IDENTITY,
    MAGIC,
    STATUS,
    VERSION,
    Answer,
    Command,
    Identity,
)

from .errors import BoardError, NoAnswerError
from .frames import Decoder, Reply, request_bytes
from .line import Line

__all__ = ["Link"]

TIMEOUTS_S = (0.3, 0.6, 1.2, 2.4)
"""For the reply to each sending of a request, beside the time that its bytes take. Above SILENCE_S
of the board, which by then has dropped what came of a frame; in all, a computer that is busy for
some seconds is waited for."""
GRACE_S = 0.05
"""After BAD_FRAME: it may be about what came before the request, whose reply is on its way then."""
MAX_DAMAGED = 30
"""Of one request and its replies, before the line is given up."""
CYCLES_PER_WORD = 12
"""Of the board, for a word of a checksum: seven, and more where memory is not on chip."""


class Link:
    """A board at the other end of a line.

    Every method raises LinkLostError if the port goes away, NoAnswerError if nobody answers, and
    BoardError if the board refuses.

    Parameters
    ----------
    line : Line
    timeouts_s : sequence of float
        See TIMEOUTS_S.
    """

    def __init__(self, line: Line, *, timeouts_s: Sequence[float] = TIMEOUTS_S) -> None:
        self._line = line
        self._timeouts_s = timeouts_s
        self._decoder = Decoder()
        # Not that of whoever asked before us, and may have left before the reply.
        self._number = secrets.randbelow(256)
        self._word_s = 0.0
        self._patience = 0
        """Index of the time-out to begin with: what was too short once may be so again."""
        self.repeats = 0
        """Requests that had to be sent again."""
        line.drop_input()

    def identify(self) -> Identity:
        """Which machine it is."""
        payload = self._ask(Command.IDENTIFY)
        names = [name for name, _ in IDENTITY]
        if len(payload.words) != len(names) or payload.words[0] != MAGIC:
            raise BoardError(f"what answers on {self._line.name} is no machine of ours")
        identity = Identity(**dict(zip(names, payload.words, strict=True)))
        self._word_s = CYCLES_PER_WORD / identity.clock_hz
        return identity

    def hold(self) -> None:
        """Put the machine into reset."""
        self._ask(Command.HOLD)

    def start(self) -> None:
        """Let it run."""
        self._ask(Command.START)

    def status(self) -> dict[str, int]:
        """The words of STATUS by name."""
        words = self._ask(Command.STATUS).words
        return dict(zip((name for name, _ in STATUS), words, strict=True))

    def write(self, word_addr: int, data: bytes) -> None:
        """Words to memory, at most a block."""
        self._ask(Command.WRITE, word_addr, len(data) // 4, data)

    def read(self, word_addr: int, count: int) -> bytes:
        """Words of memory, at most a block."""
        return self._ask(Command.READ, word_addr, count, reply_words=count).payload

    def checksums(self, word_addr: int, count: int) -> tuple[int, ...]:
        """The CRC-32 of each of ``count`` blocks of memory."""
        work_s = count * BLOCK_WORDS * self._word_s
        return self._ask(
            Command.CHECKSUMS, word_addr, count, reply_words=count, work_s=work_s
        ).words

    def _ask(
        self,
        command: Command,
        first: int = 0,
        count: int = 0,
        payload: bytes = b"",
        *,
        reply_words: int = len(IDENTITY),
        work_s: float = 0.0,
    ) -> Reply:
        """The reply to a request; ``work_s`` is what the board takes beyond the line."""
        self._number = (self._number + 1) % 256
        request = request_bytes(command, self._number, first, count, payload)
        least_s = work_s + (len(request) + 4 * reply_words) * self._line.byte_s()
        silent = damaged = 0
        while silent < len(self._timeouts_s) and damaged < MAX_DAMAGED:
            self._line.write(request)
            patience = min(self._patience + silent, len(self._timeouts_s) - 1)
            reply = self._wait(least_s, self._timeouts_s[patience])
            if reply is None:
                silent += 1
            elif reply.answer == Answer.BAD_FRAME:
                damaged += 1
            else:
                self._patience = patience
                return self._checked(reply, command)
            self.repeats += 1
        raise NoAnswerError(self._silence())

    def _wait(self, least_s: float, timeout_s: float) -> Reply | None:
        """The reply to this request; that it or another one was damaged; None if nothing comes."""
        deadline = time.monotonic() + least_s + timeout_s
        bad: Reply | None = None
        while (left_s := deadline - time.monotonic()) > 0:
            for reply in self._decoder.feed(self._line.read(left_s)):
                if reply.answer == Answer.BAD_FRAME:
                    bad = reply
                    deadline = min(deadline, time.monotonic() + least_s + GRACE_S)
                elif reply.number == self._number:
                    return reply
        # The beginning of a reply whose end was lost would swallow the next one.
        self._decoder.clear()
        return bad

    def _checked(self, reply: Reply, command: Command) -> Reply:
        if reply.answer == Answer.WRONG_VERSION or reply.version != VERSION:
            raise BoardError(
                f"the bitstream on {self._line.name} speaks version {reply.version} of the host "
                f"link and this program version {VERSION}: build and load it again"
            )
        if reply.answer != Answer.OK:
            known = reply.answer in Answer.__members__.values()
            name = Answer(reply.answer).name if known else reply.answer
            raise BoardError(f"the board on {self._line.name} refused {command.name}: {name}")
        return reply

    def _silence(self) -> str:
        if self._decoder.skipped:
            return (
                f"what answers on {self._line.name} can't be understood: is it the board's port, "
                f"and the baud rate that of the bitstream?"
            )
        return (
            f"nobody answers on {self._line.name}: is it the board's port, and is a bitstream "
            f"of ours in the board?"
        )
