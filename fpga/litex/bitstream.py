"""The SoC of LiteX as a bitstream, by our own tools: LiteX writes its Verilog and constraints."""

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..boards import find_board
from ..errors import FpgaError
from ..place import BITSTREAM
from ..presets import Preset
from ..steps import Step
from ..synthesis import COUNT, COUNTERS, NETLIST, synthesis_script
from ..timing import Timing, read_timing
from ..tools import NEXTPNR, PACK, YOSYS, check_tools, run_tool

__all__ = ["External", "build_external"]

_NAME = "top"
_BOARD = "ulx3s-85f"
_CLOCK_NET = "sys_clk"
"""What LiteX calls the clock of the board's logic."""
_KEEP = "attrmap -tocase keep -imap keep=\"true\" keep=1"
"""LiteX's spelling of an attribute that Yosys knows by another."""


@dataclass(frozen=True, kw_only=True)
class External:
    """A bitstream whose main memory is the board's SDRAM."""

    bitstream: Path
    machine: Path
    """What ``tightrope run --machine`` wants, to run something on the board."""
    timing: Timing


def build_external(
    preset: Preset, folder: Path, *, seed: int, say: Callable[[str], None]
) -> External:
    """Make the bitstream in ``folder``, from nothing. A clock that is missed is no error.

    Raises
    ------
    FpgaError
        If LiteX's packages or a tool is missing, or a tool fails.
    HwConfigError
        If the machine can't be built, or its memory is larger than the board's.
    """
    check_tools()
    step = Step(say)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with step.running("LiteX"):
        _generate(preset, folder)
    verilog = sorted(path.name for path in folder.iterdir() if path.suffix in (".v", ".sv"))
    shutil.copyfile(COUNTERS, folder / COUNTERS.name)
    reads = [*(f"read_verilog -sv {name}" for name in verilog), _KEEP, COUNT]
    script = synthesis_script(reads, _NAME, "-json", NETLIST)
    with step.running("synthesis"):
        run_tool(YOSYS, ["-q", "-p", script], folder=folder, log_name="yosys.log")
    arguments = [
        *find_board(_BOARD).nextpnr, "--json", NETLIST, "--lpf", f"{_NAME}.lpf",
        "--textcfg", "top.config", "--report", "report.json", "--seed", str(seed),
        "--timing-allow-fail", "--quiet",
    ]  # fmt: skip
    with step.running(f"place and route, seed {seed}"):
        run_tool(NEXTPNR, arguments, folder=folder, log_name="nextpnr.log")
    with step.running("bitstream"):
        arguments = ["--compress", "--input", "top.config", "--bit", BITSTREAM]
        run_tool(PACK, arguments, folder=folder, log_name="ecppack.log")
    report = json.loads((folder / "report.json").read_text())
    machine = folder / "machine.json"
    machine.write_text(json.dumps(preset.config.to_dict(), indent=1))
    return External(
        bitstream=folder / BITSTREAM,
        machine=machine,
        timing=read_timing(report, board_net=_CLOCK_NET),
    )


def _generate(preset: Preset, folder: Path) -> None:
    """Let LiteX write all that the tools read."""
    sources = folder / "machine"
    sources.mkdir()
    with (folder / "litex.log").open("w") as log, _quiet_litex(log):
        try:
            from litex.soc.integration.builder import Builder

            from .soc import MachineSoC
        except ImportError as error:
            raise FpgaError(f"{error.name} is needed: pip install 'tightrope[litex]'") from None
        soc = MachineSoC(preset.config, lanes=preset.lanes, folder=sources)
        builder = Builder(
            soc,
            output_dir=str(folder / "litex"),
            gateware_dir=str(folder),
            compile_software=False,
        )
        builder.build(run=False, build_name=_NAME)


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
