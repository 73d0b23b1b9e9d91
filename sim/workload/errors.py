"""The error of this package."""

__all__ = ["WorkloadError"]


class WorkloadError(ValueError):
    """A network that can't be imported; one sentence that names the file, node or option."""

    def __init__(self, message: str):
        # Names come from the file and may hold anything; the message stays on one line.
        super().__init__("".join(c if c.isprintable() else "?" for c in message))
