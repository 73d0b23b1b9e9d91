"""What goes wrong when an image is built or read back."""

__all__ = ["ImageError"]


class ImageError(ValueError):
    """An image that can't be built, or memory that isn't what the image left; says why."""
