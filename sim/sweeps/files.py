"""Files that are whole or absent: written beside their place, then moved there."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from .errors import SweepError

__all__ = ["file_error", "make_folder", "replace_file", "source_fingerprint", "write_text"]


def make_folder(folder: Path) -> None:
    """Make a folder if it isn't there; raises SweepError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error("write to", folder, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a file atomically; raises SweepError and leaves the old one if that fails."""
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a new file, then put it in the place of ``path``.

    Raises SweepError if it can't be written; what was at ``path`` then stays as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise file_error("write", path, error) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def file_error(verb: str, path: Path, error: OSError) -> SweepError:
    """The sentence for a file that can't be read or written."""
    return SweepError(f"can't {verb} {path}: {error.strerror or error}")


def source_fingerprint(*folders: Path) -> str:
    """Sixteen hexadecimal digits that name the Python and JSON files in some folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.glob("*")):
            if path.suffix in (".py", ".json"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
