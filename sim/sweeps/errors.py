"""What goes wrong in a sweep."""

__all__ = ["Interrupted", "SweepError"]


class SweepError(ValueError):
    """A folder, a file or a scheduler that can't be used; one sentence that names it."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep; the message says what was kept and how to go on."""
