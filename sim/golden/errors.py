"""What goes wrong in the reference."""

__all__ = ["GoldenError"]


class GoldenError(ValueError):
    """A layer, an input or a number that the reference can't compute; the message says why."""
