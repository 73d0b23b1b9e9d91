"""What goes wrong when a network is mapped or run."""

__all__ = ["NetworkError"]


class NetworkError(ValueError):
    """A network that can't run the way that was asked for; the message says why."""
