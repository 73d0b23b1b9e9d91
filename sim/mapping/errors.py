"""What goes wrong when a layer is mapped."""

__all__ = ["MappingError"]


class MappingError(ValueError):
    """A layer that can't run the way that was asked for; the message says why."""
