"""What the user hears of steps that take minutes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Step"]

LINE_SECONDS = 30.0
"""A step that runs says so this often."""


class Step:
    """Says when a step begins, that it still runs, how long it took; and keeps the times.

    Parameters
    ----------
    say : callable
        Gets one line for the user; also from other threads.
    of : str
        What the steps are of, if there are others.
    """

    def __init__(self, say: Callable[[str], None], *, of: str = "") -> None:
        self._say = (lambda line: say(f"{of}: {line}")) if of else say
        self.seconds: dict[str, float] = {}
        """Of each step; 0 for one that was done before."""

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """The time of what is done inside; nothing is kept of what fails."""
        began = time.monotonic()
        ended = threading.Event()

        def remind() -> None:
            while not ended.wait(LINE_SECONDS):
                self._say(f"{name}: {time.monotonic() - began:.0f} s so far")

        self._say(f"{name} ...")
        threading.Thread(target=remind, daemon=True).start()
        try:
            yield
        finally:
            ended.set()
        self.seconds[name] = time.monotonic() - began
        self._say(f"{name}: done after {self.seconds[name]:.0f} s")

    def found(self, name: str) -> None:
        """A step that was done before."""
        self.seconds[name] = 0.0
        self._say(f"{name}: done before")
