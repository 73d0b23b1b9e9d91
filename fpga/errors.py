"""What can go wrong on the way to a bitstream."""

__all__ = ["FpgaError"]


class FpgaError(Exception):
    """A bitstream that can't be made; the message is for the user."""
