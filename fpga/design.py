"""The design of a machine on a board as files for synthesis: RTLIL, Verilog, pin constraints."""

import importlib
import json
import re
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import tightrope.fpga
import tightrope.hw
from tightrope.hw.mem.scratchpad import bank_sources
from tightrope.sim.cosim.cache import (
    cache_dir,
    contents,
    digest,
    is_complete,
    locked,
    mark_complete,
)

from .boards import Board
from .errors import FpgaError
from .presets import Preset

__all__ = ["CONSTRAINTS", "RTL", "TOP", "Design", "make_design"]

TOP = "top"
RTL = f"{TOP}.il"
CONSTRAINTS = f"{TOP}.lpf"


@dataclass(frozen=True, kw_only=True)
class Design:
    """Files in ``folder``, and a name for their content."""

    folder: Path
    key: str
    verilog: tuple[str, ...]
    """Names of what the RTLIL instantiates."""


def make_design(board: Board, preset: Preset, frequency_mhz: float) -> Design:
    """The design, from the cache if it is there.

    The key names what goes in, not what comes out: Amaranth orders the ports of a design of two
    clocks as Python's hashes fall.

    Raises
    ------
    FpgaError
        If the clock can't be made of the board's.
    """
    key = digest(
        preset.config.to_dict(), preset.lanes, board.name, frequency_mhz, _packages(), _sources()
    )
    folder = cache_dir() / "fpga" / "rtl" / key
    with locked(folder):
        if not is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            names = _write(board, preset, frequency_mhz, folder)
            mark_complete(folder, json.dumps(names))
    verilog = sorted(path.name for path in folder.iterdir() if path.suffix in (".v", ".sv"))
    return Design(folder=folder, key=key, verilog=tuple(verilog))


def _write(board: Board, preset: Preset, frequency_mhz: float, folder: Path) -> list[str]:
    # Imported late: what is in the cache needs no Amaranth.
    from .bitstream_top import board_top

    platform = _platform(board)
    top = board_top(board, preset, frequency_mhz)
    plan = platform.prepare(top, TOP, emit_src=False)
    wanted = re.compile(rf"{RTL}|{CONSTRAINTS}|(?!.*\.debug\.v).*\.v")
    for name, content in plan.files.items():
        if wanted.fullmatch(name):
            text = content if isinstance(content, str) else content.decode()
            (folder / name).write_text(text)
    for path in bank_sources(preset.config.scratchpad):
        shutil.copyfile(path, folder / path.name)
    return sorted(path.name for path in folder.iterdir())


def _platform(board: Board):
    """A new one: a platform prepares one design."""
    try:
        module = importlib.import_module(f"amaranth_boards.{board.module}")
    except ImportError:
        raise FpgaError("amaranth-boards is needed: pip install 'tightrope[fpga]'") from None
    platform = getattr(module, board.platform)()
    if board.uart is not None:
        from amaranth.build import Attrs
        from amaranth_boards.resources import UARTResource

        rx, tx = board.uart
        platform.add_resources(
            [UARTResource(0, rx=rx, tx=tx, conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33"))]
        )
    return platform


def _packages() -> list[str]:
    names = ("amaranth", "amaranth-boards", "pythondata-cpu-vexriscv")
    try:
        return [version(name) for name in names]
    except ModuleNotFoundError as error:
        raise FpgaError(f"{error.name} is needed: pip install 'tightrope[fpga]'") from None


_MODULES = ("bitstream_top", "boards", "crg", "design", "gate", "machine", "pll", "top")
"""What of this package, besides the link, a design is made by; the rest is about netlists."""


def _sources() -> list[tuple[str, str]]:
    """Everything of ours that a design is made from."""
    hw, fpga = (Path(package.__file__).parent for package in (tightrope.hw, tightrope.fpga))
    paths = [
        *(path for path in sorted(hw.rglob("*")) if path.suffix in (".py", ".sv")),
        *(fpga / f"{name}.py" for name in _MODULES),
        *sorted((fpga / "link").glob("*.py")),
    ]
    return contents(paths)
