"""What can go wrong between a host and a board."""

from tightrope.sim.image.running import RunError

__all__ = ["BoardError", "LinkLostError", "NoAnswerError"]


class BoardError(RunError):
    """A board that can't be used, or a run on it that failed; one sentence for the user."""


class LinkLostError(BoardError):
    """The port has gone: the cable, or the board's power."""


class NoAnswerError(BoardError):
    """Nobody answers, or nobody who speaks this protocol."""
