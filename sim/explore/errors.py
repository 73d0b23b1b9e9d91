"""What goes wrong in a sweep."""

__all__ = ["ExploreError", "Interrupted"]


class ExploreError(ValueError):
    """An option or a folder that can't be used; one sentence that names it."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep; the message says what was kept and how to go on."""
