"""Images as files: what one writes, another reads, if it is whole and this machine can run it."""

import dataclasses
from pathlib import Path

from tightrope.hw.config import ClusterConfig

from .contents import check_contents
from .errors import ImageError
from .image import Image
from .seal import check_seal, read_header

__all__ = ["LoadedImage", "read_image_file", "write_image_file"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadedImage:
    """An image from a file: what a run needs of it."""

    data: bytes
    """Loaded at ``layout.IMAGE_ADDR``."""
    memory_end: int
    """First address past everything the run may touch."""


def write_image_file(image: Image, path: Path) -> None:
    """Writes the image's bytes, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(image.data)
    part.replace(path)


def read_image_file(path: Path, config: ClusterConfig) -> LoadedImage:
    """An image to be run on the machine ``config``.

    Raises ImageError, in a sentence with the file's name, for what is not all of an image, was
    changed since it was written, or can't run on this machine.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    try:
        check_seal(data)
        check_contents(data, config)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    return LoadedImage(data=data, memory_end=read_header(data)["memory_end_addr"])
