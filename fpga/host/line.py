"""A serial port, and what it has to say when it can't be opened or goes away."""

import contextlib
import errno
import os
import time
from collections.abc import Iterator

import serial

from .errors import BoardError, LinkLostError

__all__ = ["Line", "open_line"]

WRITE_TIMEOUT_S = 10.0
"""For one frame; a port that takes nothing for so long is dead."""
_LOOK_S = 0.02
"""A port waits for so long by itself; to change that means to set it up anew."""


class Line:
    """Bytes to and from an open port. Every method raises LinkLostError if the port has gone."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    @property
    def name(self) -> str:
        return str(self._port.port)

    def byte_s(self) -> float:
        """Time that a byte takes: start bit, eight bits, stop bit."""
        return 10 / self._port.baudrate

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        with self._losing():
            self._port.write(data)

    def read(self, timeout_s: float) -> bytes:
        """What has come, at least a byte unless none comes in time."""
        deadline = time.monotonic() + timeout_s
        with self._losing():
            while True:
                if first := self._port.read(1):
                    return first + self._port.read(self._port.in_waiting)
                if time.monotonic() >= deadline:
                    return b""

    def drop_input(self) -> None:
        """Forget what has come: it was for somebody else."""
        with self._losing():
            self._port.reset_input_buffer()

    @contextlib.contextmanager
    def _losing(self) -> Iterator[None]:
        try:
            yield
        except (serial.SerialException, OSError) as error:
            raise LinkLostError(f"the link over {self.name} is lost") from error


@contextlib.contextmanager
def open_line(port: str, baud: int) -> Iterator[Line]:
    """Open a port for this program alone.

    Raises
    ------
    BoardError
        If it can't be opened.
    """
    try:
        opened = serial.Serial(
            port, baudrate=baud, timeout=_LOOK_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise BoardError(f"can't open the port {port}: {_reason(error)}") from error
    with opened:
        # USB bridges hold back answers for 16 ms otherwise. Not all of them can; nor can a
        # pseudo-terminal.
        with contextlib.suppress(OSError, ValueError, AttributeError, NotImplementedError):
            opened.set_low_latency_mode(True)
        yield Line(opened)


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another program has it open"
    return os.strerror(number) if number else str(error)
