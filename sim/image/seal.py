"""The end of an image: a mark and a checksum, by which part of an image is told from all of it."""

import zlib

import numpy as np

from .arena import pack_words
from .errors import ImageError
from .layout import END_MARK, HEADER, MAGIC, VERSION, size_bytes

__all__ = ["END_MARK_BYTES", "check_seal", "content_crc32", "read_header", "seal"]

END_MARK_BYTES = 4
_NOTHING = bytes(4)


def seal(data: bytearray) -> None:
    """Fills in the checksum and the end mark of an image that is complete but for them."""
    crc = content_crc32(data)
    data[_crc_place()] = pack_words([crc])
    data[-END_MARK_BYTES:] = pack_words([END_MARK ^ crc])


def check_seal(data: bytes) -> None:
    """ImageError, in a sentence, unless ``data`` is all of an image, and as it was written."""
    least = size_bytes(HEADER) + END_MARK_BYTES
    if len(data) < least:
        raise ImageError(f"an image has at least {least} bytes, this one ends after {len(data)}")
    header = read_header(data)
    if header["magic"] != MAGIC:
        raise ImageError(f"an image begins with {MAGIC:#x}, this one with {header['magic']:#x}")
    if header["version"] != VERSION:
        raise ImageError(f"the image's version must be {VERSION}, not {header['version']}")
    if header["image_bytes"] != len(data):
        raise ImageError(f"the image must have {header['image_bytes']} bytes, not {len(data)}")
    mark, wanted = _words(data[-END_MARK_BYTES:])[0], END_MARK ^ header["content_crc32"]
    if mark != wanted:
        raise ImageError(f"the image's end mark must be {wanted:#x}, not {mark:#x}")
    crc = content_crc32(data)
    if crc != header["content_crc32"]:
        raise ImageError(
            f"the image's checksum must be {header['content_crc32']:#x}, not {crc:#x}: "
            "some of its bytes were changed"
        )


def content_crc32(data: bytes | bytearray) -> int:
    """The checksum of an image, its own field and the end mark counted as zeros."""
    view, place = memoryview(data), _crc_place()
    crc = zlib.crc32(_NOTHING, zlib.crc32(view[: place.start]))
    crc = zlib.crc32(view[place.stop : len(view) - END_MARK_BYTES], crc)
    return zlib.crc32(_NOTHING, crc)


def read_header(data: bytes) -> dict[str, int]:
    """The header's fields, at ``layout.IMAGE_ADDR`` by definition."""
    names = [name for name, _ in HEADER]
    return dict(zip(names, _words(data[: size_bytes(HEADER)]), strict=True))


def _crc_place() -> slice:
    begin = 4 * [name for name, _ in HEADER].index("content_crc32")
    return slice(begin, begin + 4)


def _words(data: bytes) -> list[int]:
    return np.frombuffer(data, "<u4").tolist()
