"""What goes wrong in an exploration."""

__all__ = ["ExploreError"]


class ExploreError(ValueError):
    """An option that can't be used; one sentence that names it."""
