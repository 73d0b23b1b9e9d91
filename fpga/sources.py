"""The files of ours that a machine with its host link is made from, for keys of a cache."""

from pathlib import Path

import tightrope.hw

__all__ = ["machine_sources"]

_MODULES = ("gate", "machine", "top")


def machine_sources() -> list[Path]:
    """All of ``hw``, the link, and what puts them together."""
    fpga = Path(__file__).parent
    folders = (Path(tightrope.hw.__file__).parent, fpga / "link")
    paths = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return [
        *(path for path in paths if path.suffix in (".py", ".sv")),
        *(fpga / f"{name}.py" for name in _MODULES),
    ]
