"""A folder for what takes long to make: entries are complete or absent, and made once."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import tightrope.hw

__all__ = [
    "STAMP", "Message", "cache_dir", "contents", "digest", "is_complete", "locked", "mark_complete",
]  # fmt: skip

STAMP = "complete"
"""The file that is written last into an entry."""

Message = Callable[[str], None]
"""Gets one line for the user."""


def cache_dir() -> Path:
    """Where builds are kept: $TIGHTROPE_BUILD, or the checkout's build/, or the user's cache."""
    chosen = os.environ.get("TIGHTROPE_BUILD")
    checkout = Path(tightrope.hw.__file__).resolve().parents[1]
    if chosen:
        folder = Path(chosen).absolute()
    elif (checkout / "pyproject.toml").is_file():
        folder = checkout / "build"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tightrope"
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    return folder


def digest(*parts: object) -> str:
    """Sixteen hexadecimal digits that name some plain data: an entry's key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def contents(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """Name and hash of each file, for :func:`digest`."""
    return [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]


def is_complete(folder: Path) -> bool:
    """Whether ``folder`` was marked; one whose making was interrupted is not."""
    return (folder / STAMP).exists()


def mark_complete(folder: Path, text: str) -> None:
    """Mark ``folder`` as complete, in one step."""
    partial = folder / f"{STAMP}.partial"
    partial.write_text(text)
    partial.rename(folder / STAMP)


@contextlib.contextmanager
def locked(folder: Path, say: Message | None = None) -> Iterator[None]:
    """Hold the lock of ``folder`` against other processes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if say is not None:
                say("waiting for another process that builds the same simulator")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
