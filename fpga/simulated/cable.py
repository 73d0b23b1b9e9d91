"""A serial cable between a pseudo-terminal and a socket: it can be pulled, and it can be noisy."""

import contextlib
import os
import selectors
import socket
import threading
import tty
from collections.abc import Callable

__all__ = ["Cable"]

_CHUNK_BYTES = 4096

Noise = Callable[[bytes], bytes]
"""What becomes of bytes on their way."""


class Cable:
    """From ``plug`` to ``pull``, what is written to the port goes to the board, and back.

    Parameters
    ----------
    board : socket
        The board's end; it stays open when the cable is pulled.
    """

    def __init__(self, board: socket.socket) -> None:
        self._board = board
        self._ends: list[int] = []
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self.to_board: Noise = lambda data: data
        self.to_host: Noise = lambda data: data

    def plug(self) -> str:
        """Connect; returns the port's name."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        # What no host takes is lost, as it is on a cable.
        os.set_blocking(ours, False)
        # The other end stays open here too: hosts may come and go.
        self._ends = [ours, theirs]
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return os.ttyname(theirs)

    def pull(self) -> None:
        """Disconnect: the port is gone, whoever has it open."""
        if self._thread is None or self._wake is None:
            return
        os.write(self._wake[1], b"x")
        self._thread.join()
        self._thread = None
        for end in (*self._ends, *self._wake):
            os.close(end)

    def _carry(self) -> None:
        assert self._wake is not None
        ours = self._ends[0]
        with selectors.DefaultSelector() as selector:
            for end in (ours, self._board.fileno(), self._wake[0]):
                selector.register(end, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if self._wake[0] in ready:
                    return
                # A board that died has nothing to say any more.
                with contextlib.suppress(OSError):
                    if ours in ready:
                        self._board.sendall(self.to_board(os.read(ours, _CHUNK_BYTES)))
                    if self._board.fileno() in ready:
                        data = self._board.recv(_CHUNK_BYTES)
                        if not data:
                            return
                        os.write(ours, self.to_host(data))
