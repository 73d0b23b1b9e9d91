"""Whether workers have the code that keys and rows are named after."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SweepError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["check_workers", "code_identity"]

PARTS = ("sim", "hw", "sw")
"""Folders of the checkout that a row may depend on."""


def code_identity() -> str:
    """Names every source of simulation, hardware and firmware."""
    root = Path(__file__).parent.parent.parent
    digest = hashlib.sha256()
    for path in sorted(path for part in PARTS for path in (root / part).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def check_workers(client: "Client", address: str) -> None:
    """Raise SweepError unless there are workers and all have the code of this process.

    A row's key names the code that the client has; a worker with other code would put wrong rows
    under it.
    """
    if not client.nthreads():
        raise SweepError(f"the dask scheduler at {address} has no workers")
    try:
        found = client.run(code_identity)
    except ImportError as error:
        raise SweepError(f"a worker of {address} can't import tightrope: {error}") from error
    ours = code_identity()
    for worker, theirs in found.items():
        if theirs != ours:
            raise SweepError(f"the worker {worker} has another version of tightrope")
