"""What the user hears of steps that take minutes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Step"]


class Step:
    """Says when a step begins and how long it took, and keeps the times.

    Parameters
    ----------
    say : callable
        Gets one line for the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.seconds: dict[str, float] = {}
        """Of each step that ran; 0 for one that was in the cache."""

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """The time of what is done inside; nothing is kept of what fails."""
        began = time.monotonic()
        self._say(f"{name} ...")
        yield
        self.seconds[name] = time.monotonic() - began
        self._say(f"{name}: {self.seconds[name]:.0f} s")

    def found(self, name: str) -> None:
        """A step that was done before."""
        self.seconds[name] = 0.0
