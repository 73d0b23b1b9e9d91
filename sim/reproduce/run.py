"""Reproductions by name."""

from collections.abc import Callable

from .alpine import reproduce_alpine
from .coupling import reproduce_coupling
from .errors import ReproduceError
from .rows import Reproduction

__all__ = ["NAMES", "Teller", "reproduce"]

Teller = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_MAKERS: dict[str, Callable[[Teller], Reproduction]] = {
    "coupling": reproduce_coupling,
    "alpine": lambda on_progress: reproduce_alpine(),
}
NAMES = tuple(_MAKERS)


def reproduce(name: str, on_progress: Teller = lambda what, done, total: None) -> Reproduction:
    """All rows of a reproduction; raises ReproduceError for a name that is none."""
    if name not in _MAKERS:
        raise ReproduceError(f"what can be reproduced is {' or '.join(NAMES)}, not {name!r}")
    return _MAKERS[name](on_progress)
