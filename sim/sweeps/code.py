"""Whether workers have the code that keys and rows are named after."""

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SweepError
from .files import source_fingerprint

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["check_workers", "code_identity"]


def code_identity() -> str:
    """Names all Python and JSON files of the simulation and the hardware."""
    root = Path(__file__).parent.parent
    roots = (root, root.parent / "hw")
    return source_fingerprint(*sorted({path.parent for r in roots for path in r.rglob("*.py")}))


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
