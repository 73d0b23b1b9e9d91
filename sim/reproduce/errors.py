"""What goes wrong in a reproduction."""

__all__ = ["ReproduceError"]


class ReproduceError(ValueError):
    """A name that nobody knows, or data that make no sense; one sentence."""
