"""A simulated board: its process, and the cable to it."""

import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from .cable import Cable

__all__ = ["SimulatedBoard"]


class SimulatedBoard:
    """Under power from ``with`` to its end.

    Parameters
    ----------
    binary : Path
        What :func:`build_board` made.
    """

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [str(self._binary), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._socket = ours
        self.cable = Cable(ours)
        self.port = self.cable.plug()
        return self

    def replug(self) -> None:
        """Pull the cable if it is plugged, and plug it again: ``port`` has a new name."""
        self.cable.pull()
        self.port = self.cable.plug()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cable.pull()
        self._socket.close()
        self._process.kill()
        self._process.wait()
