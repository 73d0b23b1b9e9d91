"""Errors of the model."""

__all__ = ["ModelError"]


class ModelError(ValueError):
    """A prediction that can't be made; the message is one sentence for the user."""
